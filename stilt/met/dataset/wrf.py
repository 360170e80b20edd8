"""WRF's own files (``wrfout``): eta levels, winds at the sides of cells, perturbation and base of pressure.

Names, units and grids: WRF ARW User's Guide, "Output fields"; W. C. Skamarock et al., A Description of the Advanced
Research WRF Model, NCAR/TN-556 (2019), section 3.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stilt.met.analysis import SIGMA, STAGGERED_MODEL
from stilt.met.dataset.axes import COLUMN, LEVEL, ROW, TIME, Axes, is_even, lattice
from stilt.met.dataset.levels import DatasetError, Levels
from stilt.met.dataset.maps import lambert, mercator, off_cells, on_map, polar
from stilt.met.dataset.quantities import Found, Quantity
from stilt.met.dataset.units import Conversion

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from stilt.met.dataset.raw import Dataset, Variable
    from stilt.met.grid import Grid

    Values = NDArray[np.float64]

MODEL = STAGGERED_MODEL

_RADIUS_M = 6_370_000.0
_BASE_K = 300.0
_REFERENCE_PA = 100_000.0
_KAPPA = 287.0 / 1004.5
"""WRF's own: gas constant of dry air over its specific heat, 7 R / 2."""

_ROLES = {
    "Time": TIME,
    "bottom_top": LEVEL,
    "bottom_top_stag": LEVEL,
    "south_north": ROW,
    "south_north_stag": ROW,
    "west_east": COLUMN,
    "west_east_stag": COLUMN,
}
_CLOSE_CELLS = 0.1
_LATLON, _LAMBERT, _POLAR, _MERCATOR = 6, 1, 2, 3


class _Rule(NamedTuple):
    """Which variables a field is made of, in which units they have to be, and how."""

    name: str
    unit: str
    parts: dict[str, str]
    make: Callable[..., Values] | None = None
    says: str = ""


def _temperature(theta: Values, perturbation: Values, base: Values) -> Values:
    return (theta + _BASE_K) * ((perturbation + base) / _REFERENCE_PA) ** _KAPPA


def _pressure(perturbation: Values, base: Values) -> Values:
    return 0.01 * (perturbation + base)


def _specific(mixing_ratio: Values) -> Values:
    return mixing_ratio / (1.0 + mixing_ratio)


def _hecto(pascal: Values) -> Values:
    return 0.01 * pascal


_ALOFT = (
    _Rule("UWND", "m s-1", {"U": "m s-1"}),
    _Rule("VWND", "m s-1", {"V": "m s-1"}),
    _Rule("DZDT", "m s-1", {"W": "m s-1"}),
    _Rule("TEMP", "K", {"T": "K", "P": "Pa", "PB": "Pa"}, _temperature),
    _Rule("PRES", "hPa", {"P": "Pa", "PB": "Pa"}, _pressure),
    _Rule("SPHU", "kg kg-1", {"QVAPOR": "kg kg-1"}, _specific),
)
_GROUND = (
    _Rule("PRSS", "hPa", {"PSFC": "Pa"}, _hecto),
    _Rule("SHGT", "m", {"HGT": "m"}),
    _Rule("T02M", "K", {"T2": "K"}),
    _Rule("U10M", "m s-1", {"U10": "m s-1"}),
    _Rule("V10M", "m s-1", {"V10": "m s-1"}),
    _Rule("USTR", "m s-1", {"UST": "m s-1"}),
    _Rule("SHTF", "W m-2", {"HFX": "W m-2"}, says="UPWARD"),
    _Rule("LHTF", "W m-2", {"LH": "W m-2"}),
    _Rule("PBLH", "m", {"PBLH": "m"}),
    _Rule("DSWF", "W m-2", {"SWDOWN": "W m-2"}),
)


def is_wrf(dataset: Dataset) -> bool:
    """Tell whether a dataset is WRF's own."""
    return {"MAP_PROJ", "TRUELAT1", "STAND_LON"} <= set(dataset.attrs) and "XLAT" in dataset


def axes_of_wrf(dataset: Dataset) -> Axes:
    """Find the axes of a file.

    Raises
    ------
    DatasetError
        If its map is none that is known, or its points lie elsewhere.
    """
    sizes = dataset.sizes
    if "west_east" not in sizes or "south_north" not in sizes:
        raise DatasetError("it has not the axes south_north and west_east of WRF's own files")
    return Axes(_ROLES, _minutes(dataset), _grid(dataset), False, False, _levels(dataset), ())


def fields_of_wrf(dataset: Dataset) -> list[Found]:
    """Return the fields of a file, and variables that would be some, with what is wrong with them."""
    names = set(map(str, dataset.data_vars))
    return [
        _found(dataset, rule, is_aloft=is_aloft)
        for is_aloft, rules in ((True, _ALOFT), (False, _GROUND))
        for rule in rules
        if set(rule.parts) & names
    ]


