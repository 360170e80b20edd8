"""``stilt init``: the files a new project starts from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from stilt.cli.options import project_argument
from stilt.foundations.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

EXAMPLES = """\b
Examples:
  stilt init mytower              starter files to edit
  stilt init demo --example       a project that runs as it is
  stilt init new --from old/r/run_stilt.r
  stilt init new --from receptors.csv
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
    help="Settings and receptors of an R-STILT (run_stilt.r) or PYSTILT (config.yaml) project, or a table of "
    "receptors (.csv, .rds, .parquet).",
)
@click.option(
    "--with-r",
    is_flag=True,
    help="Let R evaluate the script of --from (not what it does to files and processes), and compare.",
)
def command(project: Path, example: bool, source: Path | None, with_r: bool) -> None:
    """Write starter files for a project: config.yaml and receptors.csv.

    Nothing that exists is overwritten. Where receptors.csv is there alone, it stays, and config.yaml is written.
    """
    from stilt.example.starter import write_starter

    if source is not None:
        if example:
            raise InputError(
                "--example and --from: a project starts from one of them",
                "leave one out",
                code="OPTIONS_UNFIT",
            )
        _move_in(project, source, with_r=with_r)
        return
    if with_r:
        raise InputError(
            "--with-r: there is no script to evaluate",
            "name one: --from run_stilt.r",
            code="OPTIONS_UNFIT",
        )

    written = write_starter(project, example=example)
    for path in written:
        click.echo(f"wrote {path}")
    if len(written) == 1:
        click.echo(f"{project / 'receptors.csv'} was there, and stays as it is")
    click.echo(f"next: {next_step(project, example=example)}")


def _move_in(project: Path, source: Path, *, with_r: bool) -> None:
    """Write the settings and receptors of another project, and say what was left behind."""
    from stilt.migrate.migration import write_project
    from stilt.migrate.sources import read_project

    migration = read_project(source, with_r=with_r)
    for path in write_project(project, migration):
        click.echo(f"wrote {path}")
    if migration.account:
        click.echo(f"{migration.source.name}: {migration.account}")
    quiet = [text for text in migration.notes if text not in migration.unsettled]
    _list("could change receptors or settings, and is for you to settle:", migration.unsettled)
    _list(f"not carried over as it was (also in {project / 'config.yaml'}):", quiet)
    problems = migration.problems(project)
    for name, texts in problems.items():
        _list(f"to be mended in {name}:", texts)
    if migration.unsettled or problems:
        raise InputError(
            f"{project}: written, but not ready to run: see above what has to be settled",
            migration.next_step(project),
            code="MOVE_UNSETTLED",
        )
    click.echo(f"next: {next_step(project, example=False)}")


def _list(title: str, texts: Sequence[str]) -> None:
    if texts:
        click.echo(title)
    for text in texts:
        click.echo(f"  - {text}")


def next_step(project: Path, *, example: bool) -> str:
    """Say what to type now."""
    from shlex import quote

    where = "" if str(project) == "." else f" {quote(str(project))}"
    if example:
        return f"stilt run{where}"
    return f"edit config.yaml and receptors.csv, then stilt check{where}"
