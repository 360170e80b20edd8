"""The simulations of a project as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stilt.backends.observe import fold_and_observe
from stilt.log.index import OutputIndex
from stilt.status.counting import shown_as
from stilt.status.fates import Fates

if TYPE_CHECKING:
    import pandas as pd

    from stilt.paths import Layout
    from stilt.receptors.sequence import Receptors

_FROM_LOG = ("wall_s", "peak_rss_bytes", "reason", "message", "batch")


def simulations_table(layout: Layout, receptors: Receptors) -> pd.DataFrame:
    """Return every simulation with its receptor, state, cost and reason, indexed by its id."""
    import numpy as np
    import pandas as pd

    state, liveness = fold_and_observe(OutputIndex(layout.log_dir))
    fates = Fates(state, liveness)
    ids = receptors.ids()
    known = [state.sims.get(sim) for sim in ids]
    each = np.tile(np.arange(receptors.n_receptors), len(receptors.mets))
    start = receptors.first[:-1][each]
    columns: dict[str, Any] = {
        "met": np.repeat(receptors.mets, receptors.n_receptors),
        "time": receptors.minutes[each].astype("datetime64[m]").astype("datetime64[s]"),
        "longitude": receptors.longitudes[start],
        "latitude": receptors.latitudes[start],
        "height_m": receptors.heights_m[start],
        "state": [shown_as(sim.outcome, sim.life, fates) if sim else "pending" for sim in known],
        "outcome_at": pd.to_datetime(
            np.array([sim.at if sim else np.nan for sim in known]), unit="s"
        ),
    }
    for name in _FROM_LOG:
        columns[name] = [getattr(sim, name) if sim else None for sim in known]
    return pd.DataFrame(columns, index=pd.Index(ids, name="sim"))
