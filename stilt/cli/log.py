"""``stilt log``: the log folded afresh, and its events as a person reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from stilt.cli import offered
from stilt.cli.options import project_argument
from stilt.cli.terminal import terminal_width

if TYPE_CHECKING:
    from pathlib import Path

    from stilt.status.opened import Opened

EXAMPLES = """\b
Examples:
  stilt log replay                           counts, from every event there is
  stilt log replay --until 2026-11-20T18:00  the counts of that moment (UTC)
  stilt log replay --sim hrrr_202606162200_-111.9_40.5_30
  stilt log show --follow                    events as they are written
"""


@click.group("log", epilog=EXAMPLES)
def command() -> None:
    """Replay the log, or show its events."""


@command.command("replay", epilog=EXAMPLES)
@project_argument
@click.option("--until", metavar="TIME", help="Leave out what came after this moment (ISO, UTC).")
@click.option(
    "--sim",
    metavar="ID",
    shell_complete=offered.simulations,
    help="Show the history of one simulation.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--strict", is_flag=True, help="Exit with 5 if the log is damaged.")
def replay(
    project: Path, until: str | None, sim: str | None, as_json: bool, strict: bool
) -> int | None:
    """Fold the whole log afresh, to a moment, or for one simulation.

    The checkpoint is ignored: what is shown follows from the events alone.
    """
    from stilt.cli.status import screen, to_json
    from stilt.status.gather import gather
    from stilt.status.moments import parse_moment
    from stilt.status.opened import open_project

    moment = parse_moment(until) if until else None
    opened = open_project(project)
    if sim is not None:
        return _history(opened, sim, moment, as_json=as_json, strict=strict)
    summary = gather(opened, until=moment, use_checkpoint=False)
    if as_json:
        click.echo(to_json(summary))
    else:
        click.echo(screen(summary, str(project), past=moment is not None), nl=False, color=True)
    return _verdict(summary.damaged) if strict else None


def _history(
    opened: Opened, sim: str, moment: float | None, *, as_json: bool, strict: bool
) -> int | None:
    from stilt.cli.status import to_json
    from stilt.foundations.page import ENDLESS
    from stilt.status.history import history, render

    found = history(opened, sim, moment)
    width = terminal_width(piped=ENDLESS)
    click.echo(to_json(found) if as_json else render(found, width), nl=as_json)
    return _verdict(found.damaged) if strict else None


def _verdict(damaged: int) -> int:
    from stilt.foundations.errors import DamagedError

    return DamagedError.exit_code if damaged else 0


@command.command("show", epilog=EXAMPLES)
@project_argument
@click.option("--follow", "-f", is_flag=True, help="Go on as events are written, until Ctrl-C.")
def show(project: Path, follow: bool) -> None:
    """Show the events in the order of their time.

    In a pipe each is one line.
    """
    from stilt.foundations.page import ENDLESS
    from stilt.status.opened import open_project
    from stilt.status.stream import events, follow_events, wrapped

    layout = open_project(project).layout
    source = follow_events(layout.log_dir) if follow else events(layout.log_dir)
    try:
        for line in source:
            click.echo(wrapped(line, terminal_width(piped=ENDLESS)), nl=False)
    except KeyboardInterrupt:
        if not follow:
            raise
