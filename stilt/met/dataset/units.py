"""Units as files write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

STANDARD_GRAVITY = 9.80665
"""m/s2: what a geopotential is divided by to give a geopotential height (WMO)."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """``factor * value + offset`` is the value in the canonical unit.

    Attributes
    ----------
    is_log
        Whether the file has the logarithm of the value.
    is_sum
        Whether the values are summed over time: the rate is that divided by the seconds.
    """

    factor: float
    offset: float = 0.0
    is_sum: bool = False
    is_log: bool = False

    def of(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return a file's values in the canonical unit."""
        if self.is_log:
            import numpy as np

            values = np.exp(values)
        return self.factor * values + self.offset


_SAME = Conversion(1.0)
_TO_CANONICAL: dict[str, dict[str, Conversion]] = {
    "m s-1": {"m s-1": _SAME},
    "K": {
        "K": _SAME,
        "degC": Conversion(1.0, 273.15),
        "C": Conversion(1.0, 273.15),
        "celsius": Conversion(1.0, 273.15),
    },
    "m": {
        **dict.fromkeys(("m", "gpm", "geopotential_meter", "geopotential meter"), _SAME),
        "m2 s-2": Conversion(1.0 / STANDARD_GRAVITY),
    },
    "hPa": {
        **dict.fromkeys(("hPa", "mbar", "mb", "millibar", "millibars"), _SAME),
        "Pa": Conversion(0.01),
    },
    "hPa s-1": {"hPa s-1": _SAME, "Pa s-1": Conversion(0.01)},
    "kg kg-1": {**dict.fromkeys(("kg kg-1", "1"), _SAME), "g kg-1": Conversion(0.001)},
    "kg m-2 s-1": {"kg m-2 s-1": _SAME},
    "%": {
        **dict.fromkeys(("%", "percent"), _SAME),
        **dict.fromkeys(("1", "(0 - 1)", "0-1"), Conversion(100.0)),
    },
    "W m-2": {"W m-2": _SAME, "J m-2": Conversion(1.0, is_sum=True)},
    "N m-2": {
        **dict.fromkeys(("N m-2", "Pa"), _SAME),
        "N m-2 s": Conversion(1.0, is_sum=True),
    },
    "ln(Pa)": dict.fromkeys(("ln(Pa)", "~", "Numeric", "1"), Conversion(0.01, is_log=True)),
}
"""By canonical unit: what files write for it. Of the logarithm of a pressure the ECMWF says that it is a number."""


def conversion(unit: str, canonical: str) -> Conversion | None:
    """Return how values in a file's unit become values in a canonical one; None if they don't."""
    return _TO_CANONICAL[canonical].get(_plain(unit))


def _plain(unit: str) -> str:
    """Write a unit in one way: ``m**2 s**-2``, ``m2/s2``, ``m+2 s-2`` and ``m^2 s^-2`` are the same."""
    text = re.sub(r"\*\*|\^|\+(?=\d)", "", unit.strip())
    text = re.sub(r"/\s*([A-Za-z]+)(\d*)", lambda m: f" {m[1]}-{m[2] or 1}", text)
    text = re.sub(r"(?<=[A-Za-z0-9])[.*](?=[A-Za-z])", " ", text)
    return re.sub(r"\s+", " ", text).strip()
