"""``python -m fsm.notify.post``: one message to one address, in a process of its own, so that whatever a receiver does
(it hangs, it trickles, a library of it leaks) ends with this process.

stdin is ``{"way", "address", "title", "body"}``. Nothing on stdout; where it failed, exit code 1 and one line on
stderr, which never holds the address.
"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from typing import Any

TIMEOUT_S = 10.0
"""For connecting, and for each answer of the socket; the caller bounds all of it together."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """An answer that points elsewhere is none: the message would go to somebody whom the job does not name."""

    def redirect_request(self, *_: Any) -> None:
        return None


def post(address: str, body: bytes) -> None:
    """POST JSON. Raises RuntimeError that says what was answered, or why nothing was."""
    headers = {"Content-Type": "application/json", "User-Agent": "cronfsm"}
    request = urllib.request.Request(address, body, headers, method="POST")
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=TIMEOUT_S):
            return
    except urllib.error.HTTPError as error:
        raise RuntimeError(f"it answered {error.code}") from None
    except urllib.error.URLError as error:
        raise RuntimeError(_reason(error.reason)) from None
    except TimeoutError:
        raise RuntimeError("it did not answer in time") from None
    except Exception as error:  # what else http.client raises may quote the address
        raise RuntimeError(f"it could not be reached ({type(error).__name__})") from None


def _reason(reason: object) -> str:
    if isinstance(reason, TimeoutError):
        return "it did not answer in time"
    text = reason.strerror if isinstance(reason, OSError) and reason.strerror else type(reason).__name__
    return f"it could not be reached ({text})"


def tell(address: str, title: str, body: str) -> None:
    """By Apprise. Raises RuntimeError."""
    try:
        import apprise
    except ImportError:
        raise RuntimeError("addresses of Apprise need an extra: pip install 'cronfsm[notify]'") from None
    sender = apprise.Apprise()
    if not sender.add(address):
        raise RuntimeError("Apprise does not know this kind of address")
    if not sender.notify(title=title, body=body):
        raise RuntimeError("Apprise could not deliver it")


def main() -> int:
    """One message, from stdin."""
    order = json.load(sys.stdin)
    try:
        if order["way"] == "webhook":
            post(order["address"], order["body"].encode())
        else:
            tell(order["address"], order["title"], order["body"])
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
