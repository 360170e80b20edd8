"""``stilt doctor``: what this filesystem, machine and cluster really do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from stilt.cli.options import project_argument
from stilt.cli.terminal import terminal_width, wants_colour

if TYPE_CHECKING:
    from pathlib import Path


@click.command("doctor")
@project_argument
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def command(project: Path, as_json: bool) -> int:
    """Try out the filesystem of a project, and look at this machine and its Slurm.

    Exclusive creation, appends, fsync, renames, locks, names and clock are tried in a folder that is removed
    again; PROJECT can be any folder. Who else could write to what runs as you is told. Run it on a compute
    node, too: what it says goes for the machine it runs on. Exits with 4 if something is found that loses
    results.
    """
    from stilt.check.finding import exit_code, worst_first
    from stilt.check.storage import existing_parent
    from stilt.check.table import render
    from stilt.doctor import executed, filesystem, machine

    output, exe_dir = _settings(project)
    findings = [
        *filesystem.examine(existing_parent(output)),
        *machine.examine(),
        *machine.examine_slurm(),
        *executed.examine(project.absolute(), exe_dir),
    ]
    if as_json:
        from stilt.foundations.text import json_text

        click.echo(json_text(worst_first(findings), indent=-1))
        return exit_code(findings)
    click.echo(render(findings, terminal_width(), colour=wants_colour()), color=True)
    return exit_code(findings)


def _settings(project: Path) -> tuple[Path, str | None]:
    """Return where the project's results go, or the folder itself if it is no project, and its own HYSPLIT, if any."""
    from stilt.foundations.errors import StiltError
    from stilt.status.opened import open_project

    try:
        opened = open_project(project)
    except StiltError:
        return project.absolute(), None
    own = opened.config.hysplit if opened.config else None
    return opened.layout.output, own.exe_dir if own else None
