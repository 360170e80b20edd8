"""The values of a footprint that are not zero, as the group ``sparse`` of files of form 2 has them.

``value`` has them in the order of layers, rows and columns, and ``step`` how many cells each lies behind the one before
it (the first: behind the first cell of all). Attributes of the group say what cells these are, so that nothing else of
a file needs to be read: ``layer_starts`` in seconds from the receptor's time, and ``x`` and ``y`` as the first centre,
the last one, and their number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from stilt.footprint.labels import UNITS

if TYPE_CHECKING:
    from netCDF4 import Dataset
    from numpy.typing import NDArray

GROUP = "sparse"
COMPRESSION_LEVEL: Literal[4] = 4


class Axis(NamedTuple):
    """Cell centres at equal distances: the first, the last, and how many."""

    first: float
    last: float
    number: int

    @classmethod
    def of(cls, centres: NDArray[np.float64]) -> Axis:
        """Return the axis with these centres."""
        return cls(float(centres[0]), float(centres[-1]), len(centres))

    def is_near(self, other: Axis, cell: float) -> bool:
        """Tell whether two have the same centres, but for a millionth of a cell."""
        apart = max(abs(self.first - other.first), abs(self.last - other.last))
        return self.number == other.number and apart <= 1e-6 * cell


class Entries(NamedTuple):
    """The values of one receptor that are not zero.

    Attributes
    ----------
    per_layer
        How many each layer has; the values are in the order of layers.
    cell
        Of each value, counted row by row.
    starts
        Where each layer begins, seconds from the receptor's time.
    """

    per_layer: NDArray[np.integer[Any]]
    cell: NDArray[np.integer[Any]]
    values: NDArray[np.float32]
    starts: NDArray[np.float64]
    x: Axis
    y: Axis

    @property
    def layer(self) -> NDArray[np.intp]:
        """The layer of each value."""
        return np.repeat(np.arange(len(self.per_layer)), self.per_layer)

    @property
    def place(self) -> NDArray[np.int64]:
        """Layer x cells + cell of each value."""
        return places(self.per_layer, self.cell, self.x.number * self.y.number)


def places(
    per_layer: NDArray[np.integer[Any]], cell: NDArray[np.integer[Any]], cells: int
) -> NDArray[np.int64]:
    """Return layer x cells + cell of each value; ``per_layer`` of them are in each layer."""
    return np.repeat(np.arange(len(per_layer)) * cells, per_layer) + cell


def write_entries(
    file: Dataset,
    values: NDArray[np.float32],
    is_touched: NDArray[np.bool_],
    starts: NDArray[np.float64],
    axes: tuple[Axis, Axis],
) -> None:
    """Write the group; ``values`` are (layer, y, x), ``axes`` are x and y.

    ``is_touched`` tells which values are not zero: to look for those takes an eighth of the time that numbers take.
    """
    flat = values.reshape(-1)
    place = np.flatnonzero(is_touched)
    group = file.createGroup(GROUP)
    group.setncatts({"layer_starts": starts, "x": np.array(axes[0]), "y": np.array(axes[1])})
    group.createDimension("entry", len(place))
    columns: dict[str, tuple[str, Any, dict[str, str]]] = {
        "step": ("i4", np.diff(place, prepend=0), {"long_name": "cells since the entry before"}),
        "value": ("f4", flat[place], {"units": UNITS, "long_name": "foot where it is not zero"}),
    }
    for name, (kind, column, attributes) in columns.items():
        variable = group.createVariable(
            name,
            kind,
            ("entry",),
            zlib=True,
            complevel=COMPRESSION_LEVEL,
            shuffle=True,
            chunksizes=(max(len(place), 1),),
        )
        variable.setncatts(attributes)
        variable[:] = column


def read_entries(file: Dataset) -> Entries:
    """Return what is not zero of an opened file, older ones too, which have no such group.

    Raises
    ------
    LookupError, ValueError
        If the file is not whole.
    """
    file.set_auto_maskandscale(False)
    return _of_group(file[GROUP]) if GROUP in file.groups else _of_layers(file)


def _of_group(group: Dataset) -> Entries:
    starts = np.atleast_1d(group.layer_starts)
    x, y = (
        Axis(float(first), float(last), int(count)) for first, last, count in (group.x, group.y)
    )
    place = np.cumsum(group["step"][:], dtype=np.int64)
    values = group["value"][:]
    cells = x.number * y.number
    if len(values) != len(place):
        raise LookupError("it has other values than places")
    if len(place) and not 0 <= place.min() <= place.max() < len(starts) * cells:
        raise LookupError("a value lies outside of the grid")
    return _divided(place, values, starts, x, y)


def _divided(
    place: NDArray[np.int64],
    values: NDArray[np.float32],
    starts: NDArray[np.float64],
    x: Axis,
    y: Axis,
) -> Entries:
    layer, cell = np.divmod(place, x.number * y.number)
    if np.any(layer[1:] < layer[:-1]):
        raise ValueError("its values are not in the order of layers")
    return Entries(np.bincount(layer, minlength=len(starts)), cell, values, starts, x, y)


def _of_layers(file: Dataset) -> Entries:
    starts = np.asarray(file["time"][:]) - float(file["receptor_time"][0])
    y, x = (Axis.of(np.asarray(file[name][:])) for name in file["foot"].dimensions[-2:])
    foot = np.asarray(file["foot"][0]).reshape(-1)
    place = np.flatnonzero(foot)
    return _divided(place, foot[place], starts, x, y)
