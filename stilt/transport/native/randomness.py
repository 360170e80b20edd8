"""Random numbers of a particle: a counter that is hashed, and normal deviates from a table.

Each particle has its own stream, a function of the seed, the simulation and the particle's number alone, so
neither threads nor processes nor the order of work can change a result. The generator is SplitMix64 with an
increment of its own for each stream (Steele, Lea & Flood 2014, doi:10.1145/2660193.2660195), the deviates are
Marsaglia and Tsang's ziggurat (2000, doi:10.18637/jss.v005.i08) with 256 layers and 53 random bits.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stilt.kernels.compiled import fast

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LAYERS = 256
_EDGE = 3.6541528853610088
_AREA = 0.00492867323399
_BITS = 2.0**52


def _ziggurat() -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """Return the width per random unit, the bound of the sure part and the density of each layer."""
    x = np.empty(_LAYERS + 1)
    x[0] = _AREA / math.exp(-0.5 * _EDGE**2)
    x[1] = _EDGE
    for n in range(2, _LAYERS):
        x[n] = math.sqrt(-2.0 * math.log(_AREA / x[n - 1] + math.exp(-0.5 * x[n - 1] ** 2)))
    x[_LAYERS] = 0.0
    width = x[:-1] / _BITS
    sure = (x[1:] / x[:-1] * _BITS).astype(np.int64)
    return width, sure, np.exp(-0.5 * x**2)


WIDTH, SURE, _DENSITY = _ziggurat()

_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31 = np.uint64(30), np.uint64(27), np.uint64(31)
_S11 = np.int64(11)
_LAYER_MASK = np.uint64(_LAYERS - 1)
_ONE = np.uint64(1)
_UNIT = 2.0**-53
_GOLDEN = 0x9E3779B97F4A7C15


class Stream(NamedTuple):
    """What random numbers depend on: the config's seed, the simulation, and which of its runs (main, error)."""

    seed: int
    sim: str
    run: str = "main"


def stream_keys(stream: Stream, count: int) -> NDArray[np.uint64]:
    """Return the start and the increment of each particle's stream, shape (count, 2) (T59)."""
    text = f"{stream.seed}\n{stream.sim}\n{stream.run}".encode()
    key = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
    number = np.arange(1, 2 * count + 1, dtype=np.uint64)
    keys = _hashed(np.uint64(key) + number * np.uint64(_GOLDEN)).reshape(count, 2)
    keys[:, 1] |= _ONE
    return keys


def first_uniforms(streams: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Return one number in [0, 1) for each stream, apart from those that the stream will give."""
    bits = _hashed(streams[:, 0] ^ (streams[:, 1] << np.uint64(1)))
    return (bits >> np.uint64(11)).astype(np.float64) * _UNIT


def _hashed(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the random bits of many counters; arrays of unsigned integers wrap without a warning."""
    state = (state ^ (state >> _S30)) * _MIX_1
    state = (state ^ (state >> _S27)) * _MIX_2
    return state ^ (state >> _S31)


@fast.inline
def mixed(state: np.uint64) -> np.uint64:
    """Return the random bits that belong to a counter."""
    z = (state ^ (state >> _S30)) * _MIX_1
    z = (z ^ (z >> _S27)) * _MIX_2
    return z ^ (z >> _S31)


@fast.inline
def uniform(state: np.uint64) -> float:
    """Return the number in [0, 1) that belongs to a counter."""
    return float(np.int64(mixed(state) >> np.uint64(11))) * _UNIT


@fast.apart
def _outside(
    state: np.uint64, gamma: np.uint64, layer: np.int64, value: float
) -> tuple[float, np.uint64]:
    """Finish a deviate that fell outside the sure part of its layer (1.2 % of them)."""
    while True:
        if layer == 0:
            side = -1.0 if value < 0.0 else 1.0
            while True:
                state = state + gamma
                x = -math.log(1.0 - uniform(state)) / _EDGE
                state = state + gamma
                if -2.0 * math.log(1.0 - uniform(state)) > x * x:
                    return side * (_EDGE + x), state
        state = state + gamma
        low, high = _DENSITY[layer], _DENSITY[layer + 1]
        if low + uniform(state) * (high - low) < math.exp(-0.5 * value * value):
            return value, state
        state = state + gamma
        bits = mixed(state)
        layer = np.int64(bits & _LAYER_MASK)
        signed = np.int64(bits) >> _S11
        value = float(signed) * WIDTH[layer]
        if abs(signed) < SURE[layer]:
            return value, state


@fast.inline
def normal(state: np.uint64, gamma: np.uint64) -> tuple[float, np.uint64]:
    """Return a standard normal deviate and the advanced counter (T60)."""
    state = state + gamma
    bits = mixed(state)
    layer = np.int64(bits & _LAYER_MASK)
    signed = np.int64(bits) >> _S11
    value = float(signed) * WIDTH[layer]
    if abs(signed) < SURE[layer]:
        return value, state
    return _outside(state, gamma, layer, value)
