"""The matrix of an inversion: what each receptor sees of each surface element in each stretch of time.

A row times a flux that is constant in each element and stretch is the receptor's enhancement (``stilt.enhancements``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from stilt.api.regridding import FULL_CIRCLE, shares
from stilt.api.stretches import Stretches, stretches_of
from stilt.foundations.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    Values = NDArray[np.float64]
    Tell = Callable[[int, int], None]

AT_ONCE = 64
"""Receptors whose footprints are in memory together, without their zeros."""

UNITS = "ppm (umol m-2 s-1)-1"


@dataclass(frozen=True, slots=True)
class Jacobian:
    """Receptors against stretches of time and surface elements.

    Attributes
    ----------
    matrix
        Shape (receptors, stretches x elements), ppm per (umol m-2 s-1); the elements of a stretch stand together.
    receptors
        Their coordinates and labels, along ``receptor``.
    stretches
        When each begins: UTC, or hours from the receptor's time.
    elements
        Along ``lat`` and ``lon`` or ``y`` and ``x``, row by row; or along ``element``.
    """

    matrix: csr_array
    receptors: xr.Dataset
    stretches: xr.DataArray
    elements: xr.Dataset

    @property
    def shape(self) -> tuple[int, ...]:
        """Receptors, stretches, and the elements along each of their dimensions."""
        along = tuple(self.elements.sizes[name] for name in self.elements.dims)
        return (self.matrix.shape[0], self.stretches.size, *along)

    def __matmul__(self, flux: Any) -> Values:
        """Return what fluxes add at each receptor, ppm; they have the shape (stretches, elements) or its end."""
        values = np.broadcast_to(np.asarray(flux, np.float64), self.shape[1:])
        added: Values = self.matrix @ values.ravel()
        return added

    def to_dataset(self) -> xr.Dataset:
        """Return all of it: the matrix as ``value``, ``column`` and ``row_start``, as compressed sparse rows."""
        attrs = {
            "units": UNITS,
            "long_name": "sensitivity of the receptor's mole fraction to a flux",
        }
        about = {"long_name": "stretch x number of elements + element"}
        return xr.Dataset(
            {
                "value": ("entry", self.matrix.data, attrs),
                "column": ("entry", self.matrix.indices.astype(np.int64), about),
                "row_start": ("row", self.matrix.indptr.astype(np.int64)),
            },
            coords={**self.receptors.coords, "stretch": self.stretches, **self.elements.coords},
            attrs={"elements": " ".join(map(str, self.elements.dims))},
        )

    @classmethod
    def from_dataset(cls, data: xr.Dataset) -> Jacobian:
        """Return what ``to_dataset`` was made of."""
        from scipy.sparse import csr_array

        dims = str(data.attrs["elements"]).split()
        elements = xr.Dataset(coords={name: data[name] for name in dims})
        receptors = xr.Dataset(
            coords={name: c for name, c in data.coords.items() if c.dims == ("receptor",)}
        )
        width = data.sizes["stretch"] * int(np.prod([data.sizes[name] for name in dims]))
        parts = tuple(data[name].to_numpy() for name in ("value", "column", "row_start"))
        matrix = csr_array(parts, shape=(data.sizes["receptor"], width))
        return cls(matrix, receptors, data["stretch"], elements)


def jacobian(
    footprints: xr.DataArray,
    target: float | xr.DataArray | None = None,
    stretches: str = "run",
    *,
    tell: Tell | None = None,
) -> Jacobian:
    """Return the matrix of receptors against stretches of time and surface elements.

    Footprints are read once, in order, some at a time. A cell of the footprint that lies in several elements counts
    for each by the share of its area there; what lies in none is left out.

    Parameters
    ----------
    footprints
        From ``Project.footprints``, or that of one simulation: ppm per (umol m-2 s-1).
    target
        The elements: the footprints' own cells unless given; a number for cells of so many degrees, counted from the
        footprints' south-western corner; or whole numbers on a grid with dimensions lat and lon (cell centres, any
        regular grid), one number an element; what is negative or missing belongs to none.
    stretches
        ``run`` for all hours together; ``hours`` for each hour by its distance from the receptor's time, ``6 hours``
        for so many together; or a calendar's, UTC: ``1h``, ``3h``, ``1D``, ``1W``, ``MS`` (months) as pandas has them.
        An hour that lies in two counts for each by its part there.
    tell
        Called with how many receptors are done, and of how many.

    Raises
    ------
    InputError
        If the target or the stretches mean nothing, or footprints integrated over time are to be divided.
    """
    from scipy.sparse import csr_array, vstack

    from stilt.api.flux import of_receptors

    footprints = of_receptors(footprints)
    share, elements = _elements(footprints, target)
    times = np.atleast_1d(footprints["receptor_time"].to_numpy())
    parts = stretches_of(stretches, times, footprints["hour"].to_numpy())
    width = parts.count * share.shape[1]
    blocks = [csr_array((0, width))]
    for first in range(0, len(times), AT_ONCE):
        last = min(first + AT_ONCE, len(times))
        blocks.append(_rows(_sparse(footprints[first:last]), share, parts, times[first:last]))
        if tell is not None:
            tell(last, len(times))
    receptors = {name: c for name, c in footprints.coords.items() if c.dims == ("receptor",)}
    matrix = csr_array(vstack(blocks, format="csr"))
    return Jacobian(matrix, xr.Dataset(coords=receptors), parts.starts, elements)


def _sparse(footprints: xr.DataArray) -> csr_array:
    """Read footprints, one after the other: (receptor x hour, cell)."""
    from scipy.sparse import csr_array, vstack

    shape = footprints.sizes["hour"], -1
    read = (each.values.reshape(shape) for each in footprints.variable)
    return csr_array(vstack([csr_array(each.astype(np.float64)) for each in read], format="csr"))


def _rows(foot: csr_array, share: csr_array, parts: Stretches, times: NDArray[Any]) -> csr_array:
    """Return the rows of some receptors."""
    from scipy.sparse import csr_array

    by_stretch = (parts.shares(times) @ (foot @ share)).tocoo()
    number, stretch = divmod(by_stretch.coords[0].astype(np.int64), parts.count)
    column = stretch * share.shape[1] + by_stretch.coords[1]
    shape = (len(times), parts.count * share.shape[1])
    rows = csr_array((by_stretch.data, (number, column)), shape=shape)
    rows.sort_indices()
    return rows


def _elements(
    footprints: xr.DataArray, target: float | xr.DataArray | None
) -> tuple[csr_array, xr.Dataset]:
    """Return the share of each footprint cell in each element, and the elements' coordinates."""
    from scipy.sparse import csr_array, eye_array

    cells = footprints.dims[2:]
    if target is None:
        count = footprints.sizes[cells[0]] * footprints.sizes[cells[1]]
        own = xr.Dataset(coords={name: footprints[name] for name in cells})
        return csr_array(eye_array(count, format="csr")), own
    if isinstance(target, xr.DataArray):
        return _labelled(footprints, target)
    lat, lon = _coarse(footprints, float(target))
    return shares(lat, lon, footprints), xr.Dataset(coords={"lat": lat, "lon": lon})


