"""``stilt receptors``: receptors from soundings, or from a grid of times and places."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from stilt.cli.boxes import BoxCommand, box_option
from stilt.cli.notes import note
from stilt.cli.options import project_argument
from stilt.foundations.errors import InputError
from stilt.foundations.quantities import counted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    import numpy as np
    import pandas as pd
    import xarray as xr
    from pandas.tseries.offsets import BaseOffset

EXAMPLES = """\b
Examples:
  stilt receptors --at 5,45,30 --every 1h --from 2024-07-01 --to 2024-07-08
  stilt receptors --soundings oco2_LtCO2_240701.nc4 --box -114,-110,39,42
  stilt receptors --soundings oco2_LtCO2_240702.nc4 --append
"""


@click.command("receptors", cls=BoxCommand, epilog=EXAMPLES)
@project_argument
@click.option(
    "--soundings",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A file of an instrument; several.",
)
@click.option(
    "--kind",
    help="oco, tropomi-ch4, tropomi-co, tropomi-no2 or tccon; unless given, its variables tell.",
)
@click.option(
    "--levels",
    default="100:3000,500:6000",
    show_default=True,
    help="Layers (m), thickness:top,...: a release in the middle of each.",
)
@click.option("--slant", is_flag=True, help="Release along the line of sight.")
@box_option("--box", text="Soundings in a box, degrees.")
@click.option(
    "--all-quality", is_flag=True, help="Also soundings that their file does not call good."
)
@click.option("--nth", type=click.IntRange(1), default=1, help="Every n-th of them.")
@click.option(
    "--most", type=click.IntRange(1), help="At most so many in a cell and overpass, evenly."
)
@click.option(
    "--cell",
    type=click.FloatRange(0, min_open=True),
    default=0.1,
    show_default=True,
    help="Size of that cell, degrees.",
)
@click.option(
    "--at",
    multiple=True,
    metavar="LON,LAT,Z",
    help="In place of soundings: a place and height above ground; several.",
)
@click.option("--every", metavar="STEP", help="... at times so far apart: 1h, 30min, 1d.")
@click.option("--from", "since", metavar="TIME", help="UTC.")
@click.option("--to", "until", metavar="TIME", help="UTC; that time itself is not among them.")
@click.option(
    "--append", is_flag=True, help="Add to tables that are there what they do not have yet."
)
@click.option("--force", is_flag=True, help="Replace tables that are there.")
def command(  # noqa: PLR0917 - what a command line says
    project: Path,
    soundings: tuple[Path, ...],
    kind: str | None,
    levels: str,
    slant: bool,
    box: tuple[float, float, float, float] | None,
    all_quality: bool,
    nth: int,
    most: int | None,
    cell: float,
    at: tuple[str, ...],
    every: str | None,
    since: str | None,
    until: str | None,
    append: bool,
    force: bool,
) -> None:
    """Write receptors.csv, and of soundings kernels.csv, into a project's folder.

    A sounding is a column of releases, which carries its id, what was observed, and the uncertainty as labels. Its
    averaging kernel, pressure weights and prior go into kernels.csv: `weight: kernel` in config.yaml uses them. With
    --append, results of what is there stay done.
    """
    from stilt.soundings.receptors import choose_soundings, receptors_of

    if bool(soundings) == bool(at):
        raise InputError(
            "give either --soundings or --at",
            "stilt receptors --help shows both",
            code="OPTIONS_UNFIT",
        )
    if append and force:
        raise InputError(
            "--append and --force: tables are added to or replaced",
            "leave one out",
            code="OPTIONS_UNFIT",
        )
    span = _span(since, until)
    kernels = None
    if at:
        receptors = _grid(at, every, *span)
    else:
        found = choose_soundings(
            _read(soundings, kind, box),
            since=span[0],
            until=span[1],
            good=not all_quality,
            nth=nth,
            most=most,
            cell_deg=cell,
        )
        receptors, kernels = receptors_of(found, levels, slant=slant)
        if found.attrs["not_whole"]:
            left_out = counted(found.attrs["not_whole"], "sounding")
            note(f"{left_out} with missing numbers left out")
    if append:
        _append(project, receptors, kernels)
    else:
        _write(project, receptors, kernels, replace=force)


def _write(
    project: Path, receptors: pd.DataFrame, kernels: pd.DataFrame | None, *, replace: bool
) -> None:
    from stilt.soundings.write import write_tables

    for path in write_tables(project, receptors, kernels, replace=replace):
        click.echo(f"wrote {path}")
    _say(project, receptors, kernels)


def _append(project: Path, receptors: pd.DataFrame, kernels: pd.DataFrame | None) -> None:
    from stilt.soundings.write import append_tables

    added = append_tables(project, receptors, kernels)
    for path, count in added.items():
        click.echo(f"{path}: {counted(count, 'row')} more")
    if any(added.values()):
        click.echo(f"next: {_next(project)}")
    else:
        click.echo("they are there already")


def _say(project: Path, receptors: pd.DataFrame, kernels: pd.DataFrame | None) -> None:
    """Say what was written, and what comes next."""
    from stilt.config.schema import USUAL_VARSIWANT

    if kernels is None:
        click.echo(f"{len(receptors):,} receptors")
        click.echo(f"next: {_next(project)}")
    else:
        count = receptors["r_idx"].nunique()
        click.echo(f"{count:,} soundings of {len(receptors) // count} release levels")
        click.echo("next: put `weight: kernel` into a product under footprints; then stilt check")
        if "height_m" not in kernels:
            columns = ", ".join((*USUAL_VARSIWANT, "pres"))
            click.echo(f"for kernels on pressures config.yaml needs\n  varsiwant: [{columns}]")


def _next(project: Path) -> str:
    """Say what to type once receptors are written."""
    from shlex import quote

    where = "" if str(project) == "." else f" {quote(str(project))}"
    if (project / "config.yaml").exists():
        return f"stilt check{where}"
    return f"stilt init{where}, which writes config.yaml beside it; then stilt check{where}"


def _read(
    paths: Sequence[Path], kind: str | None, box: tuple[float, float, float, float] | None
) -> xr.Dataset:
    import xarray as xr

    from stilt.soundings.instruments import read_soundings

    parts = [read_soundings(path, kind, box=box) for path in paths]
    return parts[0] if len(parts) == 1 else xr.concat(parts, "sounding", join="exact")


def _grid(
    at: Sequence[str],
    every: str | None,
    since: np.datetime64 | None,
    until: np.datetime64 | None,
) -> pd.DataFrame:
    """Return the receptors of ``--at``: each place, and its times."""
    import pandas as pd

    from stilt.soundings.receptors import check_count, receptor_grid

    points = [_numbers(text, 3, "--at") for text in at]
    for x, y, z in points:  # before there are many
        receptor_grid([pd.Timestamp(0)], [(x, y)], [z])
    if every is None or since is None or until is None:
        raise InputError(
            "--at needs --every, --from and --to",
            "such as --every 1h --from 2024-07-01 --to 2024-07-02",
            code="OPTIONS_UNFIT",
        )
    step = _step(every, since)
    if isinstance(step, pd.Timedelta):
        check_count(len(points) * -int((since - until) // step.to_timedelta64()))
    times = pd.date_range(since, until, freq=step, inclusive="left")
    check_count(len(points) * len(times))
    return pd.concat([receptor_grid(times, [(x, y)], [z]) for x, y, z in points], ignore_index=True)


def _step(every: str, since: np.datetime64) -> pd.Timedelta | BaseOffset:
    """Return what ``--every`` says: a length, or a step of the calendar as pandas has it."""
    import pandas as pd

    try:
        offset = pd.tseries.frequencies.to_offset(every)
        is_forward = pd.Timestamp(since) + offset > pd.Timestamp(since)
    except (ValueError, ArithmeticError):
        is_forward = False
    if not is_forward:
        raise InputError(
            f"--every {every!r} is no step of time", "write 1h, 30min or 1d", code="OPTION_VALUE"
        )
    try:
        length = pd.Timedelta(cast("timedelta", offset))
    except (TypeError, ValueError):
        return offset
    if length % pd.Timedelta(minutes=1):
        raise InputError(
            f"--every {every} is not whole minutes, as STILT's clock has",
            "write 1h, 30min or 1d",
            code="OPTION_VALUE",
        )
    return length


def _span(
    since: str | None, until: str | None
) -> tuple[np.datetime64 | None, np.datetime64 | None]:
    """Return the times of ``--from`` and ``--to``."""
    span = _moment(since, "--from"), _moment(until, "--to")
    if span[0] is not None and span[1] is not None and span[0] >= span[1]:
        raise InputError(
            f"--from {since} is not before --to {until}",
            "no time lies between: exchange or move them",
            code="OPTION_VALUE",
        )
    return span


def _moment(text: str | None, option: str) -> np.datetime64 | None:
    """Return a time that is written as receptors.csv has it."""
    import numpy as np

    from stilt.receptors.times import parse_time

    if text is None:
        return None
    try:
        return np.datetime64(parse_time(text), "s")
    except ValueError as error:
        raise InputError(
            f"{option} {text!r} {error}",
            "such as 2024-07-01 or 2024-07-01T18:00",
            code="OPTION_VALUE",
        ) from None


def _numbers(text: str, count: int, option: str) -> tuple[float, ...]:
    try:
        numbers = tuple(map(float, text.split(",")))
    except ValueError:
        numbers = ()
    if len(numbers) != count:
        raise InputError(
            f"{option} {text!r} are not {count} numbers",
            "write them with commas between",
            code="OPTION_VALUE",
        )
    return numbers
