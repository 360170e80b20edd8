"""Where and when particles start."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stilt.foundations.emission import leaving_each_minute
from stilt.transport.native.randomness import first_uniforms

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stilt.foundations.simulation import Receptor


@dataclass(frozen=True, slots=True)
class Release:
    """Starting points, one element a particle.

    Attributes
    ----------
    longitude, latitude
        Degrees.
    height_m
        Above ground or above the sea, as the receptor says.
    minute
        Minutes of the run, from 0, in which the particle leaves.
    """

    longitude: NDArray[np.float64]
    latitude: NDArray[np.float64]
    height_m: NDArray[np.float64]
    minute: NDArray[np.int64]


def release(
    receptor: Receptor, count: int, emission_hours: float, streams: NDArray[np.uint64]
) -> Release:
    """Spread particles over the release points of a receptor (T55, T56).

    A point: all at it. Two heights at one place: particles in a random height within a bin each, along the line
    between them. Levels and several places: in turn, particle ``i`` at ``release_points[i % n]``.
    """
    number = np.arange(count)
    point = number % len(receptor.release_points)
    longitude, latitude, height_m = (
        np.array(values)[point] for values in zip(*receptor.release_points, strict=True)
    )
    if receptor.is_line:
        low, high = receptor.line_m
        height_m = _along_line(low, high, count, streams)
    points = 1 if receptor.is_line else len(receptor.release_points)
    minute = number // leaving_each_minute(count, emission_hours, points)
    return Release(longitude, latitude, height_m, minute)


def _along_line(
    low: float, high: float, count: int, streams: NDArray[np.uint64]
) -> NDArray[np.float64]:
    """Return heights, one in each of the bins that HYSPLIT makes (as many as particles, or one more) (T54)."""
    bins = math.ceil(np.float32(round(60.0 * count)) * np.float32(1.0 / 60.0))
    inside = first_uniforms(streams)
    return np.asarray(low + (np.arange(count) + inside) * (high - low) / bins)
