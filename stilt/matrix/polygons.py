"""Polygons as surface elements: which share of each footprint cell lies in which."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from stilt.config.sections import file_and_part
from stilt.footprint.grid import to_projected
from stilt.foundations.errors import EnvironmentFailure, InputError
from stilt.foundations.inside import read_input

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    Values = NDArray[np.float64]

ENDINGS = (".geojson", ".json")
MOST_BYTES = 1 << 28
"""Of a file of polygons."""

_NAMES = ("name", "NAME", "id", "ID")
_STRAIGHT_DEG = 0.05
"""Edges are straight in longitude and latitude; on a projected grid pieces as long as this are."""


@dataclass(frozen=True, slots=True)
class Polygons:
    """Polygons with their names, in longitude and latitude (WGS 84), as GeoJSON has them."""

    names: Sequence[str]
    shapes: Sequence[Any]

    @property
    def elements(self) -> xr.Dataset:
        """The names along ``element``."""
        return xr.Dataset(coords={"element": np.array(self.names, dtype=object)})

    def shares(self, footprints: xr.DataArray) -> csr_array:
        """Return which share of the area of each footprint cell lies in each polygon: (cell, polygon).

        Areas are those of the plane of the grid, which within a cell is as good as the sphere.
        """
        from scipy.sparse import coo_array, csr_array

        y, x = (_edges(footprints[name].to_numpy()) for name in footprints.dims[2:])
        found = [_of_polygon(shape, y, x) for shape in self._on_grid_of(footprints, x)]
        cells, values = (np.concatenate([each[part] for each in found]) for part in (0, 1))
        polygon = np.repeat(np.arange(len(found)), [len(each[0]) for each in found])
        shape = ((len(y) - 1) * (len(x) - 1), len(found))
        return csr_array(coo_array((values, (cells, polygon)), shape=shape))

    def touched(self, footprints: xr.DataArray) -> Polygons:
        """Return those that have a share of a footprint cell."""
        has_share = np.bincount(self.shares(footprints).indices, minlength=len(self.names)) > 0
        places = np.flatnonzero(has_share).tolist()
        return Polygons(
            [self.names[each] for each in places], [self.shapes[each] for each in places]
        )

    def _on_grid_of(self, footprints: xr.DataArray, x: Values) -> list[Any]:
        import shapely

        if "lat" in footprints.dims:
            return [_turned(shape, x) for shape in self.shapes]

        def project(points: Values) -> Values:
            return np.stack(to_projected(footprints.attrs["crs"], *points.T), axis=1)

        fine = [shapely.segmentize(shape, _STRAIGHT_DEG) for shape in self.shapes]
        return [shapely.transform(shape, project) for shape in fine]


def open_polygons(text: str) -> Polygons:
    """Return the polygons of FILE, or of FILE:PROPERTY, by which they are named.

    Raises
    ------
    InputError
        If it is no GeoJSON file of polygons.
    EnvironmentFailure
        If shapely is not installed.
    """
    shapely = package("shapely", "polygons")
    file, name = file_and_part(text)
    try:
        data = json.loads(read_input(Path(file), MOST_BYTES))
        features = data["features"] if data["type"] == "FeatureCollection" else [data]
        shapes = [shapely.from_geojson(json.dumps(each["geometry"])) for each in features]
        said = [each.get("properties") or {} for each in features]
    except OSError as error:
        raise InputError(
            f"the target {file} can't be read: {error.strerror or error}",
            "give a GeoJSON file",
            code="TARGET_UNREADABLE",
        ) from error
    except (ValueError, LookupError, TypeError, shapely.errors.GEOSException) as error:
        raise InputError(
            f"the target {file} is no GeoJSON of polygons: {error}",
            "give a FeatureCollection",
            code="TARGET_UNREADABLE",
        ) from error
    odd = [each.geom_type for each in shapes if each.geom_type not in {"Polygon", "MultiPolygon"}]
    if odd or not shapes:
        raise InputError(
            f"the target {file} has {odd[0] if odd else 'no'} features",
            "give polygons",
            code="TARGET_WRONG",
        )
    return Polygons(_names(said, name, file), [shapely.make_valid(shape) for shape in shapes])


def _names(said: list[dict[str, Any]], name: str, file: str) -> list[str]:
    """Return what polygons are called: by a property, or by their number."""
    known = set.intersection(*(set(each) for each in said))
    if name and name not in known:
        raise InputError(
            f"the polygons of {file} have no property {name!r} in common",
            f"they have {', '.join(sorted(known)) or 'none'}",
            code="TARGET_WRONG",
        )
    key = name or next((each for each in _NAMES if each in known), "")
    return [str(each[key]) if key else str(number) for number, each in enumerate(said)]


def package(name: str, what: str) -> Any:
    """Return a package that a kind of target needs.

    Raises
    ------
    EnvironmentFailure
        If it is not installed.
    """
    try:
        return import_module(name)
    except ImportError:
        raise EnvironmentFailure(
            f"{what} need {name}, which is not installed",
            f"pip install 'stilt-hpc[{'h3' if what.startswith('h3') else 'polygons'}]'",
            code="PACKAGE_MISSING",
        ) from None


def _edges(centres: Values) -> Values:
    half = 0.5 * (centres[-1] - centres[0]) / max(len(centres) - 1, 1) or 0.5
    return np.append(centres - half, centres[-1] + half)


def _turned(shape: Any, x: Values) -> Any:
    """Return a polygon with its copies a turn of the circle to either side, where these meet a grid's longitudes."""
    import shapely

    turns = [
        shapely.transform(shape, lambda points, turn=turn: points + np.array([turn, 0.0]))
        for turn in (-360.0, 0.0, 360.0)
        if shape.bounds[0] + turn < x[-1] and shape.bounds[2] + turn > x[0]
    ]
    return shapely.union_all(turns)


def _of_polygon(shape: Any, y: Values, x: Values) -> tuple[NDArray[np.intp], Values]:
    """Return the cells that a polygon has a share of, counted row by row, and the shares."""
    import shapely

    if shape.is_empty:
        return np.empty(0, np.intp), np.empty(0)
    west, south, east, north = shape.bounds
    rows, columns = _between(y, south, north), _between(x, west, east)
    row, column = (each.ravel() for each in np.meshgrid(rows, columns, indexing="ij"))
    boxes = shapely.box(x[column], y[row], x[column + 1], y[row + 1])
    shapely.prepare(shape)
    share = shapely.contains(shape, boxes).astype(np.float64)
    partly = np.flatnonzero((share == 0.0) & shapely.intersects(shape, boxes))
    area = shapely.area(shapely.intersection(shape, boxes[partly]))
    share[partly] = area / shapely.area(boxes[partly])
    inside = share > 0.0
    return (row * (len(x) - 1) + column)[inside], share[inside]


def _between(edges: Values, low: float, high: float) -> NDArray[np.intp]:
    """Return the cells of an axis that a stretch touches."""
    first = max(int(np.searchsorted(edges, low, side="right")) - 1, 0)
    last = min(int(np.searchsorted(edges, high, side="left")), len(edges) - 1)
    return np.arange(first, max(last, first))
