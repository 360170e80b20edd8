"""Bins of time that fluxes are taken to be constant in, and which hours of a receptor lie in which."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from stilt.foundations.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

HOUR_NS = 3_600_000_000_000
_BEFORE = re.compile(r"(?:(\d+) )?hours?")
WHAT_THERE_IS = "one of: run, hours, '6 hours', or a calendar's such as 3h, 1D, 1W, MS"


@dataclass(frozen=True, slots=True)
class Bins:
    """The bins of all receptors.

    Attributes
    ----------
    starts
        When each begins, along ``bin``.
    hours
        The hours of a footprint, from the receptor's time.
    edges_ns
        Where calendar bins begin and the last one ends, since 1970; none where they go with the receptor.
    each
        So many hours go together; all of them where it is 0.
    """

    starts: xr.DataArray
    hours: NDArray[np.int64]
    edges_ns: NDArray[np.int64] | None = None
    each: int = 0

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self.starts.size)

    def place_of(self, first_ns: int) -> int | None:
        """Return which bin begins there, since 1970; 0 where bins go with the receptor, None where none does."""
        if self.edges_ns is None:
            return 0
        place = int(np.searchsorted(self.edges_ns, first_ns))
        is_one = place < self.count and int(self.edges_ns[place]) == first_ns
        return place if is_one else None

    def shares(self, times: NDArray[np.datetime64]) -> csr_array:
        """Return which share of each hour of receptors lies in which: (receptor x bin, receptor x hour)."""
        from scipy.sparse import csr_array

        receptors, hours = len(times), len(self.hours)
        number = np.repeat(np.arange(receptors), hours)
        columns = np.arange(receptors * hours)
        if self.edges_ns is None:
            which = np.tile(_groups(self.hours, self.each)[1], receptors)
            share = np.ones(len(columns))
        else:
            begin = (_ns(times)[:, None] + self.hours * HOUR_NS).ravel()
            number, columns, which, share = _divided(begin, self.edges_ns, number, columns)
        places = (number * self.count + which, columns)
        return csr_array((share, places), shape=(receptors * self.count, receptors * hours))


def bins_of(text: str, times: NDArray[np.datetime64], hours: NDArray[np.int64]) -> Bins:
    """Return the bins that a text asks for.

    Raises
    ------
    InputError
        If it is none of those that there are, or if there is one layer for all hours and it is to be divided.
    """
    if text == "run":
        return Bins(_relative(np.array([hours.min()])), hours)
    if len(hours) == 1 and hours[0] == 0:
        raise InputError(
            "the footprints are integrated over time, so they can't be divided into bins of time",
            "take bins 'run', or have a footprint with time_integrate: false",
            code="FOOTPRINT_INTEGRATED",
        )
    found = _BEFORE.fullmatch(text)
    if found:
        each = int(found[1] or 1)
        if not each:
            raise InputError(
                f"bins {text!r} have no length", f"give {WHAT_THERE_IS}", code="BINS_WRONG"
            )
        return Bins(_relative(_groups(hours, each)[0]), hours, each=each)
    edges = _calendar(text, times, hours)
    about = {"long_name": "start of the bin, UTC"}
    starts = xr.DataArray(edges[:-1], dims="bin", attrs=about)
    return Bins(starts, hours, edges_ns=_ns(edges))


def is_anchored(text: str) -> bool:
    """Tell whether bins of a calendar are the same whichever receptors there are: each n-th of it is counted anew."""
    import pandas as pd

    offset = pd.tseries.frequencies.to_offset("W-MON" if text == "1W" else text)
    return isinstance(offset, pd.tseries.offsets.Tick) or offset.n == 1


def _relative(starts: NDArray[np.int64]) -> xr.DataArray:
    about = {"units": "h", "long_name": "start of the bin, from the receptor's time"}
    return xr.DataArray(starts, dims="bin", attrs=about)


def _groups(hours: NDArray[np.int64], each: int) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """Return where groups of hours begin, counted from the receptor's time, and the group of each hour."""
    if not each:
        return np.array([hours.min()]), np.zeros(len(hours), np.intp)
    starts, group = np.unique(hours // each * each, return_inverse=True)
    return starts, group


def _calendar(
    text: str, times: NDArray[np.datetime64], hours: NDArray[np.int64]
) -> NDArray[np.datetime64]:
    """Return the edges of the calendar's bins that hold all hours."""
    import pandas as pd

    try:
        offset = pd.tseries.frequencies.to_offset("W-MON" if text == "1W" else text)
        first = pd.Timestamp(times.min()) + pd.Timedelta(hours=int(hours.min()))
        last = pd.Timestamp(times.max()) + pd.Timedelta(hours=int(hours.max()) + 1)
        if isinstance(offset, pd.tseries.offsets.Tick):
            begin = first.floor(offset.freqstr)
        else:
            begin = offset.rollback(first.normalize())
        edges = pd.date_range(begin, last + 2 * offset, freq=offset)
    except (ValueError, TypeError, AttributeError, OverflowError):
        raise InputError(
            f"bins {text!r} mean nothing", f"give {WHAT_THERE_IS}", code="BINS_WRONG"
        ) from None
    if (edges[1:] - edges[:-1]).min() < pd.Timedelta(hours=1):
        raise InputError(
            f"bins {text!r} are shorter than an hour", "take 1h, or longer ones", code="BINS_WRONG"
        )
    needed = int(edges.searchsorted(last)) + 1
    return np.asarray(edges[:needed].to_numpy(), "datetime64[ns]")


def _divided(
    begin: NDArray[np.int64], edges: NDArray[np.int64], number: Any, columns: Any
) -> tuple[Any, Any, Any, Any]:
    """Divide hours that lie in two bins; all arrays have an entry for each part."""
    first = np.searchsorted(edges, begin, side="right") - 1
    left = np.clip(edges[first + 1] - begin, 0, HOUR_NS) / HOUR_NS
    crosses = left < 1.0
    return (
        np.concatenate([number, number[crosses]]),
        np.concatenate([columns, columns[crosses]]),
        np.concatenate([first, first[crosses] + 1]),
        np.concatenate([left, 1.0 - left[crosses]]),
    )


def _ns(times: NDArray[np.datetime64]) -> NDArray[np.int64]:
    return times.astype("datetime64[ns]").astype(np.int64)