def _labelled(footprints: xr.DataArray, labels: xr.DataArray) -> tuple[csr_array, xr.Dataset]:
    from scipy.sparse import csr_array

    labels = labels.rename(
        {a: b for a, b in (("latitude", "lat"), ("longitude", "lon")) if a in labels.dims}
    )
    if set(labels.dims) != {"lat", "lon"}:
        raise InputError(
            f"the target has the dimensions {', '.join(map(str, labels.dims))}",
            "give one whole number for each cell of a grid with lat and lon",
        )
    ordered = labels.transpose("lat", "lon")
    values = ordered.to_numpy().ravel()
    inside = np.isfinite(values) & (values >= 0)
    if not inside.any() or np.any(values[inside] % 1):
        raise InputError(
            "the target's values are not whole numbers from 0", "number the elements from 0"
        )
    names, numbers = np.unique(values[inside].astype(np.int64), return_inverse=True)
    places = (np.flatnonzero(inside), numbers)
    member = csr_array((np.ones(len(numbers)), places), shape=(values.size, len(names)))
    share = shares(ordered["lat"].to_numpy(), ordered["lon"].to_numpy(), footprints) @ member
    return csr_array(share), xr.Dataset(coords={"element": names})


def _coarse(footprints: xr.DataArray, size: float) -> tuple[Values, Values]:
    """Return centres of cells of so many degrees that cover the footprints' grid."""
    from stilt.footprint.grid import to_degrees

    if not 0 < size <= FULL_CIRCLE / 2:
        raise InputError(f"a target of {size:g} degrees is no grid", "give a size such as 0.5")
    edges = [_outer(footprints[name].to_numpy()) for name in footprints.dims[2:]]
    if "lat" not in footprints.dims:
        y, x = (np.linspace(*each, 200) for each in edges)
        lon, lat = to_degrees(footprints.attrs["crs"], *np.meshgrid(x, y))
        edges = [(float(np.nanmin(each)), float(np.nanmax(each))) for each in (lat, lon)]
    lat, lon = (
        low + size * (np.arange(max(np.ceil((high - low) / size - 1e-9), 2)) + 0.5)
        for low, high in edges
    )
    return lat, lon


def _outer(centres: Values) -> tuple[float, float]:
    half = 0.5 * (centres[1] - centres[0]) if len(centres) > 1 else 0.5
    return float(centres[0] - half), float(centres[-1] + half)
