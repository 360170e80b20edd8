"""``stilt report``: one page about a run."""

from __future__ import annotations

from pathlib import Path

import click

from stilt.cli.options import project_argument

EXAMPLES = """\b
Examples:
  stilt report                    report.html in the current folder
  stilt report demo -o demo.html
"""


@click.command("report", epilog=EXAMPLES)
@project_argument
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("report.html"),
    show_default=True,
    help="The page.",
)
def command(project: Path, output: Path) -> None:
    """Write one HTML page about a run: progress, failures, cost, receptors, footprints, settings.

    It holds everything it shows: it opens offline and can be mailed.
    """
    from stilt.api.project import Project
    from stilt.foundations.ownership import refuse_foreign_link
    from stilt.report.content import collect
    from stilt.report.page import render

    refuse_foreign_link(output)
    page = render(collect(Project(project)))
    output.write_text(page, encoding="utf-8")
    click.echo(str(output))
