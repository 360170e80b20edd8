"""Hyper-near-field dilution: air close to the receptor has not yet mixed up to half the mixing height.

Fasoli et al. (2018), GMD 11, 2813, section 2.1.2, as R-STILT computes it: (T51) and (T52) of ``spec/transport.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stilt.foundations.errors import InputError
from stilt.foundations.surface_layer import surface_layer_m
from stilt.particles.table import ParticleTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stilt.foundations.simulation import Receptor

MOLAR_MASS_OF_AIR = 0.02897
"""kg mol-1, the value of R-STILT's formula (T52). hycs_std's own footprint, and native's, have 0.02884:
``spec/transport.md``, "Two molar masses"."""

NEEDED = ("time", "indx", "foot", "mlht", "dens", "samt", "sigw", "tlgr")


def dilute_near_field(
    table: ParticleTable, receptor: Receptor, veght: float, *, r_stilt_heights: bool = False
) -> ParticleTable:
    """Return the table with ``foot`` corrected while a particle's plume is thinner than the surface layer.

    The plume of a particle starts at its release height and grows every row by ``samt * sqrt(2) * sigw *
    sqrt(tlgr * t + tlgr**2 * exp(-t / tlgr) - 1)``, with t the seconds since the start of the run. While it
    is lower than the surface layer, ``foot`` becomes what mixing within the plume gives. The "- 1" outside of
    the product, the running sum, and a forward run's sum that begins at the end of the trajectory are
    R-STILT's: with ``veght`` up to 1 results are equal to its own. Above 1, where R-STILT still multiplies by
    ``mlht``, the layer has ``veght`` metres, as in hycs_std.

    Parameters
    ----------
    table
        What the engine wrote: the columns ``NEEDED``, any order of rows.
    receptor
        Gives the release height.
    veght
        The surface layer's depth: up to 1 a fraction of the mixed layer height, above 1 metres.
    r_stilt_heights
        Assume with R-STILT that particles fill the whole line between the lowest and the highest of several
        heights; by default they are where an engine of ours releases them (``release_heights``).

    Returns
    -------
    ParticleTable
        Rows in order of descending time; ``foot_no_hnf_dilution`` keeps the engine's ``foot``. With several
        release heights ``indx`` comes first, and ``xhgt`` (m) holds each particle's.

    Raises
    ------
    InputError
        If a column that the formula needs is missing.
    """
    missing = [name for name in NEEDED if name not in table.columns]
    if missing:
        raise InputError(
            f"hnf_plume needs the particle columns {', '.join(missing)}, which are not there",
            "add them to varsiwant, or set hnf_plume: false",
            code="PARTICLE_COLUMN_LACKING",
        )
    table = _in_descending_time(table)
    if len(receptor.heights_m) > 1:
        table = _with_release_heights(table, receptor, r_stilt_heights=r_stilt_heights)
        start = table["xhgt"]
    elif receptor.reference == "asl":
        start = release_heights(table, receptor)
    else:
        start = np.full(len(table), receptor.heights_m[0])
    diluted = _diluted_foot(table, start, veght)
    return table.with_columns(foot=diluted, foot_no_hnf_dilution=table["foot"])


def _in_descending_time(table: ParticleTable) -> ParticleTable:
    time = table["time"]
    if bool(np.all(time[1:] <= time[:-1])):
        return table
    order = np.argsort(-time, kind="stable")
    return ParticleTable({name: values[order] for name, values in table.columns.items()})


def _with_release_heights(
    table: ParticleTable, receptor: Receptor, *, r_stilt_heights: bool
) -> ParticleTable:
    indx = table["indx"]
    along = _along_line(indx, *receptor.line_m) if r_stilt_heights else None
    heights = release_heights(table, receptor) if along is None else along
    rest = {name: values for name, values in table.columns.items() if name != "indx"}
    return ParticleTable({"indx": indx, **rest, "xhgt": heights})


def release_heights(table: ParticleTable, receptor: Receptor) -> NDArray[np.float64]:
    """Return the height (m above ground) at which the particle of each row was released.

    Two heights at one place are an even line; particle ``i`` of levels or several places belongs to release point
    ``i % n``. Of heights above sea level the ground is taken off.
    """
    if receptor.is_line:
        released = _along_line(table["indx"], *receptor.line_m)
    else:
        heights = np.array([height for _, _, height in receptor.release_points])
        released = heights[_point_numbers(table["indx"], receptor)]
    if receptor.reference == "asl":
        released = _above_ground(table, receptor, released)
    return released


def _point_numbers(indx: NDArray[np.float64], receptor: Receptor) -> NDArray[np.intp]:
    return (indx.astype(np.intp) - 1) % len(receptor.release_points)


def _above_ground(
    table: ParticleTable, receptor: Receptor, released: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Take the ground off heights above sea level: it is where the first rows say, of each place's highest level.

    Lower levels may have been lifted to it.
    """
    slots, first = _first_rows(table)
    released = released[first]
    above = table["zagl"][first]
    if receptor.is_line:
        at_first: NDArray[np.float64] = released - np.median(released - above)
        return at_first[slots]
    place = _places(receptor)[_point_numbers(table["indx"][first], receptor)]
    for number in np.unique(place):
        here = np.flatnonzero(place == number)
        telling = here[released[here] == released[here].max()]
        ground = np.median(released[telling] - above[telling])
        released[here] = np.maximum(released[here] - ground, 0.0)
    return released[slots]


