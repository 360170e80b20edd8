"""``stilt plot``: a picture of a simulation."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import click

from stilt.cli.options import project_argument

EXAMPLES = """\b
Examples:
  stilt plot jet_202606162200_-111.9_40.5_30
  stilt plot 2200_-111.9_40.5_30 demo     a part that only one id has will do
  stilt plot 2200_-111.9_40.5_30 demo -o picture.pdf
  stilt plot 2200_-111.9_40.5_30 demo --footprint coarse --window
"""


@click.command("plot", epilog=EXAMPLES, context_settings={"ignore_unknown_options": True})
@click.argument("sim")
@project_argument
@click.option(
    "--footprint",
    "name",
    metavar="NAME",
    help="Which footprint; the first of config.yaml unless given.",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The picture (.png, .pdf, .svg); SIM.png here unless given.",
)
@click.option("--window", is_flag=True, help="Show it in a window in place of writing a file.")
def command(sim: str, project: Path, name: str | None, output: Path | None, window: bool) -> None:
    """Draw simulation SIM: its footprint on a map, its particles in plan and in height against time."""
    from stilt.api.project import Project
    from stilt.status.words import find_id

    with suppress(ImportError):
        import matplotlib as mpl

        # a matplotlibrc in the current folder may be anybody's, and would have LaTeX started
        mpl.rcParams["text.usetex"] = False
    opened = Project(project)
    result = opened[find_id(opened.layout, sim)]
    if window:
        from stilt.plot.window import show

        show(result, name)
        return
    path = output or Path(f"{result.id}.png")
    result.plot(path, name=name)
    click.echo(str(path))
