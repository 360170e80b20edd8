"""Background: what a field of mole fractions has where particles end.

A field is interpolated along straight lines in its own vertical coordinate, then in latitude, longitude and time, so
that one that is linear in all of them is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Literal

import numpy as np
import xarray as xr

from stilt.footprint.grid import FULL_CIRCLE
from stilt.foundations.errors import InputError
from stilt.foundations.quantities import counted
from stilt.foundations.remarks import remark
from stilt.foundations.units import HPA, METRES, PPM
from stilt.particles.endpoints import NO_END

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from numpy.typing import NDArray

    Values = NDArray[np.float64]
    Corner = tuple[NDArray[np.intp], Values]

NAMES = {
    "time": ("time", "valid_time"),
    "lat": ("lat", "latitude", "y"),
    "lon": ("lon", "longitude", "x"),
}
HEIGHTS = ("height", "altitude", "alt", "z", "zagl", "height_m")
PRESSURES = ("pressure", "plev", "isobaricinhpa", "pressure_level", "pressure_hpa")

ABOVE_THE_SEA = (
    "altitude",
    "geopotential_height",
    "height_above_mean_sea_level",
    "height_above_geopotential_datum",
    "height_above_reference_ellipsoid",
)
"""Standard names of CF for heights that are not above ground."""

AT_ONCE = 1_000_000
"""End points that are looked at together, those that are near in time: some hundred megabytes."""

FIELDS_KEPT = 3
_WHY = ("outside_time", "outside_area", "above_top", "missing")
_TIME, _AREA, _ABOVE, _MISSING = range(len(_WHY))


def background(
    endpoints: pd.DataFrame,
    field: xr.DataArray,
    *,
    vertical: xr.DataArray | None = None,
    time: Literal["linear", "nearest"] = "linear",
) -> xr.Dataset:
    """Return what a field has at the end points of each simulation: ``background``, ``spread`` and ``number``.

    Parameters
    ----------
    endpoints
        From ``Project.endpoints``; a field on pressures needs their ``pres``. A column ``weight``, where there is one
        (``Project.endpoints(weight=...)``), weighs mean and spread.
    field
        Mole fractions in ppm, ppb or mol mol-1, as ``units`` says, with dimensions of latitude, longitude and maybe
        time and one of height (m above ground) or pressure (``units`` of its coordinate, or its name). Read a time
        at a time.
    vertical
        The field's pressures (Pa, hPa) or heights above ground (m), where its levels are numbers: with its dimension
        of levels and any of the others.
    time
        Between two times of the field, or the nearest. A field without time holds always.

    Returns
    -------
    Dataset
        Along ``receptor``: ``background`` and ``spread`` (standard deviation), ppm, NaN where no end point lies in the
        field; ``number`` of end points in it, and of those that are not ``outside_time``, ``outside_area``,
        ``above_top``, or at ``missing`` values; and of particles that left before their first row (``no_end``), which
        means are without. Below the lowest level its value counts.

    Raises
    ------
    InputError
        If dimensions or units are not known, times are no dates or there twice, heights are above the sea, or end
        points have no pressures for a field on pressures.

    Warns
    -----
    StiltWarning
        If end points lie outside of the field, or receptors have fewer of them than particles.
    """
    source = _source_for(endpoints, field, vertical, linear=time == "linear")
    names = endpoints["sim"].astype("category")
    codes, count = names.cat.codes.to_numpy(), len(names.cat.categories)
    values, why = source.sample_all(endpoints)
    weights = endpoints["weight"].to_numpy(float) if "weight" in endpoints else np.ones(len(values))
    found = _statistics(codes, count, values, weights)
    for number, name in enumerate(_WHY):
        found[name] = np.bincount(codes[why == number], minlength=count)
    _tell({name: int(found[name].sum()) for name in _WHY}, len(endpoints))
    sims = [str(name) for name in names.cat.categories]
    lost = endpoints.attrs.get(NO_END, {})
    found[NO_END] = without = np.array([lost.get(name, 0) for name in sims], np.intp)
    _tell_lost(without)
    return _labelled(found, sims)


def _source_for(
    endpoints: pd.DataFrame, field: xr.DataArray, vertical: xr.DataArray | None, *, linear: bool
) -> _Source:
    if isinstance(field, xr.Dataset):
        names = [str(name) for name in field.data_vars]
        raise InputError(
            f"the field is a dataset, of the variables {', '.join(names)}",
            f"give one: dataset[{(names or ['co2'])[0]!r}]",
            code="VARIABLE_NOT_NAMED",
        )
    source = _Source.of(field, vertical, linear=linear)
    if source.on == "pres" and endpoints["pres"].isna().any():
        raise InputError(
            "the field is on pressures, and end points have none",
            "run with pres in varsiwant, or give the field on heights above ground",
            code="PARTICLE_COLUMN_LACKING",
        )
    return source


def _statistics(
    codes: NDArray[np.integer], count: int, values: Values, weights: Values
) -> dict[str, NDArray[np.generic]]:
    """Return weighted mean, standard deviation and number of the values that there are, by code."""
    has = ~np.isnan(values)
    codes, values, weights = codes[has], values[has], weights[has]
    number = np.bincount(codes, minlength=count)
    with np.errstate(invalid="ignore", divide="ignore"):
        total = np.bincount(codes, weights, count)
        mean = np.bincount(codes, weights * values, count) / total
        size = np.abs(weights)  # averaging kernels may be negative, a variance is not
        apart = np.bincount(codes, size * (values - mean[codes]) ** 2, count)
        square = apart / np.bincount(codes, size, count)
    return {"background": mean, "spread": np.sqrt(square), "number": number}


def _labelled(found: dict[str, NDArray[np.generic]], names: list[str]) -> xr.Dataset:
    dataset = xr.Dataset(
        {name: ("receptor", values) for name, values in found.items()}, {"receptor": names}
    )
    for name, says in (("background", "mean"), ("spread", "standard deviation")):
        dataset[name].attrs = {
            "units": "ppm",
            "long_name": f"{says} of the field where particles end",
        }
    return dataset


def _tell(counts: dict[str, int], total: int) -> None:
    outside = sum(counts.values())
    if outside:
        words = ", ".join(
            f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count
        )
        remark(
            f"{outside:,} of {counted(total, 'end point')} are not in the field ({words}): means are of the others"
        )


def _tell_lost(lost: NDArray[np.intp]) -> None:
    if lost.any():
        some = counted(int(np.count_nonzero(lost)), "receptor")
        remark(
            f"{counted(int(lost.sum()), 'particle')} of {some} left before a first row and have no end points: "
            "means are of the others"
        )


@dataclass(slots=True)
class _Source:
    """A field in the order time, level, lat, lon, all ascending.

    Attributes
    ----------
    times
        Of the field, in nanoseconds; None: it holds always.
    on
        The column of end points that its levels are in: ``zagl``, ``pres`` or, without levels, none.
    levels
        Along a dimension of their own, or for each cell; None: there are none.
    ppm, unit
        How many ppm a unit of the field is, and how many m or hPa one of the levels.
    """

    field: xr.DataArray
    times: Values | None
    on: str
    levels: xr.DataArray | None
    lat: Values
    lon: Values
    ppm: float
    unit: float
    linear: bool
    made: dict[int, tuple[Values, Values | None]]

    @classmethod
    def of(cls, field: xr.DataArray, vertical: xr.DataArray | None, *, linear: bool) -> _Source:
        field = _named(field)
        rest = [str(name) for name in field.dims if name not in NAMES]
        if {"lat", "lon"} - set(field.dims) or len(rest) > 1:
            raise InputError(
                f"the field has the dimensions {', '.join(map(str, field.dims))}",
                "rename them to time, height or pressure, lat, lon",
                code="DIMENSIONS_UNFIT",
            )
        levels, on, unit = None, "", 1.0
        if rest:
            levels = field[rest[0]] if vertical is None else _named(vertical)
            on, unit = _coordinate(levels)
            others = [name for name in levels.dims if name != rest[0]]
            profile = levels.mean(others).transpose(rest[0])
            if profile[0] > profile[-1]:
                turned = {rest[0]: slice(None, None, -1)}
                field, levels = field.isel(turned), levels.isel(turned)
        order = [name for name in ("time", *rest, "lat", "lon") if name in field.dims]
        field = _ascending(field.transpose(*order))
        if levels is not None and levels.ndim > 1:
            levels = _on_cells_of(levels, field, order)
        lat, lon = (field[name].to_numpy().astype(float) for name in ("lat", "lon"))
        times = _nanoseconds(field["time"].to_numpy()) if "time" in field.dims else None
        ppm = _ppm(field.attrs.get("units"))
        return cls(field, times, on, levels, lat, lon, ppm, unit, linear, {})

    def sample_all(self, endpoints: pd.DataFrame) -> tuple[Values, NDArray[np.int8]]:
        """Return what ``sample`` does of any number of end points, those that are near in time together."""
        values = np.full(len(endpoints), np.nan)
        why = np.full(len(endpoints), -1, np.int8)
        by_time = np.argsort(endpoints["at"].to_numpy(), kind="stable")
        for start in range(0, len(by_time), AT_ONCE):
            part = by_time[start : start + AT_ONCE]
            values[part], why[part] = self.sample(endpoints.iloc[part])
        return values, why

    def sample(self, endpoints: pd.DataFrame) -> tuple[Values, NDArray[np.int8]]:
        """Return what the field has at end points, and where it has nothing why: a number of ``_WHY``, else -1."""
        values = np.full(len(endpoints), np.nan)
        why = np.full(len(endpoints), -1, np.int8)
        lat, lon = endpoints["lati"].to_numpy(float), endpoints["long"].to_numpy(float)
        height = endpoints[self.on].to_numpy(float) if self.on else lat
        rows = _corners(self.lat, lat)
        columns, is_inside = self._columns(lon)
        why[~is_inside | (lat < self.lat[0]) | (lat > self.lat[-1])] = _AREA
        for chosen, moments in self._by_time(endpoints["at"].to_numpy(), why):
            found = np.zeros(len(chosen))
            for (number, share), row, column in product(moments, rows, columns):
                cube, levels = self._cubes(number)
                cell = row[0][chosen] * len(self.lon) + column[0][chosen]
                weight = share * row[1][chosen] * column[1][chosen]
                there = _in_columns(cube, levels, cell, height[chosen], is_up=self.on == "zagl")
                found += np.where(weight > 0, weight * there, 0.0)  # a hole beside is no hole here
            values[chosen] = np.where(np.isfinite(found), found, np.nan)
            why[chosen[np.isnan(found)]] = _MISSING
            why[chosen[np.isinf(found)]] = _ABOVE
        return values, why

    def _columns(self, lon: Values) -> tuple[list[Corner], NDArray[np.bool_]]:
        """Return the columns beside longitudes, whichever turn they are counted in, and which lie within."""
        lon = self.lon[0] + (lon - self.lon[0]) % FULL_CIRCLE
        span = self.lon[-1] - self.lon[0]
        if span + 1.5 * span / max(1, len(self.lon) - 1) < FULL_CIRCLE:
            return _corners(self.lon, lon), lon <= self.lon[-1]
        around = _corners(np.append(self.lon, self.lon[0] + FULL_CIRCLE), lon)
        return [(place % len(self.lon), share) for place, share in around], np.ones(len(lon), bool)

    def _by_time(
        self, at: NDArray[np.datetime64], why: NDArray[np.int8]
    ) -> Iterator[tuple[NDArray[np.intp], list[tuple[int, Values]]]]:
        """Yield end points that lie in the field, those of the same times together, and the shares of these."""
        before = after = np.zeros(len(at), np.intp)
        late = np.zeros(len(at))
        if self.times is not None:
            moments = _nanoseconds(at)
            why[((moments < self.times[0]) | (moments > self.times[-1])) & (why < 0)] = _TIME
            (before, _), (after, late) = _corners(self.times, moments)
            if not self.linear:
                before, late = np.where(late > 0.5, after, before), np.zeros(len(at))  # noqa: PLR2004 - the nearer one
        inside = np.flatnonzero(why < 0)
        inside = inside[np.argsort(before[inside], kind="stable")]
        for chosen in np.split(inside, np.flatnonzero(np.diff(before[inside])) + 1):
            if len(chosen):
                share = late[chosen]
                first, second = (int(number[chosen[0]]) for number in (before, after))
                yield chosen, [(first, 1.0 - share), *([(second, share)] if share.any() else [])]

    def _cubes(self, number: int) -> tuple[Values, Values | None]:
        """Return a time of the field as (level, cell) in ppm, and its levels, as ``_in_columns`` takes them."""
        if number not in self.made:
            while len(self.made) >= FIELDS_KEPT:
                del self.made[next(iter(self.made))]
            shape = -1, len(self.lat) * len(self.lon)
            cube, levels = self.ppm * self._of_time(self.field, number).reshape(shape), None
            if self.levels is not None:
                levels = self.unit * self._of_time(self.levels, number)
                levels = levels.reshape(shape) if levels.ndim > 1 else levels
            self.made[number] = np.ascontiguousarray(cube), levels
        return self.made[number]

    def _of_time(self, of: xr.DataArray, number: int) -> Values:
        one = of.isel(time=number) if "time" in of.dims else of
        return np.asarray(one.to_numpy(), float)


def _in_columns(
    cube: Values,
    levels: Values | None,
    cell: NDArray[np.intp],
    height: Values,
    *,
    is_up: bool,
) -> Values:
    """Return what columns have at heights: that of the lowest level below it, infinity above the highest one.

    Parameters
    ----------
    cube, levels
        The field, (level, cell), and its levels, ascending: (level,) or (level, cell); None: columns have one value.
    cell, height
        The cell of each, and where it is in the coordinate of the levels.
    is_up
        Whether levels are heights, else pressures.
    """
    if levels is None:
        alone: Values = cube[0].take(cell)
        return alone
    if levels.ndim == 1:
        corners, top = _corners(levels, height), levels[-1] if is_up else levels[0]
    else:
        corners, top = _corners_of_each(levels, cell, height), levels[-1 if is_up else 0].take(cell)
    found = np.zeros(len(height))
    for level, share in corners:
        found += np.where(share > 0, share * _picked(cube, level, cell), 0.0)
    return np.where(height > top if is_up else height < top, np.inf, found)


def _picked(values: Values, level: NDArray[np.intp], cell: NDArray[np.intp]) -> Values:
    """Return what (level, cell) has at each pair."""
    picked: Values = values.reshape(-1).take(level * values.shape[1] + cell)
    return picked


def _corners(axis: Values, places: Values) -> list[Corner]:
    """Return the points of an ascending axis beside places, and their shares; beyond its ends the end has all."""
    last = len(axis) - 1
    if last == 0:
        return [(np.zeros(len(places), np.intp), np.ones(len(places)))]
    low = np.clip(np.searchsorted(axis, places, side="right") - 1, 0, last - 1)
    return _shared(low, axis[low], axis[low + 1], places)


def _corners_of_each(levels: Values, cell: NDArray[np.intp], height: Values) -> list[Corner]:
    """Return what ``_corners`` does where each cell has levels of its own, (level, cell), halving their range."""
    last = len(levels) - 1
    if last == 0:
        return [(np.zeros(len(height), np.intp), np.ones(len(height)))]
    low, high = np.zeros(len(height), np.intp), np.full(len(height), last)
    for _ in range(last.bit_length()):
        middle = (low + high) // 2
        is_below = _picked(levels, middle, cell) <= height
        low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
    low = np.minimum(low, last - 1)
    left, right = (_picked(levels, low + number, cell) for number in (0, 1))
    return _shared(low, left, right, height)


def _shared(low: NDArray[np.intp], left: Values, right: Values, places: Values) -> list[Corner]:
    share = np.clip((places - left) / (right - left), 0.0, 1.0)
    return [(low, 1.0 - share), (low + 1, share)]


def _ascending(field: xr.DataArray) -> xr.DataArray:
    """Return a field whose times, latitudes and longitudes ascend; as it is where they do."""
    for name in ("time", "lat", "lon"):
        if name not in field.dims:
            continue
        index = field.indexes.get(name)
        if index is None or not index.is_unique:
            raise InputError(
                f"the field's {name} has {'no coordinate' if index is None else 'values that are there twice'}",
                "give each its own: field.assign_coords(...), field.drop_duplicates(...)",
                code="FIELD_COORDINATES",
            )
        if not index.is_monotonic_increasing:
            field = field.sortby(name)
    if "time" in field.dims and field["time"].dtype.kind != "M":
        raise InputError(
            f"the field's times are of the kind {field['time'].dtype}, not dates",
            "open it with decode_times, or convert_calendar('standard')",
            code="FIELD_COORDINATES",
        )
    return field


def _on_cells_of(levels: xr.DataArray, field: xr.DataArray, order: list[str]) -> xr.DataArray:
    """Return levels of their own for each cell of a field; those of all its times are no copies."""
    for name in (name for name in ("time", "lat", "lon") if name in levels.dims):
        if not levels.indexes[name].equals(field.indexes[name]):
            try:
                levels = levels.sel({name: field[name]})
            except KeyError:
                raise InputError(
                    f"vertical has another {name} than the field",
                    "interpolate it: vertical.interp(...)",
                    code="FIELD_COORDINATES",
                ) from None
    sizes = {name: field.sizes[name] for name in ("lat", "lon") if name not in levels.dims}
    return levels.expand_dims(sizes).transpose(
        *(name for name in order if name in {*levels.dims, *sizes})
    )


def _named(field: xr.DataArray) -> xr.DataArray:
    """Return a field with our names of time and of the horizontal dimensions."""
    ours = {name: own for own, names in NAMES.items() for name in names}
    return field.rename(
        {name: ours[str(name)] for name in field.dims if ours.get(str(name), name) != name}
    )


def _coordinate(levels: xr.DataArray) -> tuple[str, float]:
    """Return the column of end points that levels are in, and how many m or hPa their unit is."""
    standard = str(levels.attrs.get("standard_name", ""))
    if standard in ABOVE_THE_SEA:
        raise InputError(
            f"{levels.name} of the field is {standard}, above the sea, and end points are above ground",
            "subtract the height of the ground and leave out standard_name, or give pressures",
            code="FIELD_COORDINATES",
        )
    units, name = str(levels.attrs.get("units", "")), str(levels.name).lower()
    if units in HPA or (not units and name in PRESSURES):
        return "pres", HPA.get(units, 1.0)
    if units in METRES or (not units and name in HEIGHTS):
        return "zagl", METRES.get(units, 1.0)
    raise InputError(
        f"whether {levels.name} of the field is a height or a pressure is not known (units {units or 'not given'})",
        "set its attrs['units'] to m or hPa; where levels are numbers give vertical=, the field of their pressures",
        code="UNITS_UNKNOWN",
    )


def _ppm(units: str | None) -> float:
    if str(units).strip() not in PPM:
        raise InputError(
            f"the field's units {units!r} are no mole fraction that is known",
            "convert it, and set field.attrs['units'] to ppm, ppb or mol mol-1",
            code="UNITS_UNKNOWN",
        )
    return PPM[str(units).strip()]


def _nanoseconds(times: NDArray[np.datetime64]) -> Values:
    return times.astype("datetime64[ns]").astype(np.int64).astype(float)