def _places(receptor: Receptor) -> NDArray[np.intp]:
    """Return for each release point the number of its place: the ground is the same under all heights there."""
    places = [(longitude, latitude) for longitude, latitude, _ in receptor.release_points]
    _, number = np.unique(places, axis=0, return_inverse=True)
    return number.reshape(-1)


def _along_line(indx: NDArray[np.float64], bottom_m: float, top_m: float) -> NDArray[np.float64]:
    count = indx.max(initial=1.0)
    heights: NDArray[np.float64] = (indx - 0.5) * (top_m - bottom_m) / count + bottom_m
    return heights


def _first_rows(table: ParticleTable) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return for each row its particle's number from 0, and for each particle its row nearest to the start."""
    by_age = np.argsort(np.abs(table["time"]), kind="stable")
    _, first, slots = np.unique(table["indx"][by_age], return_index=True, return_inverse=True)
    back = np.empty(len(table), np.intp)
    back[by_age] = slots
    return back, by_age[first]


def _diluted_foot(
    table: ParticleTable, start_m: NDArray[np.float64], veght: float
) -> NDArray[np.float64]:
    seconds = np.abs(table["time"]) * 60.0
    scale, samt = table["tlgr"], table["samt"]
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = np.sqrt(scale * seconds + scale**2 * np.exp(-seconds / scale) - 1.0)
        growth = samt * np.sqrt(2.0) * table["sigw"] * spread
        plume = start_m + _running_sum(growth, table["indx"])
        in_plume = MOLAR_MASS_OF_AIR / (plume * table["dens"]) * samt * 60.0
    # A plume of unknown size (tlgr 0) leaves no foot: R-STILT's comparison gives NA, and the row drops out.
    foot = np.where(plume < surface_layer_m(veght, table["mlht"]), in_plume, table["foot"])
    return np.where(np.isnan(plume), np.nan, foot)


def _running_sum(values: NDArray[np.float64], indx: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of a particle's values up to each row, in the order of rows."""
    again = np.flatnonzero(indx[1:] == indx[:1])
    count = int(again[0]) + 1 if len(again) else len(indx)
    if _repeats(indx, count):  # the same sums, without sorting
        side_by_side = np.cumsum(values.reshape(-1, count), axis=0)
        return np.asarray(side_by_side.reshape(-1))
    order = np.argsort(indx, kind="stable")
    sums = np.empty_like(values)
    bounds = np.flatnonzero(np.diff(indx[order])) + 1
    for rows in np.split(order, bounds):
        sums[rows] = np.cumsum(values[rows])
    return sums


def _repeats(indx: NDArray[np.float64], count: int) -> bool:
    """Tell whether the first so many rows are of different particles, and all others of the same in the same order."""
    if not count or len(indx) % count or len(np.unique(indx[:count])) < count:
        return False
    return bool(np.all(indx.reshape(-1, count) == indx[:count]))
