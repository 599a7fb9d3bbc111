"""``cronfsm logs``: what a run has printed."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable

import click

from fsm.cli.captured import CapturedOutput, Piece, sizes
from fsm.cli.context import Session
from fsm.cli.group import Command
from fsm.cli.lookup import run_or_newest
from fsm.cli.output import Output, note, pause
from fsm.cli.words import ending
from fsm.model.facts import Execution
from fsm.model.run import Run
from fsm.model.states import SlotState, State
from fsm.plural import many

POLL_S = 0.2
"""How often new output is looked for while following: files have no event that works everywhere."""


@click.command(
    "logs",
    cls=Command,
    examples=["cronfsm logs backup/42", "cronfsm logs backup --follow", "cronfsm logs backup | less"],
)
@click.argument("target", metavar="RUN|JOB")
@click.option("--follow", "-f", is_flag=True, help="Go on until the run ends.")
@click.pass_obj
def logs_command(session: Session, target: str, follow: bool) -> None:
    """What RUN (or the newest run of JOB) has printed, stdout and stderr together.

    Of long output the head and the tail are kept (see output_limit); a line says where something was left out.
    """
    run = run_or_newest(session.journal, target)
    output = session.output
    captured = CapturedOutput(session.folder.run_folder(run.job, run.number))
    if follow:
        show = _LinesOfJson(output, run).show if output.as_json else Raw(output).show
        _follow(session, run, captured, show)
    elif output.as_json:
        output.document(_document(session, run, captured))
    else:
        raw = Raw(output)
        raw.show(captured.read())
        if not captured.position:
            note(_nothing(run))


def _nothing(run: Run) -> str:
    if run.started_at is None:
        return f"{run.id} has printed nothing: it has not been executed ({run.state})"
    return f"{run.id} has printed nothing" + ("" if run.state.terminal else " yet; to wait for it: --follow")


class Raw:
    """Bytes as they were printed, with a line for what was left out."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._line_begins = True

    def show(self, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            if piece.left_out:
                were = "was" if piece.left_out == 1 else "were"
                text = f"[cronfsm: {many(piece.left_out, 'byte')} {were} left out here; see output_limit]\n"
                self._output.raw((b"" if self._line_begins else b"\n") + text.encode())
                self._line_begins = True
            else:
                self._output.raw(piece.data)
                self._line_begins = piece.data.endswith(b"\n")


class _Text:
    """Bytes as text; what is not UTF-8 is replaced, and characters that span two pieces are put together."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def of(self, piece: Piece) -> str:
        if piece.left_out:
            self._decoder.reset()
        return self._decoder.decode(piece.data)


class _LinesOfJson:
    """One line of JSON a piece."""

    def __init__(self, output: Output, run: Run) -> None:
        self._output, self._run, self._text = output, run, _Text()

    def show(self, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            self._output.line(
                {
                    "run_id": self._run.id,
                    "offset": piece.offset,
                    "text": self._text.of(piece),
                    "left_out": piece.left_out,
                }
            )


def _document(session: Session, run: Run, captured: CapturedOutput) -> dict[str, object]:
    text = _Text()
    parts = [{"offset": piece.offset, "text": text.of(piece), "left_out": piece.left_out} for piece in captured.read()]
    total, kept = sizes(session.folder.run_folder(run.job, run.number))
    return {"run_id": run.id, "state": run.state, "bytes": total, "kept": kept, "parts": parts}


def _follow(session: Session, run: Run, captured: CapturedOutput, show: Callable[[Iterable[Piece]], None]) -> None:
    """Until the run has ended and nothing of it can print any more; its own deadlines bound that."""
    journal = session.journal
    while True:
        # Whether it is over is asked before the output is read: what it printed last is read then, too.
        now = journal.run(run.job, run.number) or run
        over = _over(session, now)
        show(captured.read())
        if over:
            break
        pause(POLL_S)
    if not session.as_json:
        note(
            f"{now.id} {ending(now)}" if now.state.terminal else f"{now.id} is {now.state}, and its supervisor is gone"
        )


def _over(session: Session, run: Run) -> bool:
    if run.state is State.QUEUED:
        return False
    if run.slot is SlotState.FREE or run.arming is None:
        return run.state.terminal
    if session.served() is not None:
        return False
    examination = session.launcher.examine(Execution(run.job, run.number, run.arming))
    examination.close()
    return not examination.finding.alive
