"""``stilt init``: the files a new project starts from."""

from __future__ import annotations

from pathlib import Path

import click

from stilt.cli.options import project_argument
from stilt.foundations.errors import InputError

EXAMPLES = """\b
Examples:
  stilt init mytower              starter files to edit
  stilt init demo --example       a project that runs as it is
  stilt init new --from old/r/run_stilt.r
"""


@click.command("init", epilog=EXAMPLES)
@project_argument
@click.option(
    "--example", is_flag=True, help="A project that runs as it is, with an atmosphere of its own."
)
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path),
    help="Settings and receptors of an R-STILT (run_stilt.r, .rds) or PYSTILT (config.yaml) project.",
)
def command(project: Path, example: bool, source: Path | None) -> None:
    """Write starter files for a project: config.yaml and receptors.csv.

    Nothing that exists is overwritten.
    """
    from stilt.example.starter import write_starter

    if source is not None:
        if example:
            raise InputError(
                "--example and --from: a project starts from one of them", "leave one out"
            )
        _move_in(project, source)
        return

    for path in write_starter(project, example=example):
        click.echo(f"wrote {path}")
    click.echo(f"next: {next_step(project, example=example)}")


def _move_in(project: Path, source: Path) -> None:
    """Write the settings and receptors of another project, and say what was left behind."""
    from stilt.migrate.migration import write_project
    from stilt.migrate.sources import read_project

    migration = read_project(source)
    for path in write_project(project, migration):
        click.echo(f"wrote {path}")
    if migration.notes:
        click.echo(f"not carried over as it was (also in {project / 'config.yaml'}):")
        for text in migration.notes:
            click.echo(f"  - {text}")
    for name, problems in migration.problems(project).items():
        click.echo(f"to be mended in {name}:")
        for text in problems:
            click.echo(f"  - {text}")
    click.echo(f"next: {next_step(project, example=False)}")


def next_step(project: Path, *, example: bool) -> str:
    """Say what to type now."""
    from shlex import quote

    where = "" if str(project) == "." else f" {quote(str(project))}"
    if example:
        return f"stilt run{where}"
    return f"edit config.yaml and receptors.csv, then stilt check{where}"
