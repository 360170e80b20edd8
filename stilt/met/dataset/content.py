"""What one NetCDF, Zarr or GRIB file holds: its header as other met files have one, and the variable of each field."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from stilt.met.arl import ArlFile, Level
from stilt.met.dataset import wrf
from stilt.met.dataset.axes import BORDER, EXPVER, LEVEL, MEMBER, TIME, axes_of
from stilt.met.dataset.levels import INSTALL, NO_LEVELS, DatasetError
from stilt.met.dataset.magic import kind_of
from stilt.met.dataset.members import to_be_picked
from stilt.met.dataset.naming import fields_in, member_in
from stilt.met.dataset.quantities import (
    ALONG_GRID,
    HOUR_S,
    TO_THE_EAST_AND_NORTH,
    TURNED,
    WINDS,
    Found,
    recognise,
    sign,
)
from stilt.met.dataset.raw import open_file, open_store
from stilt.met.dataset.units import Conversion
from stilt.met.minutes import time_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stilt.met.dataset.axes import Axes
    from stilt.met.dataset.grib import Messages
    from stilt.met.dataset.naming import Table
    from stilt.met.dataset.raw import Dataset, Variable

_MOST_ALONG_AN_AXIS = 4_000_000
"""The minutes of seven years; what more is announced may not be there, and would take memory."""

_BETWEEN = "DZDT"
_MEMBER_STEP_S = 3 * HOUR_S
"""ERA5's ensemble is summed over three hours, the reanalysis over one (both end at the time that is given)."""


@dataclass(frozen=True, slots=True)
class Content:
    """A file.

    Attributes
    ----------
    fields
        By canonical name, the variable that is read for it.
    unused
        Variables that would be such fields, and why they are not read.
    messages
        Of a GRIB file: where its fields lie.
    """

    header: ArlFile
    axes: Axes
    fields: dict[str, Found]
    unused: tuple[Found, ...]
    messages: Messages | None = None


def content_of(path: Path, table: Table = ()) -> Content:
    """Look a file over; one that has not changed is looked at once a process.

    ``table`` is that of its meteorology: which variables are which fields.

    Raises
    ------
    DatasetError
        If it holds nothing that is known, or does not say enough of it.
    OSError
        If it cannot be read.
    """
    status = path.stat()
    return _content(str(path), status.st_size, status.st_mtime_ns, table)


def open_raw(path: Path, *, decoded: bool = False) -> Dataset:
    """Open a file without loading it; ``decoded``: packed numbers unpacked, NaN where they are missing.

    Raises
    ------
    DatasetError
        If the library does not read it.
    """
    kind = kind_of(path) or "NetCDF"
    if kind == "Zarr" and find_spec("zarr") is None:
        raise DatasetError(f"is Zarr, for which zarr is needed: {INSTALL}[zarr]'")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of variables that are not asked for
            if kind == "Zarr":
                dataset = open_store(path.parent, is_decoded=decoded)
            else:
                dataset = open_file(path, is_decoded=decoded)
    except Exception as error:  # of attributes that nobody expects: anything may come
        raise DatasetError(f"does not read as {kind}: {error}") from error
    longest = max(dataset.sizes.values(), default=0)
    if longest > _MOST_ALONG_AN_AXIS:
        dataset.close()
        raise DatasetError(f"announces {longest:,} points along one axis")
    return dataset


@lru_cache(maxsize=1024)
def _content(name: str, size: int, changed: int, table: Table) -> Content:
    path = Path(name)
    try:
        if kind_of(path) == "GRIB":
            from stilt.met.dataset.grib_index import scanned

            content = Content(*scanned(path, size, changed, member_in(table)))
        else:
            with open_raw(path) as dataset:
                content = _of_dataset(path, dataset, table)
        return replace(content, header=replace(content.header, table=table))
    except DatasetError as error:
        raise DatasetError(f"{path}: {error}") from error
    except OSError:
        raise
    except Exception as error:  # as in open_raw: whatever somebody wrote there
        raise DatasetError(f"{path}: {type(error).__name__}: {error}") from error


def _of_dataset(path: Path, dataset: Dataset, table: Table) -> Content:
    if wrf.is_wrf(dataset):
        axes, found = wrf.axes_of_wrf(dataset), wrf.fields_of_wrf(dataset)
    else:
        axes = axes_of(dataset, member_in(table))
        found = _fields(dataset, axes, fields_in(table))
    fields: dict[str, Found] = {}
    for each in sorted(found, key=lambda one: one.rank):
        if not each.why_not:
            fields.setdefault(each.quantity.name, each)
    unused = tuple(each for each in found if each.quantity.name not in fields)
    if not fields:
        why = "; ".join(f"{each.variable} {each.why_not}" for each in unused)
        raise DatasetError(f"it has no field that is known{': ' if why else ''}{why}")
    header = _header(path, axes, fields)
    return Content(
        replace(header, model=wrf.MODEL) if wrf.is_wrf(dataset) else header, axes, fields, unused
    )


