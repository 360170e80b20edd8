"""``stilt check``: what would stop or waste a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from stilt.cli.options import project_argument
from stilt.cli.terminal import terminal_width, wants_colour

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stilt.check.finding import Finding


@click.command("check")
@project_argument
@click.option(
    "--receptors",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Another file in place of receptors.csv.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def command(project: Path, receptors: Path | None, as_json: bool) -> int:
    """Look for what would stop or waste a run: settings, receptors, meteorology, engine, disk, Slurm.

    Runs and submits nothing. Exit code: 0 nothing stands in the way, 2 the input is wrong, 4 the
    surroundings are.
    """
    from stilt.check.finding import exit_code, worst_first
    from stilt.check.preflight import preflight
    from stilt.check.table import render, summary

    findings = [*preflight(project, receptors), *(() if receptors else _of_results(project))]
    if as_json:
        from stilt.foundations.text import json_text

        click.echo(json_text(worst_first(findings), indent=-1))
        return exit_code(findings)
    click.echo(render(findings, terminal_width(), colour=wants_colour()), color=True)
    click.echo(f"\n{summary(findings)}")
    return exit_code(findings)


def _of_results(project: Path) -> Iterator[Finding]:
    """Yield what `run` would say of the results that there are, and of work in hand; nothing before the first run."""
    from stilt.check.finding import note
    from stilt.foundations.errors import StiltError
    from stilt.status.opened import open_project
    from stilt.status.recount import recount
    from stilt.status.standing import Standing

    try:
        opened = open_project(project)
    except StiltError:  # which the settings' own findings tell
        return
    if not opened.layout.log_dir.is_dir():
        return
    plan = recount(Standing(opened, ask_slurm=False), [])
    for words in plan.remarks() if plan else ():
        yield note("results", words)