def _found(dataset: Dataset, rule: _Rule, *, is_aloft: bool) -> Found:
    parts = tuple(rule.parts)
    quantity = Quantity(rule.name, rule.unit, is_aloft, (), parts)
    found = Found(quantity, parts[0], 0, Conversion(1.0), parts=parts[1:], make=rule.make)
    for part, unit in rule.parts.items():
        if part not in dataset:
            return replace(found, why_not=f"comes without {part}, with which {rule.name} is made")
        its = str(dataset[part].attrs.get("units", ""))
        if its.strip() != unit:
            return replace(found, variable=part, why_not=f"has the unit {its!r}, not {unit}")
        if rule.says not in str(dataset[part].attrs.get("description", "")).upper():
            return replace(found, why_not=f"does not say that it is {rule.says.lower()}")
    return found


def _minutes(dataset: Dataset) -> NDArray[np.int64]:
    if "Times" not in dataset:
        raise DatasetError("it has no Times")
    values = np.atleast_1d(np.asarray(dataset["Times"].to_numpy()))
    texts = [
        "".join(np.char.decode(np.atleast_1d(row))) if values.ndim > 1 else row for row in values
    ]
    plain = [(t.decode() if isinstance(t, bytes) else str(t)).replace("_", "T") for t in texts]
    try:
        seconds = np.array(plain, "datetime64[s]").astype(np.int64)
    except ValueError as error:
        raise DatasetError(f"its Times are none: {plain[0]!r}") from error
    if np.any(seconds % 60) or np.any(np.diff(seconds) <= 0):
        raise DatasetError("its Times are not whole minutes that ascend")
    return np.asarray(seconds // 60)


def _levels(dataset: Dataset) -> Levels:
    """Return the eta levels; where the file does not have them, what their pressures are on the average."""
    count = dataset.sizes.get("bottom_top", 0)
    if not count:
        return Levels()
    order = tuple(range(count))
    if "ZNU" in dataset and "P_TOP" in dataset:
        eta = np.asarray(dataset["ZNU"].to_numpy(), np.float64).reshape(-1, count)[0]
        top = 0.01 * float(np.asarray(dataset["P_TOP"].to_numpy()).ravel()[0])
        return Levels(SIGMA, tuple(np.round(eta, 6).tolist()), order, offset=top)
    if not {"P", "PB", "PSFC"} <= set(dataset.data_vars):
        return Levels()
    first = {"Time": 0} if "Time" in dataset["P"].dims else {}
    p, base, ground = (dataset[name].isel(first).to_numpy() for name in ("P", "PB", "PSFC"))
    eta = ((p + base) / ground).mean(axis=(1, 2), dtype=np.float64)
    return Levels(SIGMA, tuple(np.round(eta, 6).tolist()), order)


def _grid(dataset: Dataset) -> Grid:
    lon, lat = (_first(dataset[name]) for name in ("XLONG", "XLAT"))
    ny, nx = lon.shape
    attributes = dataset.attrs
    if int(attributes["MAP_PROJ"]) == _LATLON:
        return _in_degrees(lon, lat)
    grid = on_map(
        _cone(dataset),
        float(attributes["STAND_LON"]),
        (float(attributes["DX"]), float(attributes["DY"])),
        (nx, ny),
        point=(1.0, 1.0, float(lon[0, 0]), float(lat[0, 0])),
        radius_m=_RADIUS_M,
    )
    off = off_cells(grid, float(lon[-1, -1]), float(lat[-1, -1]))
    if off > _CLOSE_CELLS:
        raise DatasetError(
            f"its last point (XLONG, XLAT) is {off:.1f} cells off from where its map has it"
        )
    return grid


def _in_degrees(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> Grid:
    """Return a grid of longitude and latitude, if it is one: the domain may be turned about another pole."""
    x, y = np.unwrap(lon[0], period=360.0), lat[:, 0]
    grid = lattice(x, y)
    off = np.abs((lon - x + 180.0) % 360.0 - 180.0).max() + np.abs(lat - y[:, None]).max()
    if off > _CLOSE_CELLS * grid.ref_lat or grid.rows or not is_even(x):
        raise DatasetError(
            f"its map is of longitude and latitude (MAP_PROJ {_LATLON}), turned about another pole than the Earth's, "
            "and that is not followed"
        )
    return grid


def _first(variable: Variable) -> NDArray[np.float64]:
    values = np.asarray(variable.to_numpy(), np.float64)
    return values[0] if "Time" in variable.dims else values


def _cone(dataset: Dataset) -> tuple[float, float]:
    attributes = dataset.attrs
    kind = int(attributes["MAP_PROJ"])
    one, two = float(attributes["TRUELAT1"]), float(attributes.get("TRUELAT2", 91.0))
    if kind == _LAMBERT:
        return lambert(one, two if abs(two) <= 90.0 else one)  # noqa: PLR2004 - more is none
    if kind == _POLAR:
        return polar(90.0 if one > 0 else -90.0, abs(one))
    if kind == _MERCATOR:
        return mercator(one)
    raise DatasetError(f"its map is of a kind (MAP_PROJ {kind}) that is not followed")
