"""``stilt enhancements``: what a flux adds at each receptor, and how uncertain that is."""

from __future__ import annotations

from pathlib import Path

import click

from stilt.cli.notes import note_without
from stilt.cli.options import footprint_option, project_argument

EXAMPLES = """\b
Examples:
  stilt enhancements demo --flux emissions.nc:co2 > ppm.csv
  stilt enhancements demo --flux emissions.nc:co2 --error
  stilt enhancements demo --error     of 1 umol m-2 s-1 everywhere
"""


@click.command("enhancements", epilog=EXAMPLES)
@project_argument
@click.option(
    "--flux",
    metavar="FILE[:VARIABLE]",
    help="A flux in umol m-2 s-1 or by mass, a NetCDF file; 1 umol m-2 s-1 everywhere unless given.",
)
@click.option(
    "--error",
    is_flag=True,
    help="The Monte-Carlo standard error too, from parts of the particles.",
)
@footprint_option()
@click.option(
    "--species", help="Of a flux by mass: co2, ch4, ...; the flux's own attribute unless given."
)
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The table, as CSV; printed unless given.",
)
def command(
    project: Path,
    *,
    flux: str | None,
    error: bool,
    footprint: str | None,
    species: str | None,
    output: Path | None,
) -> None:
    """Print what a flux adds at each receptor, ppm, as a table.

    All simulations that are complete have a row, with their met, time, place and labels. Several realizations of a
    receptor are rows of their own, which `realization` tells. Python: stilt.enhancements(...),
    project.monte_carlo_error(...).
    """
    from stilt.api.monte_carlo import everywhere
    from stilt.api.project import Project
    from stilt.foundations.durable import publish
    from stilt.foundations.ownership import refuse_foreign_link
    from stilt.matrix.flux import enhancements
    from stilt.matrix.targets import open_variable

    if output is not None:
        refuse_foreign_link(output)
    opened = Project(project)
    footprints = opened.footprints(footprint)
    given = everywhere(footprints) if flux is None else open_variable(flux, "the flux")
    if error:
        found = opened.monte_carlo_error(given, footprint=footprint, species=species)
    else:
        found = enhancements(footprints, given, species=species).to_dataset()
    frame = found.to_dataframe()
    values = list(found.data_vars)
    frame = frame[[name for name in frame if name not in values] + values]
    text = frame.to_csv(float_format="%.10g")
    if output is None:
        click.echo(text, nl=False)
    else:
        publish(output, text.encode())
    note_without(opened, footprints.sizes["receptor"], "row")
