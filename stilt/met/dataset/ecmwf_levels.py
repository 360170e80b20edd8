"""The ECMWF's own model levels, for files that came without their coefficients: public numbers, in a table beside.

Which of them a file has is known by its count of coefficients (``GRIB_NV``), or by a lowest level of the number 137,
which only one of them has; never by how many levels there are, as a file may hold a part.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stilt.met.dataset.raw import Dataset

_TABLE = Path(__file__).with_suffix(".txt")
_SURE = 137
_WHOSE = ("GRIB_centre", "GRIB_centreDescription", "institution")
_NAMES = ("ecmf", "ecmwf", "medium-range weather forecasts")
_TOOL = "grib_to_netcdf"
"""The ECMWF's own, which its archive and the Climate Data Store convert with."""


@cache
def standard_borders(count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return Pa and share of the surface pressure at the borders of so many layers, from above; None of others."""
    rows = np.loadtxt(_TABLE)
    _, pressure, share = rows[rows[:, 0] == count].T
    return (pressure, share) if len(share) else None


def borders_of(
    numbers: NDArray[np.float64], coefficients: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return the borders of the ECMWF's layers of which a file has these numbers; None where it is not sure.

    ``coefficients`` is how many of them messages are said to have had, 0 where that is not known.
    """
    highest = int(np.max(numbers, initial=0.0))
    count = coefficients // 2 - 1 if coefficients else highest
    is_sure = coefficients > 0 or highest == _SURE
    is_part = np.all((numbers >= 1) & (numbers <= count) & (numbers % 1 == 0))
    return standard_borders(count) if is_sure and is_part else None


def borders_in(
    dataset: Dataset, numbers: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return the same of a NetCDF file or Zarr store, if it says that it is the ECMWF's."""
    every = [dataset.attrs, *(variable.attrs for variable in dataset.data_vars.values())]
    said = " ".join(str(attrs.get(name, "")) for attrs in every for name in _WHOSE).lower()
    is_theirs = any(name in said for name in _NAMES) or _TOOL in str(
        dataset.attrs.get("history", "")
    )
    counts = {int(attrs.get("GRIB_NV", 0)) for attrs in every} - {0}
    if not is_theirs or len(counts) > 1:
        return None
    return borders_of(numbers, *counts)
