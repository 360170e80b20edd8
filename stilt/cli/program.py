"""The program ``stilt``: its commands, and how errors become messages and exit codes."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from typing import TYPE_CHECKING, NoReturn, TextIO, cast

import click

from stilt.cli.lazy import Entry, LazyGroup, debug_option
from stilt.cli.notes import warnings_as_notes
from stilt.foundations.errors import EnvironmentFailure, ProblemsError, StiltError
from stilt.foundations.text import PrintableStream, shown
from stilt.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

EXIT_USAGE = 2
EXIT_INTERNAL = 70
EXIT_KEYBOARD = 130
EXIT_BROKEN_PIPE = 141
PROBLEMS_SHOWN = 20
COMPLETE_VARIABLE = "_STILT_COMPLETE"

_ALLOCATIONS = 50_000
"""Between two looks for garbage: imports make none, and looking through them is a twentieth of a short command."""


SECTIONS = {
    "Set up": {
        "init": Entry("stilt.cli.init", "Write starter files for a project."),
        "receptors": Entry("stilt.cli.receptors", "Receptors from soundings, or times and places."),
        "check": Entry("stilt.cli.check", "Look for what would stop a run; runs nothing."),
        "hysplit": Entry("stilt.cli.hysplit", "Install or find the transport binary."),
        "met": Entry("stilt.cli.met", "Which meteorology there is and whom it covers."),
        "config": Entry("stilt.cli.config", "The JSON Schema of config.yaml for editors."),
        "doctor": Entry("stilt.cli.doctor", "What this filesystem and cluster really do."),
    },
    "Run": {
        "run": Entry("stilt.cli.run", "Register and run what is not yet complete."),
        "status": Entry("stilt.cli.status", "How far, how fast, what failed and why."),
        "logs": Entry("stilt.cli.logs", "What the model said about one simulation."),
        "cancel": Entry("stilt.cli.cancel", "Cancel the project's queued and running jobs."),
        "push-worker": Entry("stilt.cli.push_worker", "Work through one chunk (Slurm calls this)."),
    },
    "Results": {
        "plot": Entry("stilt.cli.plot", "Draw a simulation's footprint and particles."),
        "report": Entry("stilt.cli.report", "One HTML page about a run."),
        "enhancements": Entry(
            "stilt.cli.enhancements", "What a flux adds at each receptor, and its error."
        ),
        "jacobian": Entry(
            "stilt.cli.jacobian", "The matrix of an inversion: receptors x bins x elements."
        ),
        "export": Entry("stilt.cli.export", "Footprints as GeoTIFF, Zarr, by-id, for OpenGHG."),
        "verify": Entry(
            "stilt.cli.verify", "Check outputs against the sizes and digests in the log."
        ),
        "archive": Entry("stilt.cli.archive", "Pack outputs into few large files; all reads on."),
        "log": Entry("stilt.cli.log", "Replay the log, or show its events."),
    },
    "Learn": {
        "help": Entry("stilt.cli.help", "Show a topic of the guide; lists them without one."),
        "completion": Entry(
            "stilt.cli.completion", "Print the script that completes commands on Tab."
        ),
    },
}


@click.group(
    cls=LazyGroup,
    sections=SECTIONS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="\b\nA first run:\n  stilt init demo --example && stilt run demo && stilt status demo"
    "\n\n\b\nWhat lies behind an error, by the code that ends it:\n  stilt help CODE",
)
@click.version_option(__version__, prog_name="stilt", message="%(prog)s %(version)s")
def program() -> None:
    """Particle trajectories and footprints for atmospheric receptors, here or as one Slurm array.

    A project is a folder with config.yaml and receptors.csv. Every command takes it as its argument, and
    uses the current folder without one.
    """


program.params.append(debug_option())


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with the code that the outcome has.

    0 all good, 1 simulations failed, 2 wrong command line, config or receptors, 3 not finished,
    4 the environment, 5 damaged log or outputs, 75 a worker that can be requeued.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    gc.set_threshold(_ALLOCATIONS)
    _open_closed_streams()
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(_printable, streams)
    try:
        with warnings_as_notes():
            code = _run(given)
        sys.stdout.flush()
    except BrokenPipeError:
        code = _leave_broken_pipe()
    except KeyboardInterrupt:
        click.echo("\nstilt: interrupted", err=True)
        code = EXIT_KEYBOARD
    except Exception as error:  # noqa: BLE001 - the last place where an error can become a message
        if "--debug" in given:
            import traceback

            traceback.print_exc()
        code = report(error)
    finally:
        sys.stdout, sys.stderr = streams
    sys.exit(code)


def _printable(stream: TextIO) -> TextIO:
    """Let nothing through that a terminal would obey, but for what stilt draws with."""
    return cast("TextIO", PrintableStream(stream))


def _open_closed_streams() -> None:
    """Give whoever was started with a standard stream closed (``>&-``, some daemons) the null device there.

    Otherwise the next file opened, a log segment perhaps, takes its number, and every stray word on stdout
    or stderr, a child's too, goes into that file.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # takes the lowest number free
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def _run(arguments: list[str]) -> int:
    """Parse and invoke. A command's return value is its exit code.

    Not ``program.main``: that ends with 1 on a broken pipe, and 1 means that simulations failed.
    """
    instruction = os.environ.get(COMPLETE_VARIABLE)
    if instruction:
        from click.shell_completion import shell_complete

        return shell_complete(program, {}, "stilt", COMPLETE_VARIABLE, instruction)
    with program.make_context("stilt", arguments) as context:
        result = program.invoke(context)
    return result if isinstance(result, int) else 0


