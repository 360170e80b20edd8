"""The levels of a file: of pressure, or of the model with their coefficients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stilt.met.analysis import HYBRID, PRESSURE, SIGMA
from stilt.met.arl import ArlError
from stilt.met.dataset.ecmwf_levels import borders_in
from stilt.met.dataset.units import conversion

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stilt.met.dataset.raw import Dataset, Variable

INSTALL = "pip install 'stilt-hpc"
"""Part of what is said of files that another library would read: such a refusal is not kept for later."""

NO_LEVELS = 0
"""The level type of a file that has surface fields only."""

SEA_LEVEL_HPA = 1013.25
_MODEL_NAMES = {"hybrid", "model_level", "modellevel", "mlev", "lev", "level", "nhym"}
_MODEL_STANDARD = {
    "atmosphere_hybrid_sigma_pressure_coordinate",
    "hybrid_sigma_pressure",
    "model_level_number",
}
_PRESSURES = {"air_pressure", "mid_level_pressure"}
LOWEST_SHARE = 0.998
"""Of the surface pressure, about, that of a model's lowest level: where a file has no other."""

_A, _B = ("hyam", "ap", "a_model", "a"), ("hybm", "b", "b_model")


class DatasetError(ArlError):
    """A file holds no meteorology that can be read, or does not say enough of it."""

    code = "MET_NOT_FOLLOWED"


@dataclass(frozen=True, slots=True)
class Levels:
    """Levels of a file, from below.

    Attributes
    ----------
    kind
        As ``GridHeader.level_type`` counts them; 0 where there are none.
    heights
        Coordinates: hPa of levels of pressure, sigma, and of hybrid levels the hPa that they have over the sea.
    order
        The place of each in the file.
    hybrid
        Of hybrid levels: hPa, and the share of the surface pressure that is added.
    offset
        Of sigma levels: hPa at their top.
    """

    kind: int = NO_LEVELS
    heights: tuple[float, ...] = ()
    order: tuple[int, ...] = ()
    hybrid: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())
    offset: float = 0.0


def is_level_axis(name: str, axis: Variable) -> bool:
    """Tell whether an axis is one of levels."""
    unit, standard = str(axis.attrs.get("units", "")), str(axis.attrs.get("standard_name", ""))
    return conversion(unit, "hPa") is not None or _is_of_model(name, unit, standard, axis)


def _is_of_model(name: str, unit: str, standard: str, axis: Variable) -> bool:
    is_number = unit in {"", "1", "level", "sigma_level", "layer"} and name.lower() in _MODEL_NAMES
    is_icons = axis.attrs.get("long_name") == "generalized_height"
    return standard in _MODEL_STANDARD or "formula_terms" in axis.attrs or is_number or is_icons


def levels_of(dataset: Dataset, name: str | None) -> Levels:
    """Return the levels along an axis; none where the file has no such axis.

    Raises
    ------
    DatasetError
        If levels of the model come without their coefficients.
    """
    if name is None:
        return Levels()
    axis = dataset[name]
    convert = conversion(str(axis.attrs.get("units", "")), "hPa")
    if convert is None and axis.size == 1 and "formula_terms" not in axis.attrs:
        return (
            Levels()
        )  # the ECMWF keeps the pressure and the geopotential of the ground on its first level
    if axis.attrs.get("standard_name") == "atmosphere_sigma_coordinate":
        return _sigma_levels(dataset, axis)
    if convert is None and (found := _by_their_pressure(dataset, name)):
        return found
    if convert is None or "formula_terms" in axis.attrs:
        return hybrid_levels(*_coefficients(dataset, axis, name))
    heights = np.asarray(axis.to_numpy(), np.float64) * convert.factor
    order = tuple(np.argsort(-heights, kind="stable").tolist())
    return Levels(PRESSURE, tuple(heights[list(order)].tolist()), order)


def _sigma_levels(dataset: Dataset, axis: Variable) -> Levels:
    """Return levels that are shares of the pressure between the ground and a top (CF conventions, appendix D)."""
    terms = _terms(str(axis.attrs.get("formula_terms", "")))
    top = dataset[terms["ptop"]] if terms.get("ptop") in dataset else None
    if top is None:
        raise DatasetError(f"its levels ({axis.name}) are sigma and do not say at what top (ptop)")
    unit = conversion(str(top.attrs.get("units", "")), "hPa")
    if unit is None:
        raise DatasetError(f"the top of its levels ({top.name}) has no unit of pressure")
    sigma = np.asarray(axis.to_numpy(), np.float64)
    order = tuple(np.argsort(-sigma, kind="stable").tolist())
    hpa = float(np.asarray(top.to_numpy()).ravel()[0]) * unit.factor
    return Levels(SIGMA, tuple(sigma[list(order)].tolist()), order, offset=hpa)


