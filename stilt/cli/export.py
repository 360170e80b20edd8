"""``stilt export``: footprints in the formats that other tools read."""

from __future__ import annotations

from pathlib import Path

import click

from stilt.cli.bar import with_bar
from stilt.cli.notes import note_without
from stilt.cli.options import footprint_option, project_argument

EXAMPLES = """\b
Examples:
  stilt export demo --format geotiff -o tiffs       needs 'stilt-hpc[geotiff]'
  stilt export demo --format zarr -o foot.zarr      needs 'stilt-hpc[zarr]'
  stilt export demo --format by-id -o rstilt        R-STILT's layout
  stilt export demo --format paris --site WBB --time-resolved -o openghg
"""

FORMATS = ("geotiff", "zarr", "by-id", "paris")


@click.command("export", epilog=EXAMPLES)
@project_argument
@click.option("--format", "kind", type=click.Choice(FORMATS), required=True, help="Which format.")
@footprint_option()
@click.option(
    "--site", help="paris: the name of the site, or the column of receptors.csv that has it."
)
@click.option("--time-resolved", is_flag=True, help="paris: hours back one by one, as for CO2.")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    required=True,
    help="A new folder.",
)
def command(
    project: Path,
    *,
    kind: str,
    footprint: str | None,
    site: str | None,
    time_resolved: bool,
    output: Path,
) -> None:
    """Write the footprints of all complete simulations for other tools.

    geotiff: a file for each receptor, a band for each hour. zarr: one store of all. by-id: R-STILT's layout,
    by-id/ID/ID_foot.nc. paris: what OpenGHG's standardise_footprint reads as source_format="paris", a file for each
    site and month.
    Python: project.export(...).
    """
    from stilt.api.project import Project
    from stilt.foundations.quantities import counted

    options = {"site": site, "time_resolved": time_resolved or None}
    given = {name: value for name, value in options.items() if value is not None}
    opened = Project(project)
    with_bar(
        "export",
        lambda tell: opened.export(kind, output, footprint=footprint, tell=tell, **given),
    )
    files = sum(1 for path in output.rglob("*") if path.is_file())
    click.echo(f"{output}: {counted(files, 'file')}")
    note_without(opened, len(opened.those(None)), "footprint")
