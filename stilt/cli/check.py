"""``stilt check``: what would stop or waste a run."""

from __future__ import annotations

from pathlib import Path

import click

from stilt.cli.options import project_argument
from stilt.cli.terminal import terminal_width, wants_colour


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

    findings = list(preflight(project, receptors))
    if as_json:
        from stilt.foundations.text import json_text

        click.echo(json_text(worst_first(findings), indent=-1))
        return exit_code(findings)
    click.echo(render(findings, terminal_width(), colour=wants_colour()), color=True)
    click.echo(f"\n{summary(findings)}")
    return exit_code(findings)