def _by_their_pressure(dataset: Dataset, name: str) -> Levels | None:
    """Return levels whose pressure is a field (GEOS, ICON): in their order from below, by its mean of one row.

    It is the field that is used; the mean over the lowest one says which is above which, and about how high.
    """
    says = (each for each in dataset.data_vars.values() if name in each.dims)
    field = next((each for each in says if each.attrs.get("standard_name") in _PRESSURES), None)
    if field is None or len(field.dims) < 3:  # noqa: PLR2004 - levels, rows, columns
        return None
    place = field.dims.index(name)
    part = field.isel({dim: n // 2 if at > place else 0 for at, (dim, n) in _others(field, name)})
    means = np.asarray(part.to_numpy(), np.float64).reshape(field.sizes[name], -1).mean(axis=1)
    shares = np.round(means / means.max() * LOWEST_SHARE, 6)
    order = tuple(np.argsort(-shares, kind="stable").tolist())
    return Levels(SIGMA, tuple(shares[list(order)].tolist()), order)


def _others(field: Variable, name: str) -> list[tuple[int, tuple[str, int]]]:
    """Return the axes of a field but one and the last, with their places and lengths."""
    every = list(enumerate(field.sizes.items()))
    return [each for each in every[:-1] if each[1][0] != name]


def hybrid_levels(hpa: NDArray[np.float64], share: NDArray[np.float64]) -> Levels:
    """Return levels with these coefficients, in any order."""
    pressure = hpa + SEA_LEVEL_HPA * share
    order = np.argsort(-pressure, kind="stable")
    return Levels(
        HYBRID,
        tuple(np.round(pressure[order], 4).tolist()),
        tuple(order.tolist()),
        (tuple(hpa[order].tolist()), tuple(share[order].tolist())),
    )


def of_borders(a_pa: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the coefficients in the middle of layers from those of their borders, hPa and share, shape (2, layers)."""
    return np.stack([0.5 * (values[1:] + values[:-1]) for values in (0.01 * a_pa, b)])


def _coefficients(
    dataset: Dataset, axis: Variable, name: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return hPa and share of each level, by CF's formula, by the names that CDO gives, or as GRIB had them."""
    terms = _terms(str(axis.attrs.get("formula_terms", "")))
    shares = _variable(dataset, terms.get("b", ""), *_B, dim=name)
    given = next((term for term in ("ap", "a") if term in terms), None)
    pressures = _variable(dataset, terms.get(given or "", ""), *_A, dim=name)
    if pressures is not None and shares is not None:
        unit = conversion(str(pressures.attrs.get("units", "")), "hPa")
        factor = 0.01 if unit is None else unit.factor
        if given == "a" and unit is None:  # a share of a reference pressure
            factor *= float(dataset[terms["p0"]].to_numpy()) if terms.get("p0") in dataset else 1e5
        return (
            factor * np.asarray(pressures.to_numpy(), np.float64),
            np.asarray(shares.to_numpy(), np.float64),
        )
    for variable in dataset.data_vars.values():
        borders = np.atleast_1d(np.asarray(variable.attrs.get("GRIB_pv", []), np.float64))
        half = len(borders) // 2
        if half > 1:
            numbers = np.asarray(axis.to_numpy(), np.float64).astype(int) - 1
            hpa, share = of_borders(borders[:half], borders[half:])[:, numbers]
            return hpa, share
    known = np.asarray(axis.to_numpy(), np.float64)
    standard = borders_in(dataset, known)
    if standard is None:
        raise DatasetError(
            f"its levels ({name}) are of a model and come without their coefficients "
            "(formula_terms, hyam and hybm, or GRIB_pv), and no field has their pressure"
        )
    hpa, share = of_borders(*standard)[:, known.astype(int) - 1]
    return hpa, share


def _terms(text: str) -> dict[str, str]:
    words = text.replace(":", " ").split()
    return dict(zip(words[::2], words[1::2], strict=False))


def _variable(dataset: Dataset, *names: str, dim: str) -> Variable | None:
    return next((dataset[n] for n in names if n in dataset and dataset[n].dims == (dim,)), None)
