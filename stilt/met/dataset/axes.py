"""Where the numbers of a file lie: its times, its grid and its levels, by CF metadata."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from stilt.met.dataset.levels import DatasetError, Levels, is_level_axis, levels_of
from stilt.met.dataset.mapping import X, Y, grid_on_map, mapping_of, metres, rotated_pole
from stilt.met.dataset.maps import unfollowed
from stilt.met.dataset.members import picked
from stilt.met.grid import Grid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stilt.met.dataset.raw import Dataset, Variable

TIME, LEVEL, ROW, COLUMN, EXPVER, MEMBER = "time", "level", "row", "column", "expver", "member"
BORDER = "border"
"""Of the layers whose middles are the levels: one more than these."""

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - as CF's times are decoded
_CALENDARS = {"standard", "gregorian", "proleptic_gregorian"}
_MEMBERS = {"number", "realization", "member", "ensemble"}
_UNEVEN = 2e-3
"""By what part of a step places may lie off: coordinates are rounded to single precision."""

_NEARLY_EVEN = 0.05
"""By what part latitudes of a Gaussian grid differ in their distance: they are a little closer at the poles."""

_ROTATED = ("grid_longitude", "grid_latitude")


@dataclass(frozen=True, slots=True)
class Axes:
    """The axes of a file.

    Attributes
    ----------
    role
        By dimension: which axis it is.
    minutes
        Times, whole minutes since 1970 UTC, shape (times,); empty where the file has none.
    grid
        Rows from the south, columns from the west.
    is_from_north, is_from_east
        Whether the file's own order is the other one.
    levels
        From below.
    expver_order
        Positions of ERA5 and of preliminary ERA5T, of which one has each hour's values.
    member, members
        Position of the member that is read, None where one is to be picked; and the numbers of all.
    """

    role: dict[str, str]
    minutes: NDArray[np.int64]
    grid: Grid
    is_from_north: bool
    is_from_east: bool
    levels: Levels
    expver_order: tuple[int, ...]
    member: int | None = 0
    members: tuple[int, ...] = ()


def axes_of(dataset: Dataset, member: int | None = None) -> Axes:
    """Find the axes of a dataset that was opened without decoding; ``member`` is the one of an ensemble to be read.

    Raises
    ------
    DatasetError
        If it lies on no grid that is known, its calendar is not the usual one, or it has not that member.
    """
    found = {str(name): _role(str(name), dataset) for name in dataset.dims}
    role = _with_borders({name: kind for name, kind in found.items() if kind}, dataset)
    rows, columns = _named(role, ROW), _named(role, COLUMN)
    if rows is None or columns is None:
        raise DatasetError(f"its grid is {_other_grid(dataset)}")
    grid, is_from_north, is_from_east = _places(dataset, rows, columns)
    experiments = _named(role, EXPVER)
    versions = [] if experiments is None else dataset[experiments].to_numpy().astype(int).tolist()
    members = _members(dataset, role)
    return Axes(
        role,
        _minutes(dataset, _named(role, TIME)),
        grid,
        is_from_north,
        is_from_east,
        levels_of(dataset, _named(role, LEVEL)),
        tuple(sorted(range(len(versions)), key=versions.__getitem__)),
        picked(members, member) if members else 0,
        tuple(members),
    )


def _members(dataset: Dataset, role: dict[str, str]) -> list[int]:
    """Return the numbers of an ensemble's members, in their order in the file; none where it has no such axis."""
    name = _named(role, MEMBER)
    if name is None:
        return []
    if name not in dataset.variables:
        return list(range(dataset.sizes[name]))
    values = np.asarray(dataset[name].to_numpy())
    is_number = values.dtype.kind in "iuf" and np.all(values == np.rint(values))
    return values.astype(int).tolist() if is_number else list(range(len(values)))


def _with_borders(role: dict[str, str], dataset: Dataset) -> dict[str, str]:
    """Of two axes of levels, one of which has one more, tell that it is of the borders of layers (ICON's height_2)."""
    sizes = {name: dataset.sizes[name] for name, kind in role.items() if kind == LEVEL}
    more = max(sizes, key=sizes.__getitem__, default="")
    if sorted(sizes.values()) == [sizes.get(more, 0) - 1, sizes.get(more, 0)]:
        return role | {more: BORDER}
    return role


def _other_grid(dataset: Dataset) -> str:
    """Say what a grid is whose axes are neither longitude and latitude nor x and y on a map."""
    if any("CDI_grid_type" in each.attrs for each in dataset.variables.values()):
        return unfollowed("unstructured_grid")
    return "not one of longitude and latitude, or of x and y on a map, along its axes"


def _named(role: dict[str, str], kind: str) -> str | None:
    names = [name for name, its in role.items() if its == kind]
    if len(names) > 1:
        raise DatasetError(f"it has two axes of {kind}: {' and '.join(names)}")
    return names[0] if names else None


def _role(name: str, dataset: Dataset) -> str:
    if name not in dataset.variables:
        return MEMBER if name in _MEMBERS else ""
    attributes = dataset[name].attrs
    unit, standard = str(attributes.get("units", "")), str(attributes.get("standard_name", ""))
    kinds = {
        TIME: " since " in unit,
        ROW: unit.lower().startswith("degrees_n") or standard in {"latitude", Y, _ROTATED[1]},
        COLUMN: unit.lower().startswith("degrees_e") or standard in {"longitude", X, _ROTATED[0]},
        EXPVER: name == "expver",
        MEMBER: name in _MEMBERS or standard == "realization",
        LEVEL: is_level_axis(name, dataset[name]),
    }
    return next((kind for kind, is_so in kinds.items() if is_so), "")


