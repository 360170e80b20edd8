"""The coordinates of a map: degrees, or a projection's; and the coastlines in them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from stilt.footprint.grid import FULL_CIRCLE, Geometry, length_unit
from stilt.foundations.errors import InputError
from stilt.plot.coastline import Box, Kind, coastlines

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class MapFrame:
    """The coordinates that a footprint is drawn in.

    Attributes
    ----------
    x, y
        Cell centres: degrees, or units of the projection, but kilometres where that has metres.
    plane
        The grid whose projection it is; None for longitude and latitude.
    unit, scale
        Of x and y on a plane, and how many of the projection's units it is.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    plane: Geometry | None = None
    unit: str = ""
    scale: float = 1.0

    @classmethod
    def of(cls, foot: xr.DataArray) -> MapFrame:
        """Return the frame of a footprint, or of what was made of it.

        Raises
        ------
        InputError
            If it has no grid, or a projected one without a word of its projection.
        """
        if {"lat", "lon"} <= set(foot.dims):
            return cls(foot["lon"].to_numpy(), foot["lat"].to_numpy())
        if not {"y", "x"} <= set(foot.dims):
            raise InputError(
                f"an array along {', '.join(map(str, foot.dims)) or 'nothing'} is no map",
                "give a footprint along lat and lon, or y and x",
                code="DIMENSIONS_UNFIT",
            )
        projection = foot.attrs.get("crs") or foot["x"].attrs.get("crs")
        if projection is None:
            raise InputError(
                "the footprint has y and x, and no projection",
                "set its attribute crs: a PROJ text",
                code="PROJECTION_NOT_NAMED",
            )
        unit = length_unit(projection)
        unit, scale = ("km", 1000.0) if unit == "m" else (unit, 1.0)
        x, y = (foot[name].to_numpy() for name in ("x", "y"))
        return cls(x / scale, y / scale, Geometry.around(projection, x, y), unit, scale)

    def place(
        self, longitudes: NDArray[np.float64], latitudes: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return where places lie in the frame."""
        if self.plane is None:
            middle = 0.5 * (self.x[0] + self.x[-1])
            return around(longitudes, middle), latitudes
        x, y = self.plane.project(longitudes, latitudes)
        return x / self.scale, y / self.scale

    def unrolled(self, values: NDArray[np.float64]) -> tuple[MapFrame, NDArray[np.float64]]:
        """Return the frame and values, shape (y, x), of a map round the globe cut where the widest gap of zeros is."""
        is_global = (
            len(self.x) > 1 and round(len(self.x) * (self.x[1] - self.x[0]), 6) == FULL_CIRCLE
        )
        touched = np.flatnonzero(values.any(axis=0))
        if self.plane is not None or not is_global or not len(touched):
            return self, values
        gaps = np.diff(np.append(touched, touched[0] + len(self.x)))
        first = int(touched[(gaps.argmax() + 1) % len(touched)])
        before = min(int(gaps.max() - 1) // 2, first)  # half of the gap on each side
        x = np.append(self.x[first - before :], self.x[: first - before] + FULL_CIRCLE)
        return replace(self, x=x), np.roll(values, before - first, axis=1)

    def box(self, across: Span, along: Span) -> Box:
        """Return the degrees that hold what lies between these x and y."""
        if self.plane is None:
            return Box(*across, *along)
        x, y = np.meshgrid(np.linspace(*across, 50), np.linspace(*along, 50))
        seen = np.array(self.plane.unproject(x.ravel() * self.scale, y.ravel() * self.scale))
        longitudes, latitudes = seen[:, np.isfinite(seen).all(axis=0)]
        turned = around(longitudes, float(np.median(longitudes)))
        return Box(turned.min(), turned.max(), latitudes.min(), latitudes.max())

    def fitted(self, across: Span, along: Span, ratio: float) -> tuple[Span, Span, float]:
        """Widen one of two spans so that a map so many times as wide as high has true proportions.

        The last number is how long a unit of x is, in units of y.
        """
        stretch = 1.0 if self.plane else max(float(np.cos(np.radians(np.mean(along)))), 0.1)
        width, height = (across[1] - across[0]) * stretch, along[1] - along[0]
        return (
            _widened(across, max(width, height * ratio) / stretch),
            _widened(along, max(height, width / ratio)),
            stretch,
        )

    def coast(self, across: Span, along: Span, kind: Kind) -> list[NDArray[np.float64]]:
        """Return the lines that come near what lies between these x and y; points of shape (points, 2)."""
        lines = coastlines(self.box(across, along), (kind,))
        if self.plane is None:
            return lines
        placed = [np.column_stack(self.place(line[:, 0], line[:, 1])) for line in lines]
        return [line[np.isfinite(line).all(axis=1)] for line in placed]


DEGREES = MapFrame(np.empty(0), np.empty(0))
"""A map of degrees that is no footprint's."""


def _widened(span: Span, width: float) -> Span:
    more = 0.5 * (width - (span[1] - span[0]))
    return span[0] - more, span[1] + more


def around(longitudes: NDArray[np.float64], middle: float) -> NDArray[np.float64]:
    """Return longitudes in the turn that has ``middle`` in its middle."""
    return (longitudes - middle + 180) % FULL_CIRCLE - 180 + middle


def degrees(words: str, value: float, _: int | None = None) -> str:
    """Return how a map says a number of degrees; ``words`` are the letters of negative and positive ones."""
    if words == "SN" and abs(value) > 90:  # noqa: PLR2004 - beyond the pole
        return ""
    turned = (value + 180) % 360 - 180 if words == "WE" else value
    letter = words[int(turned > 0)] if round(turned, 6) not in {0.0, -180.0} else ""
    return f"{abs(turned):.6g}°{letter}"


def unwrapped(longitudes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return longitudes counted on beyond 180 where that brings them closer together."""
    turned = np.sort(longitudes % FULL_CIRCLE)
    if not len(turned):
        return longitudes
    gaps = np.diff(np.append(turned, turned[0] + FULL_CIRCLE))
    start = turned[(int(gaps.argmax()) + 1) % len(turned)]
    found: NDArray[np.float64] = start + (longitudes - start) % FULL_CIRCLE
    return found - FULL_CIRCLE * round(float(found.mean()) / FULL_CIRCLE)
