"""A receiver of webhooks: ``web_receiver.py FIFO COUNT [STATUS]`` writes its address into FIFO, answers COUNT requests
with STATUS, prints each (method, path, and of a body that is an event: what happened), and ends."""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Receiver(BaseHTTPRequestHandler):
    """Prints what it gets."""

    status = 200

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        said = ""
        if body:
            event = json.loads(body)
            said = f" {event['run_id']} {event['data']['state']}" if "run_id" in event else f" {sorted(event)}"
        print(f"{self.command} {self.path}{said}", flush=True)
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing beside what is printed above."""


def main() -> None:
    fifo, count, *status = sys.argv[1:]
    Receiver.status = int(status[0]) if status else 200
    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        with open(fifo, "w") as file:
            file.write(f"http://127.0.0.1:{server.server_port}\n")
        for _ in range(int(count)):
            server.handle_request()


if __name__ == "__main__":
    main()
