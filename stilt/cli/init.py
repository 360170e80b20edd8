"""``stilt init``: the files a new project starts from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from stilt.cli.options import project_argument

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = """\b
Examples:
  stilt init mytower              starter files to edit
  stilt init demo --example       a project that runs as it is
"""


@click.command("init", epilog=EXAMPLES)
@project_argument
@click.option(
    "--example", is_flag=True, help="A project that runs as it is, with an atmosphere of its own."
)
def command(project: Path, example: bool) -> None:
    """Write starter files for a project: config.yaml and receptors.csv.

    Nothing that exists is overwritten.
    """
    from stilt.example.starter import write_starter

    for path in write_starter(project, example=example):
        click.echo(f"wrote {path}")
    click.echo(f"next: {next_step(project, example=example)}")


def next_step(project: Path, *, example: bool) -> str:
    """Say what to type now."""
    from shlex import quote

    where = "" if str(project) == "." else f" {quote(str(project))}"
    if example:
        return f"stilt run{where}"
    return f"edit config.yaml and receptors.csv, then stilt check{where}"
