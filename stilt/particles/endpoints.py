"""Where particles end: the last row of each, kept beside the table, so that background costs no reading of it.

A few bytes a particle, as one text among what a particle file says of itself: archives have it as well.
"""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stilt.particles.columns import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from numpy.typing import NDArray

    from stilt.particles.table import ParticleTable

    Values = NDArray[np.float64]
    Sides = Callable[[Values, Values], NDArray[np.intp]]

NOTE = "endpoints"
"""The name of the text."""

NO_END = "no_end"
"""Attribute of a frame: how many particles of a simulation have no end point, where there are such."""

END, LEFT = "end", "left"
WAYS = (END, LEFT, "west", "east", "south", "north")
"""How a particle ends: with the run, out of the meteorology where its side is not known, or through a side of it."""

FIRST_SIDE = 2
"""The number of the first side among ``WAYS``; they follow in the order of ``Grid.nearest_side``."""

_KEPT = ("indx", "time", "long", "lati", "zagl", "pres")
_WAY = "ended"
_MINUTES = 60


@dataclass(frozen=True, slots=True)
class EndPoints:
    """One row a particle, in the order of ``indx``.

    Attributes
    ----------
    columns
        ``indx``, ``time`` (min), ``long``, ``lati`` (degrees), ``zagl`` (m), ``pres`` (hPa) as far as the table has
        them, from the particle's last row, and ``ended``: a number of ``WAYS``.
    """

    columns: dict[str, Values]

    def __len__(self) -> int:
        return len(self.columns[_WAY])

    def to_pandas(self) -> pd.DataFrame:
        """Return them as a frame, ``ended`` in words, and ``pres`` NaN where the table has none."""
        import pandas as pd

        codes = self.columns[_WAY].astype(np.int8)
        ended = pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(list(WAYS)))
        unknown = np.full(len(self), np.nan)
        return pd.DataFrame(
            {name: self.columns.get(name, unknown) for name in _KEPT} | {_WAY: ended}
        )


def end_points(
    table: ParticleTable, n_hours: int, outdt_min: float, sides: Sides | None = None
) -> EndPoints:
    """Return where the particles of a table end.

    Parameters
    ----------
    table
        With ``time`` and ``indx``, in any order of rows.
    n_hours, outdt_min
        Length of the run, and minutes from row to row (0: one).
    sides
        Tells of longitudes and latitudes through which side of the meteorology, from 0, they are nearest to leave.
    """
    age = np.abs(table["time"])
    last = _last_rows(table["indx"], age)
    columns = {name: table[name][last] for name in _KEPT if name in table.columns}
    step = max(1, round(outdt_min))
    left = age[last] < abs(n_hours) * _MINUTES - step + 1
    ways = left.astype(float)
    if sides is not None and left.any():
        ways[left] = FIRST_SIDE + sides(columns["long"][left], columns["lati"][left])
    return EndPoints(columns | {_WAY: ways})


def _last_rows(indx: Values, age: Values) -> NDArray[np.intp]:
    """Return the row of each particle's greatest age, the last of equal ones, in the order of ``indx``."""
    slots = indx.astype(np.intp)
    is_numbered = np.array_equal(slots, indx) and np.all((slots >= 0) & (slots <= len(slots)))
    if is_numbered and np.all(
        age[1:] >= age[:-1]
    ):  # as engines write them: nothing is to be sorted
        last = np.full(len(slots) + 1, -1, np.intp)
        last[slots] = np.arange(len(slots))  # of several the last one stays
        return last[last >= 0]
    order = np.lexsort((age, indx))
    is_last = np.diff(indx[order], append=np.inf) != 0
    rows: NDArray[np.intp] = order[is_last]
    return rows


def encode(points: EndPoints) -> str:
    """Return end points as a text: names of columns, and their numbers as printed, in compressed 32-bit integers."""
    numbers = [
        np.rint(values * 10.0 ** _decimals(name)).astype("<i4")
        for name, values in points.columns.items()
    ]
    # neighbours are alike in their high bytes: those of all particles together
    data = np.ascontiguousarray(
        np.array(numbers).view(np.uint8).reshape(len(numbers), -1, 4).transpose(0, 2, 1)
    )
    packed = base64.b85encode(zlib.compress(data.tobytes(), 9)).decode()
    return f"{len(points)} {' '.join(points.columns)} {packed}"


def decode(text: str) -> EndPoints:
    """Return the end points that a text says.

    Raises
    ------
    ValueError
        If it says none.
    """
    count, *names, packed = text.split(" ")
    shape = len(names), 4, int(count)
    unpacker = zlib.decompressobj()
    data = unpacker.decompress(base64.b85decode(packed), shape[0] * shape[1] * shape[2] + 1)
    planes = np.frombuffer(data, np.uint8).reshape(shape)
    numbers = np.ascontiguousarray(planes.transpose(0, 2, 1)).view("<i4")[:, :, 0]
    return EndPoints(
        {
            name: values / 10.0 ** _decimals(name)
            for name, values in zip(names, numbers, strict=True)
        }
    )


def _decimals(name: str) -> int:
    return COLUMNS[name].decimals if name in COLUMNS else 0
