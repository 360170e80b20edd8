"""How particles are dealt to the minutes of an emission: hycs_std's rule, for both engines.

Each minute has the same number of particles until none is left, so an emission may end before its time. The length is
``hycs_std``'s, in single precision and cut to whole minutes: 63 minutes are 62. Found by trial, as that it does not
release more in the last of these minutes: of 100 particles in 1.2 minutes 84 leave.
"""

from __future__ import annotations

import math
from struct import pack, unpack

_MINUTES = 60


def emission_minutes(hours: float) -> int:
    """Return the minutes in which particles leave."""
    return max(1, math.floor(_length_min(hours)))


def leaving_each_minute(numpar: int, hours: float, points: int = 1) -> int:
    """Return how many particles leave in each minute; every one of ``points`` that share them has its part."""
    return points * -(-numpar // (points * emission_minutes(hours)))


def all_leave(numpar: int, hours: float) -> bool:
    """Tell whether hycs_std releases as many particles as there are to be."""
    length_min = max(1.0, _length_min(hours))
    return math.ceil(numpar / length_min) * emission_minutes(hours) >= numpar


def _length_min(hours: float) -> float:
    return _single(_single(hours) * _MINUTES)


def _single(value: float) -> float:
    """Round to single precision; what is too large for it is so for a run, too."""
    return float(unpack("f", pack("f", min(value, 1e30)))[0])
