"""Particles weigh by the level of the column at which they were released, and by their age.

``calc_footprint`` takes the mean over all N particles, of which level k of K has n[k]. A particle's factor is
``N / n[k] * w[k] * a[k]``, of its level's pressure weight and of the averaging kernel at its release. So the footprint
is ``sum(w[k] * a[k] * foot[k])`` of the means over each level's own particles (Rodgers and Connor, 2003, JGR 108,
4116, equation 15, for a change of the profile), however many these are. Where all levels have as many, ``N / n[k]`` is
K: weights of 1/K and a kernel of one change nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stilt.foundations.errors import InputError
from stilt.weighting.kernel import PRESSURE_COLUMN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stilt.foundations.simulation import Receptor
    from stilt.particles.table import ParticleTable
    from stilt.weighting.kernel import Kernel

    Values = NDArray[np.float64]

_MINUTES = 60.0


def weigh(
    table: ParticleTable,
    receptor: Receptor,
    kernel: Kernel | None,
    lifetime_h: float | None = None,
    *,
    released: int = 0,
) -> tuple[ParticleTable, dict[str, float]]:
    """Return the table with ``foot`` weighted, and what is to be told of it.

    Parameters
    ----------
    table
        With ``time`` (min), ``indx`` and ``foot``, for a kernel on pressures ``pres`` (hPa).
    receptor
        Where particles were released.
    kernel
        What levels count; None: all alike.
    lifetime_h
        ``foot`` decays by ``exp(-age / lifetime)``; None: it does not.
    released
        How many particles there were: the last of a line may have left before their first row.

    Raises
    ------
    InputError
        If a column is missing.
    """
    facts: dict[str, float] = {}
    foot = table["foot"]
    if kernel is not None and len(table):
        slots = slots_of(table)
        places = release_of(table, slots, receptor, kernel, released)
        factors, facts = particle_factors(kernel, receptor, *places)
        foot = foot * factors.take(slots)
    if lifetime_h is not None:
        foot = foot * np.exp(-np.abs(table["time"]) / (_MINUTES * lifetime_h))
    return (table if foot is table["foot"] else table.with_columns(foot=foot)), facts


def particle_factors(
    kernel: Kernel, receptor: Receptor, points: NDArray[np.intp], places: Values
) -> tuple[Values, dict[str, float]]:
    """Return what each particle counts, and what is to be told of it.

    Parameters
    ----------
    kernel, receptor
        What levels count, and where particles were released.
    points
        The release point of each particle, from 0; on a line each has its own.
    places
        Where it was released: m, as the receptor's heights, or hPa.
    """
    upward = 1.0 if kernel.on == "height_m" else -1.0
    levels, where = upward * np.array(kernel.levels), upward * places
    facts, factors = {}, np.ones(len(places))
    if kernel.averaging:
        outside = (where < levels[0]) | (where > levels[-1])
        facts["particles_outside_kernel"] = float(outside.sum())
        factors *= np.interp(where, levels, kernel.averaging)  # held beyond the ends
    if kernel.weights:
        counts = np.bincount(points)
        of_point = np.bincount(points, where) / np.maximum(counts, 1)
        is_grounded = kernel.on == "height_m" and receptor.reference == "agl"
        shares = shares_of_points(
            levels, np.array(kernel.weights), of_point[counts > 0], 0.0 if is_grounded else -np.inf
        )
        facts["weight_above_column"] = round(1.0 - float(shares.sum() / sum(kernel.weights)), 4)
        own = len(points) / counts[counts > 0] * shares
        factors *= own[(np.cumsum(counts > 0) - 1)[points]]
    return factors, {name: value for name, value in facts.items() if value > 0.0}


def shares_of_points(levels: Values, weights: Values, points: Values, ground: float) -> Values:
    """Deal the weights of a kernel's levels to release points, by how much their layers overlap.

    A layer ends midway between neighbours, the highest one as far above its level as below. What lies below all
    points goes to the lowest one, what lies above them to none. Where points are levels they get their weights.

    Parameters
    ----------
    levels, weights
        Of the kernel, ascending upward.
    points
        Release points in any order, in the coordinate of the levels; those at one height share alike.
    ground
        Below this there is no layer.
    """
    heights, number, alike = np.unique(points, return_inverse=True, return_counts=True)
    if len(levels) == 1:
        return np.full(len(points), weights[0] / len(points))
    edges = _edges(levels)
    edges[0] = max(edges[0], min(ground, levels[0]))
    top = np.flatnonzero(levels == heights[-1])
    own = _edges(heights)
    own[0], own[-1] = -np.inf, edges[top[0] + 1] if len(top) else own[-1]
    below = np.interp(own, edges, np.concatenate([[0.0], np.cumsum(weights)]))
    shares: Values = (np.diff(below) / alike)[number.reshape(-1)]
    return shares


def _edges(levels: Values) -> Values:
    """Return where layers end: midway between levels, and as far beyond the outer ones; of one level nowhere."""
    if len(levels) == 1:
        return np.array([-np.inf, np.inf])
    middles = 0.5 * (levels[1:] + levels[:-1])
    return np.concatenate([[2 * levels[0] - middles[0]], middles, [2 * levels[-1] - middles[-1]]])


def release_of(
    table: ParticleTable,
    slots: NDArray[np.intp],
    receptor: Receptor,
    kernel: Kernel,
    released: int,
) -> tuple[NDArray[np.intp], Values]:
    """Return of each particle its release point and where that is, as the kernel's levels are.

    Parameters
    ----------
    table, slots
        For a kernel on pressures with ``time`` and ``pres``; its ``slots_of``.
    receptor, kernel
        Where particles were released, and what levels count.
    released
        How many particles there were, those without a row too.
    """
    count = max(released, int(slots.max()) + 1)
    number = np.arange(count)
    points = number if receptor.is_line else number % len(receptor.release_points)
    if kernel.on == "pressure_hpa":
        pressures = _pressures(table, slots, count)
        return points, _along(pressures) if receptor.is_line else _or_mean(pressures)
    if receptor.is_line:
        low, high = receptor.line_m
        return points, low + (number + 0.5) * (high - low) / count
    return points, np.array([height for _, _, height in receptor.release_points])[points]


def _along(pressures: Values) -> Values:
    """Return pressures up a line, where some are NaN by those of the others: their logarithm is linear in height."""
    known = np.flatnonzero(~np.isnan(pressures))
    number = np.arange(len(pressures))
    logarithm = np.log(pressures[known])
    found = np.interp(number, known, logarithm)
    beyond = (number < known[0]) | (number > known[-1])
    if len(known) > 1:
        found[beyond] = np.polyval(np.polyfit(known, logarithm, 1), number[beyond])
    return np.where(np.isnan(pressures), np.exp(found), pressures)


def _or_mean(pressures: Values) -> Values:
    return np.where(np.isnan(pressures), np.nanmean(pressures), pressures)


def slots_of(table: ParticleTable) -> NDArray[np.intp]:
    """Return for each row its particle's number, from 0."""
    return table["indx"].astype(np.intp) - 1


def _pressures(table: ParticleTable, slots: NDArray[np.intp], count: int) -> Values:
    """Return the pressure of each particle in its row nearest to the release; NaN of one without rows."""
    if PRESSURE_COLUMN not in table.columns:
        raise InputError(
            "a kernel on pressures needs the particle column pres, which is not there",
            "add pres to varsiwant, or give the kernels on heights",
            code="PARTICLE_COLUMN_LACKING",
        )
    age = np.abs(table["time"])
    rows = np.flatnonzero(age == age.min())
    if (
        np.bincount(slots[rows], minlength=count).min() == 0
    ):  # some are released later, or left at once
        first = np.full(count, np.inf)
        np.minimum.at(first, slots, age)
        rows = np.flatnonzero(age == first[slots])
    pressures = np.full(count, np.nan)
    pressures[slots[rows]] = table[PRESSURE_COLUMN][rows]
    return pressures