def report(error: Exception) -> int:
    """Print an error on stderr for a person and return the exit code that it means."""
    if isinstance(error, OSError):
        hint = "mend that, then run the same command again: it goes on where this one stopped"
        error = _with_room(
            EnvironmentFailure(_os_message(error), hint, code="SYSTEM_REFUSED"), error
        )
    elif isinstance(error, EnvironmentFailure):
        error = _with_room(error, error.__cause__)
    with contextlib.suppress(OSError):  # stderr can be on a full disk: the exit code says it then
        _tell(error)
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.Abort):
        return EXIT_KEYBOARD
    if isinstance(error, click.ClickException):
        return EXIT_USAGE
    return error.exit_code if isinstance(error, StiltError) else EXIT_INTERNAL


def _tell(error: Exception) -> None:
    if isinstance(error, click.Abort):
        click.echo("stilt: aborted", err=True)
    elif isinstance(error, click.ClickException):
        error.show()
    elif isinstance(error, StiltError):
        _say(error)
    elif not isinstance(error, click.exceptions.Exit):
        _say_internal(error)


def _say(error: StiltError) -> None:
    """Print what is wrong and the code of it, then its details, then what to do."""
    code = click.style(f" [{error.code}]", dim=True) if error.code else ""
    click.echo(f"{click.style('stilt:', fg='red')} {error.message}{code}", err=True)
    if isinstance(error, ProblemsError):
        for problem in error.problems[:PROBLEMS_SHOWN]:
            click.echo(f"  {problem}", err=True)
        if len(error.problems) > PROBLEMS_SHOWN:
            click.echo(f"  ... and {len(error.problems) - PROBLEMS_SHOWN:,} more", err=True)
    if error.hint:
        click.echo(f"  {click.style('->', fg='cyan')} {error.hint}", err=True)


def _os_message(error: OSError) -> str:
    """Say in words what the operating system refused, and for which file."""
    what = error.strerror or str(error) or type(error).__name__
    return shown(f"{error.filename}: {what}" if error.filename else what)


def _with_room(error: EnvironmentFailure, cause: BaseException | None) -> EnvironmentFailure:
    """Say which it is where the system says "no space": space, or files."""
    if not isinstance(cause, OSError) or not isinstance(cause.filename, str | bytes):
        return error
    from pathlib import Path

    from stilt.foundations.room import no_room

    said = no_room(cause, Path(os.fsdecode(cause.filename)).absolute().parent)
    if said is None:
        return error
    message = error.message.replace(cause.strerror or "", "").rstrip(": ")
    return EnvironmentFailure(
        f"{message}: {said[0]}",
        f"{said[1]}, then run the same command again",
        code="DISK_FULL",
    )


def _say_internal(error: Exception) -> None:
    what = f"internal error: {type(error).__name__}: {shown(str(error))}"
    code = click.style(" [INTERNAL]", dim=True)
    click.echo(f"{click.style('stilt:', fg='red')} {what}{code}", err=True)
    click.echo("  -> run the same command with --debug and report what it prints", err=True)


def _leave_broken_pipe() -> int:
    """Keep the interpreter from complaining about a reader such as ``head`` that went away."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return EXIT_BROKEN_PIPE
