"""The systemd unit of `cronfsm serve`, as text."""

from __future__ import annotations

from attrs import frozen


@frozen(slots=True)
class Unit:
    """`program` is the command that starts cronfsm, word by word; `of_user` a unit of a user's own manager."""

    program: tuple[str, ...]
    data_dir: str
    jobs_file: str | None
    of_user: bool
    path: str  # PATH for the jobs, as it is where the unit is installed

    def text(self) -> str:
        """The whole file."""
        serve = [*self.program, "--data-dir", self.data_dir, "serve", *([self.jobs_file] if self.jobs_file else [])]
        target = "default.target" if self.of_user else "multi-user.target"
        lines = [
            "# Written by `cronfsm service install`; it writes the same again, so keep changes in a drop-in",
            "# (systemctl edit cronfsm).",
            "[Unit]",
            "Description=cronfsm: scheduled runs that always end and never overlap",
            "After=network.target time-sync.target",
            "",
            "[Service]",
            "Type=notify",
            f"ExecStart={' '.join(quote(word) for word in serve)}",
            "ExecReload=/bin/kill -HUP $MAINPID",
            "# Runs outlive the scheduler: a restart or an upgrade ends this process and no other.",
            "KillMode=process",
            "Restart=always",
            "RestartSec=2s",
            "# A control group of its own for each run, so that nothing of a run can hide.",
            "Delegate=yes",
            "# Jobs are a person's own commands, and inherit what is set here: nothing takes away what they may",
            "# need, nor changes the rights of files that they write. The data folder is shut by its own rights.",
            "NoNewPrivileges=no",
            "LimitNOFILE=65536",
            "OOMPolicy=continue",
            f"Environment={quote('PATH=' + self.path)}",
            "",
            "[Install]",
            f"WantedBy={target}",
        ]
        return "\n".join(lines) + "\n"


def quote(word: str) -> str:
    """A word as systemd.service(5) takes it: specifiers and variables doubled, blanks and quotes in quotes."""
    word = word.replace("%", "%%").replace("$", "$$")
    if word and not any(c in word for c in " \t\"'\\;"):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
