"""``stilt status``: the state of a project, as a screen, as JSON, or as a list of what failed."""

from __future__ import annotations

import signal
import sys
import time
from typing import TYPE_CHECKING

import click

from stilt.cli.options import project_argument
from stilt.cli.terminal import terminal_width, wants_colour

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stilt.status.failed import Failure
    from stilt.status.history import History
    from stilt.status.summary import Summary

WATCH_S = 2.0

EXAMPLES = """\b
Examples:
  stilt status                    the project in the current folder
  stilt status demo --watch       until everything is done, or Ctrl-C
  stilt status --failed           what failed, why, on which node
  stilt status --json | jq .failures
"""


@click.command("status", epilog=EXAMPLES)
@project_argument
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--watch", is_flag=True, help="Show it again and again, until all is done.")
@click.option("--failed", is_flag=True, help="List the simulations that failed.")
@click.option("--no-slurm", is_flag=True, help="Do not ask Slurm about queued and running tasks.")
def command(project: Path, as_json: bool, watch: bool, failed: bool, no_slurm: bool) -> None:
    """Show how far a project is, how fast it goes, what failed and why, and what runs where.

    Takes no lock and writes nothing: a colleague who may only read can ask, too.
    """
    from stilt.status.gather import gather
    from stilt.status.opened import open_project

    if watch and (as_json or failed):
        raise click.UsageError("--watch is a screen: it can't be had with --json or --failed.")
    opened = open_project(project)
    if failed:
        from stilt.foundations.page import ENDLESS
        from stilt.status.failed import failures, render

        found = failures(opened, ask_slurm=not no_slurm)
        width, colour = terminal_width(piped=ENDLESS), wants_colour()
        click.echo(to_json(found) if as_json else render(found, width, colour=colour), color=True)
        return
    if watch:
        _watch(lambda: gather(opened, ask_slurm=not no_slurm), str(project))
        return
    summary = gather(opened, ask_slurm=not no_slurm)
    if as_json:
        click.echo(to_json(summary))
    else:
        click.echo(screen(summary, str(project)), nl=False, color=True)


def to_json(content: Summary | History | list[Failure]) -> str:
    """Return what ``status --json`` and ``log replay --json`` print."""
    from stilt.foundations.text import json_text

    return json_text(content)


def screen(summary: Summary, argument: str, *, watching: bool = False, past: bool = False) -> str:
    """Return the status screen for the terminal that stdout is."""
    from stilt.status.screen import render

    return render(
        summary,
        terminal_width(),
        colour=wants_colour(),
        argument=argument,
        watching=watching,
        past=past,
    )


def _watch(look: Callable[[], Summary], argument: str) -> None:
    """Redraw in place: the cursor goes home and each line erases its rest, so that nothing flickers.

    The terminal does not wrap meanwhile: a line takes one row, however long a path is.
    """
    interactive = sys.stdout.isatty()
    summary = None
    for number in (signal.SIGTERM, signal.SIGHUP):  # as Ctrl-C: the terminal gets its cursor back
        signal.signal(number, signal.default_int_handler)
    try:
        if interactive:
            sys.stdout.write("\x1b[?1049h\x1b[?25l\x1b[?7l")
        while True:
            summary = look()
            if interactive:
                _redraw(screen(summary, argument, watching=True))
            if not summary.in_hand:
                break
            if not interactive:  # the last one is printed below
                click.echo(screen(summary, argument, watching=True), color=True)
            time.sleep(WATCH_S)
    except KeyboardInterrupt:
        pass
    finally:
        if interactive:
            sys.stdout.write("\x1b[?7h\x1b[?25h\x1b[?1049l")
            sys.stdout.flush()
    if summary is not None:  # Ctrl-C may come before the first look has ended
        click.echo(screen(summary, argument), nl=False, color=True)


def _redraw(shown: str) -> None:
    from shutil import get_terminal_size

    lines, room = shown.splitlines(), get_terminal_size().lines - 1
    if len(lines) > room:
        hidden = len(lines) - room + 1
        lines[max(room - 1, 0) :] = [
            f"... {hidden:,} lines more: this window is too short for them"
        ]
    sys.stdout.write("\x1b[H" + "".join(f"{line}\x1b[K\n" for line in lines) + "\x1b[J")
    sys.stdout.flush()