def _header(path: Path, axes: Axes, fields: dict[str, Found]) -> ArlFile:
    surface = tuple(name for name, each in fields.items() if not each.quantity.is_aloft)
    aloft = tuple(name for name, each in fields.items() if each.quantity.is_aloft)
    levels = [Level(float(height), aloft) for height in axes.levels.heights] if aloft else []
    times = axes.minutes.tolist() or [0]
    return ArlFile(
        path=path,
        model="",
        grid=axes.grid,
        times=tuple(time_of(minute) for minute in times),
        levels=(Level(0.0, surface), *levels),
        level_type=axes.levels.kind if levels else NO_LEVELS,
        pressure_offset=axes.levels.offset if levels else 0.0,
        format=kind_of(path),
    )


def _fields(dataset: Dataset, axes: Axes, table: dict[str, str]) -> list[Found]:
    """Return the variables that are fields, or would be."""
    found, has_levels = [], axes.levels.kind != NO_LEVELS
    for name in dataset.data_vars:
        variable = dataset[name]
        kinds = {axes.role.get(str(dim), "") for dim in variable.dims}
        if not {"row", "column"} <= kinds:
            continue
        is_aloft = bool(kinds & {LEVEL, BORDER}) and has_levels
        known = recognise(str(name), variable.attrs, is_aloft=is_aloft, table=table)
        if known is None or (BORDER in kinds and known[0].name != _BETWEEN):
            continue  # of what lies between the levels only the motion is asked for
        quantity, rank, convert = known
        if convert is None:
            unit = str(variable.attrs.get("units", ""))
            why = f"has the unit {unit!r}" if unit else "has no unit"
            found.append(Found(quantity, str(name), rank, Conversion(1.0), why))
            continue
        found.append(
            _judged(dataset, axes, Found(quantity, str(name), rank, convert), is_named=rank < 0)
        )
    return found


def _judged(dataset: Dataset, axes: Axes, found: Found, *, is_named: bool) -> Found:
    """Say why a variable is not used, or complete what turns it into the field."""
    variable, quantity = dataset[found.variable], found.quantity
    attributes = variable.attrs
    if several := _several(variable, axes):
        return replace(found, why_not=several)
    if attributes.get("GRIB_typeOfLevel", "surface") not in {
        "surface",
        "isobaricInhPa",
        "hybrid",
    } and (quantity.is_aloft):
        return replace(found, why_not=f"is on levels of {attributes['GRIB_typeOfLevel']}")
    is_wind = quantity.name in WINDS and not is_named
    along = True if axes.grid.is_longlat or not is_wind else _is_along_grid(attributes)
    if along is None:
        return replace(found, why_not="does not say that it is along the grid (x_wind, y_wind)")
    convert, words = found.convert, [] if along else [TURNED]
    if convert.is_sum:
        seconds = _summed_over_s(dataset, axes, found)
        if seconds is None:
            return replace(found, why_not="is a sum over a time that the file does not tell")
        words.append(f"the mean of the {seconds / HOUR_S:g} h before")
        convert = Conversion(convert.factor / seconds, convert.offset, is_sum=True)
    signed = sign(quantity, found.variable, attributes)
    if signed is None:
        return replace(found, why_not="does not say whether upward or downward is positive")
    convert = replace(convert, factor=convert.factor * signed[0])
    said = ", ".join(filter(None, [*words, signed[1]]))
    return replace(found, convert=convert, words=said, is_turned=not along)


def _several(variable: Variable, axes: Axes) -> str:
    """Say that a variable has more than one value for a place, of which none was picked; else nothing."""
    axes_of_it = {str(dim): axes.role.get(str(dim)) for dim in variable.dims}
    if axes.member is None and MEMBER in axes_of_it.values():
        return to_be_picked(list(axes.members))
    others = [f"{n} {dim}" for dim, n in variable.sizes.items() if n > 1 and not axes_of_it[dim]]
    return f"has {' and '.join(others)}, of which one is to be picked" if others else ""


def _is_along_grid(attributes: Mapping[str, object]) -> bool | None:
    """Tell whether a wind is along the axes of the grid, or to the east or north; None where it does not say."""
    name, relative = attributes.get("standard_name"), attributes.get("GRIB_uvRelativeToGrid")
    if relative is not None:
        return relative == 1
    if name in ALONG_GRID:
        return True
    return False if name in TO_THE_EAST_AND_NORTH else None


def _summed_over_s(dataset: Dataset, axes: Axes, found: Found) -> float | None:
    """Return over how many seconds a variable is summed: by the bounds of its times, or as ECMWF defines it."""
    variable = dataset[found.variable]
    times = next((str(dim) for dim in variable.dims if axes.role.get(str(dim)) == TIME), None)
    bounds = None
    if times is not None and times in dataset.variables:
        bounds = dataset[times].attrs.get("bounds")
    if times is not None and bounds in dataset.variables:
        import numpy as np

        unit = str(dataset[times].attrs["units"]).split()[0].rstrip("s")
        steps = np.diff(np.asarray(dataset[bounds].to_numpy(), float), axis=-1).ravel()
        one = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86400.0}.get(unit)
        if one is None or np.any(steps != steps[0]) or steps[0] <= 0:
            return None
        return float(steps[0]) * one
    is_ecmwf = "GRIB_paramId" in variable.attrs or found.variable in found.quantity.names
    if not is_ecmwf:
        return None
    is_ensemble = any(kind == MEMBER for kind in axes.role.values())
    return _MEMBER_STEP_S if is_ensemble else HOUR_S


__all__ = ["EXPVER", "Content", "content_of", "open_raw"]