def _places(dataset: Dataset, rows: str, columns: str) -> tuple[Grid, bool, bool]:
    """Return the grid, and whether the file has rows from the north and columns from the east."""
    if dataset[rows].attrs.get("standard_name") == Y:
        y, is_from_north = _even(dataset[rows], "rows")
        x, is_from_east = _even(dataset[columns], "columns")
        scales = metres(dataset[columns]), metres(dataset[rows])
        return (
            grid_on_map(mapping_of(dataset), x * scales[0], y * scales[1]),
            is_from_north,
            is_from_east,
        )
    y, is_from_north = _even(dataset[rows], "latitudes")
    x, is_from_east = _even(dataset[columns], "longitudes")
    names = tuple(dataset[axis].attrs.get("standard_name") for axis in (columns, rows))
    shift, pole = rotated_pole(mapping_of(dataset)) if names == _ROTATED else (0.0, None)
    return lattice(x - shift, y, pole), is_from_north, is_from_east


def _even(places: Variable, what: str) -> tuple[NDArray[np.float64], bool]:
    """Return evenly spaced coordinates, or nearly so of latitudes, rising; and whether the file has them falling."""
    values = np.asarray(places.to_numpy(), np.float64)
    if what == "longitudes":
        values = np.unwrap(values, period=360.0)
    if len(values) < 4:  # noqa: PLR2004 - a particle needs neighbours on all sides
        raise DatasetError(f"it has {len(values)} {what}")
    steps = np.diff(values)
    if not is_even(values, _NEARLY_EVEN if what == "latitudes" else _UNEVEN):
        raise DatasetError(f"its {what} are not evenly spaced")
    is_falling = bool(steps.mean() < 0)
    return (values[::-1] if is_falling else values), is_falling


def is_even(values: NDArray[np.float64], part: float = _UNEVEN) -> bool:
    """Tell whether no step of coordinates is off the mean one by more than a part of it."""
    steps = np.diff(values)
    return bool(np.abs(steps - steps.mean()).max() <= part * abs(steps.mean()))


def _are_rows(lat: NDArray[np.float64]) -> bool:
    """Tell whether latitudes lie elsewhere than evenly spaced ones would, which small steps can add up to."""
    even = np.linspace(lat[0], lat[-1], len(lat))
    return bool(np.abs(lat - even).max() > _UNEVEN * abs(even[1] - even[0]))


def lattice(
    lon: NDArray[np.float64], lat: NDArray[np.float64], pole: tuple[float, float] | None = None
) -> Grid:
    """Return the grid of evenly spaced longitudes and latitudes, both rising, about the Earth's pole or another.

    Latitudes that are not evenly spaced are rows of their own.
    """
    dx, dy = (round(float(values[-1] - values[0]) / (len(values) - 1), 7) for values in (lon, lat))
    west, south = (round(float(values[0]), 7) for values in (lon, lat))
    return Grid(
        pole_lat=round(south + (len(lat) - 1) * dy, 7),
        pole_lon=round((west + (len(lon) - 1) * dx) % 360.0, 7),
        ref_lat=dy,
        ref_lon=dx,
        size_km=0.0,
        orientation=0.0,
        tangent_lat=0.0,
        sync_x=1.0,
        sync_y=1.0,
        sync_lat=south,
        sync_lon=west % 360.0,
        nx=len(lon),
        ny=len(lat),
        rotated=pole,
        rows=tuple(lat.tolist()) if _are_rows(lat) else (),
    )


def _minutes(dataset: Dataset, name: str | None) -> NDArray[np.int64]:
    if name is None:  # one time is often no axis
        scalars = [str(c) for c in dataset.variables if " since " in _unit(dataset[c])]
        name = next((c for c in ("valid_time", "time") if c in scalars), None)
        if name is None:
            return np.empty(0, np.int64)
    times: Any = dataset[name]
    calendar = str(times.attrs.get("calendar", "standard")).lower()
    if calendar not in _CALENDARS:
        raise DatasetError(f"its calendar is {calendar}, which has other days than the year's")
    seconds = _seconds(np.atleast_1d(times.to_numpy()), str(times.attrs["units"]), calendar)
    if np.any(seconds % 60):
        raise DatasetError("its times are not whole minutes")
    if np.any(np.diff(seconds) <= 0):
        raise DatasetError("its times do not ascend")
    return np.asarray(seconds // 60)


def _seconds(values: NDArray[Any], unit: str, calendar: str) -> NDArray[np.int64]:
    """Return times as seconds since 1970 UTC, by CF's unit (section 4.4): all of them are after the calendars part."""
    from cftime import num2date

    factor = 1.0
    if unit.startswith("nanosecond"):
        unit, factor = unit.replace("nano", "micro", 1), 1e-3
    numbers = np.asarray(values, np.float64) * factor
    first, later = (
        (when - _EPOCH).total_seconds()
        for when in num2date(
            [numbers[0], numbers[0] + 1e6],
            unit,
            calendar,
            only_use_cftime_datetimes=False,
            only_use_python_datetimes=True,
        )
    )
    step = (later - first) / 1e6
    return np.asarray(np.rint(first + step * (numbers - numbers[0])), np.int64)


def _unit(variable: Variable) -> str:
    return str(variable.attrs.get("units", ""))
