"""The simulations of a project as a table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from stilt.transport.facts import FACTS

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from stilt.log.states import SimState
    from stilt.receptors.sequence import Receptors
    from stilt.status.standing import Standing

_FROM_LOG = ("wall_s", "peak_rss_bytes", "reason", "message", "batch")
_OF_FAILURES = frozenset({"reason", "message"})


def simulations_table(standing: Standing, receptors: Receptors) -> pd.DataFrame:
    """Return every simulation with its receptor, state, cost, reason, facts and labels, indexed by its id."""
    import numpy as np
    import pandas as pd

    sims = standing.state.sims
    ids = receptors.ids()
    known = [sims.get(sim) for sim in ids]
    every = np.arange(len(receptors))
    met, each, _ = receptors.apart(every)
    start = receptors.first[:-1][each]
    columns: dict[str, Any] = {
        "met": np.array(receptors.met_names)[met],
        "time": receptors.minutes[each].astype("datetime64[m]").astype("datetime64[s]"),
        "longitude": receptors.longitudes[start],
        "latitude": receptors.latitudes[start],
        "height_m": receptors.heights_m[start],
        "mean_height_m": _mean_heights(receptors)[each],
        "state": [standing.of(sim) for sim in known],
        "outcome_at": pd.to_datetime(
            np.array([sim.at if sim else np.nan for sim in known]), unit="s"
        ),
    }
    for name in _FROM_LOG:
        columns[name] = [getattr(sim, name) if sim else None for sim in known]
        if name in _OF_FAILURES:  # of what was handed over again since, it no longer holds
            shown = zip(columns[name], columns["state"], strict=True)
            columns[name] = [
                value and ("" if state == "pending" else value) for value, state in shown
            ]
    for name in FACTS:
        columns[name] = [_fact(sim, name) for sim in known]
    columns |= receptors.label_columns(every, columns)
    return pd.DataFrame(columns, index=pd.Index(ids, name="sim"))


def _mean_heights(receptors: Receptors) -> NDArray[np.float64]:
    """Return the mean of each receptor's release heights, which footprints call ``receptor_height``."""
    import numpy as np

    means: NDArray[np.float64] = np.add.reduceat(receptors.heights_m, receptors.first[:-1])
    return means / np.diff(receptors.first)


def _fact(sim: SimState | None, name: str) -> float:
    return sim.facts.get(name, math.nan) if sim and sim.facts else math.nan
