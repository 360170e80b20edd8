"""Receptors, for a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stilt.foundations.html import box, facts, note
from stilt.foundations.quantities import counted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stilt.receptors.sequence import Receptors


def receptors_html(receptors: Receptors) -> str:
    """Return how many there are, when and where, and what is known of them besides."""
    if not receptors.n_receptors:
        return box("no receptors")
    first, last = (
        str(np.datetime64(int(each), "m")).replace("T", " ")
        for each in (receptors.minutes.min(), receptors.minutes.max())
    )
    several = int(np.count_nonzero(np.diff(receptors.first) > 1))
    rows = [
        ("meteorology", ", ".join(dict.fromkeys(receptors.met_names))),
        ("variants", ", ".join(dict.fromkeys(filter(None, receptors.variants)))),
        ("realizations", receptors.realizations if receptors.realizations > 1 else ""),
        ("time", f"{first} to {last} UTC"),
        ("longitude", _range(receptors.longitudes)),
        ("latitude", _range(receptors.latitudes)),
        ("height", f"{_range(receptors.heights_m)} m"),
        ("several points", f"{several:,}" if several else ""),
        ("labels", ", ".join(receptors.labels)),
    ]
    return box(counted(receptors.n_receptors, "receptor"), facts(rows), *map(note, receptors.notes))


def _range(values: NDArray[np.float64]) -> str:
    low, high = float(values.min()), float(values.max())
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"
