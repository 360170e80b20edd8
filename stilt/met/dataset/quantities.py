"""Which variables of a file are which canonical fields, and what turns one into the other.

A variable is known by ECMWF's parameter number, by the names that ECMWF, the Climate Data Store and ARCO-ERA5 give, or
by its CF standard name. Units come from the file always. Signs of fluxes come from what defines the variable: ECMWF's
parameters are positive downward (parameter database; their CF names in the store's files say "upward" all the same),
other variables say it with ``positive`` or in their CF name, and are not used where they say nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stilt.met.dataset.units import conversion

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from stilt.met.dataset.units import Conversion

HOUR_S = 3600
WINDS = {"UWND", "VWND", "U10M", "V10M"}
ALONG_GRID = {"x_wind", "y_wind", "grid_eastward_wind", "grid_northward_wind"}
"""CF standard names of winds along the axes of a grid."""

TO_THE_EAST_AND_NORTH = {"eastward_wind", "northward_wind"}
TURNED = "turned along the grid"
PARTNERS = {"UWND": "VWND", "VWND": "UWND", "U10M": "V10M", "V10M": "U10M"}
"""Of each wind the other one, without which it can't be turned."""


_GMAO_HEIGHTS = "edge_heights mid_layer_heights"
_GMAO_MOIST = "relative_humidity_after_moist"
"""NASA's GEOS (GEOS-FP, MERRA-2) has standard names of its own; its heat fluxes are positive upward."""

_OMEGA = "lagrangian_tendency_of_air_pressure"


@dataclass(frozen=True, slots=True)
class Quantity:
    """A canonical field.

    Attributes
    ----------
    unit
        The canonical one.
    is_aloft
        Whether it has levels.
    ids
        ECMWF's numbers.
    names
        Of variables, as ECMWF defines them.
    standard
        CF standard names.
    downward
        CF standard names of the same with the opposite sign.
    is_flux
        Whether its sign has to be known: upward is positive.
    """

    name: str
    unit: str
    is_aloft: bool
    ids: tuple[int, ...]
    names: tuple[str, ...]
    standard: tuple[str, ...] = ()
    downward: tuple[str, ...] = ()
    is_flux: bool = False


def _aloft(name: str, unit: str, number: int, names: str, standard: str) -> Quantity:
    return Quantity(name, unit, True, (number,), tuple(names.split()), tuple(standard.split()))


def _ground(name: str, unit: str, ids: tuple[int, ...], names: str, standard: str = "") -> Quantity:
    return Quantity(name, unit, False, ids, tuple(names.split()), tuple(standard.split()))


QUANTITIES = (
    _aloft(
        "UWND", "m s-1", 131, "u u_component_of_wind", "eastward_wind x_wind grid_eastward_wind"
    ),
    _aloft(
        "VWND", "m s-1", 132, "v v_component_of_wind", "northward_wind y_wind grid_northward_wind"
    ),
    _aloft("TEMP", "K", 130, "t temperature", "air_temperature"),
    _aloft("HGTS", "m", 129, "z geopotential", f"geopotential_height geopotential {_GMAO_HEIGHTS}"),
    _aloft("HGTS", "m", 156, "gh", ""),
    _aloft("WWND", "hPa s-1", 135, "w vertical_velocity", f"{_OMEGA} vertical_pressure_velocity"),
    _aloft("DZDT", "m s-1", 260238, "wz", "upward_air_velocity"),
    _aloft("SPHU", "kg kg-1", 133, "q specific_humidity", "specific_humidity"),
    _aloft("PRES", "hPa", 54, "pres", "air_pressure mid_level_pressure"),
    _aloft("RELH", "%", 157, "r relative_humidity", f"relative_humidity {_GMAO_MOIST}"),
    _ground("PRSS", "hPa", (134,), "sp surface_pressure", "surface_air_pressure surface_pressure"),
    _ground("PRSS", "ln(Pa)", (152,), "lnsp"),
    _ground(
        *("SHGT", "m", (129,), "z geopotential_at_surface orog orography PHIS"),
        "surface_altitude surface_geopotential geopotential",
    ),
    _ground("SHGT", "m", (228002,), ""),
    _ground("T02M", "K", (167,), "t2m 2t 2m_temperature t_2m", "2-meter_air_temperature"),
    _ground(
        *("U10M", "m s-1", (165,), "u10 10u 10m_u_component_of_wind u_10m"),
        "10-meter_eastward_wind",
    ),
    _ground(
        *("V10M", "m s-1", (166,), "v10 10v 10m_v_component_of_wind v_10m"),
        "10-meter_northward_wind",
    ),
    _ground(
        *("USTR", "m s-1", (228003, 260073), "zust friction_velocity"), "surface_velocity_scale"
    ),
    _ground(
        *("UMOF", "N m-2", (229, 235041, 180)),
        "iews metss avg_iews ewss instantaneous_eastward_turbulent_surface_stress",
        "surface_downward_eastward_stress",
    ),
    _ground(
        *("VMOF", "N m-2", (230, 235042, 181)),
        "inss mntss avg_inss nsss instantaneous_northward_turbulent_surface_stress",
        "surface_downward_northward_stress",
    ),
    _ground("EXCO", "kg m-2 s-1", (), ""),
    Quantity(
        *("SHTF", "W m-2", False, (231, 235033, 146)),
        (
            *("ishf", "msshf", "avg_ishf", "sshf", "instantaneous_surface_sensible_heat_flux"),
            *("mean_surface_sensible_heat_flux", "surface_sensible_heat_flux"),
        ),
        ("surface_upward_sensible_heat_flux", "sensible_heat_flux_from_turbulence"),
        ("surface_downward_sensible_heat_flux",),
        is_flux=True,
    ),
    Quantity(
        *("LHTF", "W m-2", False, (260002, 235034, 147)),
        (
            *("mslhf", "avg_slhtf", "slhf"),
            *("mean_surface_latent_heat_flux", "surface_latent_heat_flux"),
        ),
        ("surface_upward_latent_heat_flux", "total_latent_energy_flux"),
        ("surface_downward_latent_heat_flux",),
        is_flux=True,
    ),
    _ground(
        *("PBLH", "m", (159, 260083), "blh boundary_layer_height"),
        "atmosphere_boundary_layer_thickness planetary_boundary_layer_height",
    ),
    _ground(
        *("DSWF", "W m-2", (260087, 235035, 169)),
        "msdwswrf avg_sdswrf ssrd mean_surface_downward_short_wave_radiation_flux "
        "surface_solar_radiation_downwards",
        "surface_downwelling_shortwave_flux_in_air",
    ),
    _ground("TCLD", "%", (164,), "tcc total_cloud_cover", "cloud_area_fraction"),
    _ground("LCLD", "%", (186,), "lcc low_cloud_cover", "low_type_cloud_area_fraction"),
)
"""The coefficient of exchange (EXCO) has no name of anybody: a table in the config says which variable it is.

Of several variables for one field the first by ``ids`` or ``names`` is taken: of the moment, a mean, a sum."""


