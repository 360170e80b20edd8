"""How particles weigh, a particle and a level at a time: slow, and as plain as the words of the README."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from stilt.foundations.simulation import Receptor
    from stilt.weighting.kernel import Kernel


def weighted(
    particles: pd.DataFrame, receptor: Receptor, kernel: Kernel, lifetime_h: float | None = None
) -> list[float]:
    """Return the ``foot`` of each row, weighted."""
    numbers = range(1, int(particles["indx"].max()) + 1)
    released = {
        number: place_of(number, len(numbers), particles, receptor, kernel) for number in numbers
    }
    factors = dict.fromkeys(numbers, 1.0)
    if kernel.averaging:
        for number in numbers:
            factors[number] *= between(released[number], kernel.levels, kernel.averaging)
    if kernel.weights:
        points = {number: point_of(number, receptor) for number in numbers}
        share = shares(points, released, receptor, kernel)
        for number in numbers:
            own = list(points.values()).count(points[number])
            factors[number] *= len(numbers) / own * share[points[number]]
    result = []
    for _, row in particles.iterrows():
        decay = math.exp(-abs(row["time"]) / 60 / lifetime_h) if lifetime_h else 1.0
        result.append(row["foot"] * factors[int(row["indx"])] * decay)
    return result


def point_of(number: int, receptor: Receptor) -> int:
    return number - 1 if receptor.is_line else (number - 1) % len(receptor.heights_m)


def place_of(
    number: int, count: int, particles: pd.DataFrame, receptor: Receptor, kernel: Kernel
) -> float:
    if kernel.on == "pressure_hpa":
        own = particles[particles["indx"] == number]
        return float(own.loc[own["time"].abs().idxmin(), "pres"])
    if receptor.is_line:
        low, high = sorted(receptor.heights_m)
        return low + (number - 0.5) * (high - low) / count
    by_place = sorted(zip(receptor.longitudes, receptor.latitudes, receptor.heights_m, strict=True))
    return by_place[(number - 1) % len(by_place)][2]


def between(place: float, levels: tuple[float, ...], values: tuple[float, ...]) -> float:
    """Return the value at a place, on straight lines between levels, and beyond them as at the last one."""
    pairs = sorted(zip(levels, values, strict=True))
    if place <= pairs[0][0]:
        return pairs[0][1]
    for (low, left), (high, right) in itertools.pairwise(pairs):
        if low <= place <= high:
            return left + (right - left) * (place - low) / (high - low)
    return pairs[-1][1]


def shares(
    points: dict[int, int], released: dict[int, float], receptor: Receptor, kernel: Kernel
) -> dict[int, float]:
    """Return how much of the kernel's weights each release point gets: by how much layers overlap."""
    sign = -1 if kernel.on == "pressure_hpa" else 1
    levels = [sign * level for level in kernel.levels]
    place = {}
    for point in sorted(set(points.values())):
        own = [released[number] for number in points if points[number] == point]
        place[point] = sign * sum(own) / len(own)
    if len(levels) == 1:
        return {point: kernel.weights[0] / len(place) for point in place}
    layers = layers_of(levels)
    if sign == 1 and receptor.reference == "agl":
        layers[0] = (max(layers[0][0], min(0.0, levels[0])), layers[0][1])
    heights = sorted(set(place.values()))
    own_layers = [(-math.inf, math.inf)] if len(heights) == 1 else layers_of(heights)
    top = layers[levels.index(heights[-1])][1] if heights[-1] in levels else own_layers[-1][1]
    own_layers[-1] = (own_layers[-1][0], top)
    own_layers[0] = (-math.inf, own_layers[0][1])
    result = {}
    for point, height in place.items():
        bottom, top = own_layers[heights.index(height)]
        total = 0.0
        for (low, high), weight in zip(layers, kernel.weights, strict=True):
            total += weight * max(0.0, min(high, top) - max(low, bottom)) / (high - low)
        result[point] = total / list(place.values()).count(height)
    return result


def layers_of(levels: list[float]) -> list[tuple[float, float]]:
    middles = [(low + high) / 2 for low, high in itertools.pairwise(levels)]
    edges = [2 * levels[0] - middles[0], *middles, 2 * levels[-1] - middles[-1]]
    return list(itertools.pairwise(edges))
