"""What happened to a receptor on the way: part of its result, though nothing failed.

Facts are a small dict of numbers by name, without those of which there is nothing to say. ``as_text`` makes them
attributes of files, ``from_text`` finds them there again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stilt.particles.table import ParticleTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from stilt.config.schema import Config
    from stilt.foundations.simulation import Receptor

FACTS = {
    "lifted_m": "m that a release point lay below the meteorology's ground, at most: it was lifted to it",
    "lifted_particles": "particles that were lifted to the ground",
    "particles_left": "particles that left the meteorology's domain",
    "first_left_min": "minutes from the release to when the first of them left",
    "particle_minutes_missing": "minutes of all particles together that are absent for that",
    "hours_without_particles": "hours of the run without a particle",
    "share_outside_grid": "share of the surface influence that lies outside of the footprint's grid",
    "particles_outside_kernel": "particles released outside of the levels of the averaging kernel, whose end they have",
    "particles_not_kept": "1 where of the particles only their ends were kept: other footprints need transport again",
    "weight_above_column": "share of the pressure weights that belongs to layers above the highest release",
}
"""Name to meaning."""

GROUND = "zsfc"
"""The particle column that tells the ground's height, m above the sea."""

_LEAST_LIFT_M = 5.0  # the ground is known from where a particle is a minute later
_MINUTES = 60


def as_text(facts: Mapping[str, float]) -> dict[str, str]:
    """Return facts as attributes of a file."""
    return {name: f"{value:.6g}" for name, value in facts.items()}


def from_text(attributes: Mapping[str, str]) -> dict[str, float]:
    """Return the facts among the attributes of a file."""
    return {name: float(attributes[name]) for name in FACTS if name in attributes}


def of_result(
    provenance: Mapping[str, str], footprints: Iterable[Mapping[str, float]]
) -> dict[str, float]:
    """Return what the log is to say of a simulation: what its particles tell, and the greatest of its footprints."""
    facts = from_text(provenance)
    for footprint in footprints:
        for name, value in from_text(as_text(footprint)).items():
            facts[name] = max(value, facts.get(name, value))
    return facts


def facts_of_particles(table: ParticleTable, config: Config) -> dict[str, float]:
    """Tell how many particles left the meteorology's domain before the end of the run, and when."""
    end, step = abs(config.n_hours) * _MINUTES, max(1, round(config.outdt))
    if len(table) == config.numpar * -(-end // step):
        return {}
    age = np.abs(table["time"])
    last = _last_ages(table["indx"], age)
    never = max(0, config.numpar - len(last))
    left = last[last < end - step + 1]
    if not len(left) and not never:
        return {}
    hours = np.unique(np.ceil(age / _MINUTES))
    facts = {
        "particles_left": float(len(left) + never),
        "first_left_min": 0.0 if never else float(left.min()),
        "particle_minutes_missing": float((end - left).sum() + never * end),
        "hours_without_particles": float(abs(config.n_hours) - len(hours)),
    }
    if facts["hours_without_particles"] <= 0:
        del facts["hours_without_particles"]
    return facts


def facts_of_release(table: ParticleTable, receptor: Receptor) -> dict[str, float]:
    """Tell how far release points above sea level lay below the ground, of which ``table`` has the height."""
    if receptor.reference != "asl" or GROUND not in table.columns or not len(table):
        return {}
    points = receptor.release_points
    order = np.lexsort((np.abs(table["time"]), table["indx"]))
    indx = table["indx"][order]
    first = np.flatnonzero(np.diff(indx, prepend=-1.0))
    lowest = np.array([height for _, _, height in points])[
        (indx[first].astype(int) - 1) % len(points)
    ]
    if receptor.is_line:
        lowest = np.linspace(*receptor.line_m, len(first))
    lifted = _ground_at_release(table[GROUND][order], indx, first) - lowest
    lifted = lifted[lifted > _LEAST_LIFT_M]
    if not len(lifted):
        return {}
    return {"lifted_m": round(float(lifted.max()), 1), "lifted_particles": float(len(lifted))}


def with_ground(columns: tuple[str, ...], receptor: Receptor) -> tuple[str, ...]:
    """Return the particle columns to ask an engine for: of heights above sea level the ground's too."""
    if receptor.reference != "asl" or GROUND in columns:
        return columns
    return (*columns, GROUND)


def only(table: ParticleTable, columns: tuple[str, ...]) -> ParticleTable:
    """Return the columns that the settings ask for."""
    return ParticleTable({name: table[name] for name in columns})


def _last_ages(indx: NDArray[np.float64], age: NDArray[np.float64]) -> NDArray[np.float64]:
    numbers, slots = np.unique(indx, return_inverse=True)
    last = np.zeros(len(numbers))
    np.maximum.at(last, slots, age)
    return last


def _ground_at_release(
    ground: NDArray[np.float64], indx: NDArray[np.float64], first: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return the ground under each particle at its release: a straight line through its first two rows."""
    second = np.minimum(first + 1, len(indx) - 1)
    slope = np.where(indx[second] == indx[first], ground[first] - ground[second], 0.0)
    at_release: NDArray[np.float64] = ground[first] + slope
    return at_release
