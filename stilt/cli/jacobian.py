"""``stilt jacobian``: the matrix of an inversion from a project's footprints."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from stilt.cli.bar import with_bar
from stilt.cli.notes import note, note_without
from stilt.cli.options import footprint_option, project_argument
from stilt.foundations.errors import InputError, NotFinishedError

EXAMPLES = """\b
Examples:
  stilt jacobian demo                 own cells, all hours together: H.nc
  stilt jacobian demo --target 0.5 --bins 1D -o H.npz
  stilt jacobian demo --target basis.nc:region --bins "6 hours"
  stilt jacobian demo --target states.geojson:name --weight emissions.nc:co2
"""


@click.command("jacobian", epilog=EXAMPLES)
@project_argument
@footprint_option()
@click.option(
    "--target",
    help="Elements: cells of so many degrees (0.5) or units of a projection (12000@EPSG:5070); a NetCDF "
    "FILE[:VARIABLE] with a whole number for each cell of a grid, or with weights of basis functions; polygons of "
    "a GeoJSON FILE[:PROPERTY]; cells of H3 (h3:5); the footprint's own cells unless given.",
)
@click.option(
    "--bins",
    help="Of time: run (unless given), hours, '6 hours' (from the receptor), 3h, 1D, 1W, MS (calendar, UTC).",
)
@click.option(
    "--weight",
    metavar="FILE[:VARIABLE]",
    help="A flux to fold in hour by hour: entries are then ppm, the unknowns factors on it.",
)
@click.option(
    "--species", help="Of a flux by mass: co2, ch4, ...; the flux's own attribute unless given."
)
@click.option(
    "--cpus", type=click.IntRange(1), default=1, show_default=True, help="Processes that make rows."
)
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("H.nc"),
    show_default=True,
    help="The matrix: .nc, .npz or .parquet.",
)
@click.option("--force", is_flag=True, help="Replace the file of another matrix.")
def command(
    project: Path,
    *,
    footprint: str | None,
    target: str | None,
    bins: str | None,
    weight: str | None,
    species: str | None,
    cpus: int,
    output: Path,
    force: bool,
) -> None:
    """Write the matrix of receptors against bins of time and surface elements.

    A row times fluxes (umol m-2 s-1) is what they add at that receptor, in ppm. All simulations that are complete have
    a row, in the order of receptors.csv; an empty one's has no entry. Without options that say which, it is the matrix
    of `jacobian:` in config.yaml, of rows that workers made; with one of them that does not count. Killed, the same
    command goes on with the rows that it has, which lie beside the matrix until it is whole. Python:
    project.jacobian(...).
    """
    from stilt.api.gathered import gather, origin
    from stilt.api.jacobian import writer_of
    from stilt.api.project import Project
    from stilt.config.schema import JacobianSection
    from stilt.foundations.ownership import refuse_foreign_link
    from stilt.foundations.quantities import counted, size
    from stilt.matrix.asked import Asked

    refuse_foreign_link(output)
    writer_of(output)
    opened = Project(project)
    section = opened.config.jacobian
    is_open = all(said is None for said in (target, bins, footprint, weight, species))
    if section is None or not is_open:
        bins = bins or "run"
        section = JacobianSection(target, bins, opened.footprint_name(footprint), weight, species)
    asked = Asked(opened.config, section)
    ours = origin(opened, asked)
    asked.read()
    if not force:
        _refuse_other(output, ours)
    is_asked = section is opened.config.jacobian
    make = partial(gather, opened, asked, from_rows=is_asked, cpus=cpus)
    rows = output.with_name(f".{output.name}.rows")
    try:
        gathered = with_bar("jacobian", lambda tell: make(tell=tell, resume=rows))
    except KeyboardInterrupt:
        raise NotFinishedError(
            f"interrupted before {output} was whole",
            "the same command goes on: rows that are made are kept beside it",
            code="MATRIX_INTERRUPTED",
        ) from None
    found = replace(gathered.matrix, origin=ours)
    found.save(output)
    rows.unlink(missing_ok=True)
    receptors, times, *elements = found.shape
    shape = " x ".join(f"{number:,}" for number in elements)
    click.echo(
        f"{output}: {counted(receptors, 'receptor')}, {counted(times, 'bin')}, {shape} elements, "
        f"{found.matrix.nnz:,} entries, {size(output.stat().st_size)}"
    )
    note_without(opened, found.receptors.sizes["receptor"], "row")
    if is_asked and gathered.made:
        note(
            f"{gathered.made:,} of {counted(receptors, 'row')} made of footprints now: workers made none of this "
            "matrix, or other ones"
        )


def _refuse_other(output: Path, ours: str) -> None:
    """Refuse to replace what is not an earlier state of the same matrix."""
    from stilt.api.jacobian import origin_of

    if output.exists() and origin_of(output) != ours:
        raise InputError(
            f"{output} is there already, and not known as this matrix of this project",
            "name another file with -o, or --force replaces it",
            code="FILE_EXISTS",
        )