@dataclass(frozen=True, slots=True)
class Found:
    """A variable as a canonical field.

    Attributes
    ----------
    rank
        The lower, the rather it is taken.
    convert
        To the canonical unit and sign, but for the seconds of a sum.
    why_not
        Why it is not used; empty if it is.
    words
        What is done with it, for people; empty where nothing is.
    parts, make
        Further variables, and what makes one field of all; nothing where one variable is the field.
    is_turned
        Whether it is a wind to the east or north on a grid that runs otherwise: both are turned along it.
    """

    quantity: Quantity
    variable: str
    rank: int
    convert: Conversion
    why_not: str = ""
    words: str = ""
    parts: tuple[str, ...] = ()
    make: Callable[..., NDArray[np.float64]] | None = None
    is_turned: bool = False


def recognise(
    variable: str,
    attributes: Mapping[str, object],
    *,
    is_aloft: bool,
    table: Mapping[str, str] | None = None,
) -> tuple[Quantity, int, Conversion | None] | None:
    """Return which field a variable is, its rank, and how its unit is converted; None if it is none that is known.

    A field in the table is that variable alone, with the rank -1.
    """
    unit, table = str(attributes.get("units", "")), table or {}
    best: tuple[Quantity, int, Conversion | None] | None = None
    for quantity in QUANTITIES:
        if variable in table.values() or quantity.name in table:
            rank = -1 if table.get(quantity.name) == variable else None
        else:
            rank = _rank(quantity, variable, attributes)
        if quantity.is_aloft != is_aloft or rank is None:
            continue
        convert = conversion(unit, quantity.unit)
        if best is None or (best[2] is None and convert is not None):
            best = quantity, rank, convert
    return best


def _rank(quantity: Quantity, variable: str, attributes: Mapping[str, object]) -> int | None:
    number = attributes.get("GRIB_paramId")
    if number is not None:
        return quantity.ids.index(int(str(number))) if int(str(number)) in quantity.ids else None
    if variable in quantity.names:
        return quantity.names.index(variable)
    name = attributes.get("standard_name")
    if name in (*quantity.standard, *quantity.downward):
        return len(quantity.names)
    return None


def sign(
    quantity: Quantity, variable: str, attributes: Mapping[str, object]
) -> tuple[float, str] | None:
    """Return what makes a flux positive upward, with how that is known; None where the file does not tell."""
    if not quantity.is_flux:
        return 1.0, ""
    stated = str(attributes.get("positive", "")).lower()
    if stated in {"up", "down"}:
        return (1.0, "upward, it says") if stated == "up" else (-1.0, "turned upward: it says down")
    if "GRIB_paramId" in attributes or variable in quantity.names:
        return -1.0, "turned upward: ECMWF's are positive downward"
    if attributes.get("standard_name") in quantity.downward:
        return -1.0, "turned upward: downward by its CF name"
    if attributes.get("standard_name") in quantity.standard:
        return 1.0, ""
    return None
