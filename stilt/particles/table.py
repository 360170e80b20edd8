"""The particle table in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ParticleTable:
    """One row per particle and output minute, in the order the engine wrote them.

    Attributes
    ----------
    columns
        Column name to values, all one-dimensional and of one length. Names and units are STILT's:
        ``time`` (min since the start, negative backward), ``indx`` (particle number from 1), ``long`` and
        ``lati`` (degrees), ``zagl`` (m above ground), ``foot`` (ppm per umol m-2 s-1), ``mlht`` (m),
        ``dens`` (kg m-3), ``samt`` (min), ``sigw`` (m s-1), ``tlgr`` (s), and what else ``varsiwant`` asked for.
    """

    columns: dict[str, NDArray[np.float64]]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()))) if self.columns else 0

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        return self.columns[name]

    def with_columns(self, **columns: NDArray[np.float64]) -> ParticleTable:
        """Return a table in which these columns are replaced or added."""
        return ParticleTable({**self.columns, **columns})

    def to_pandas(self) -> pd.DataFrame:
        """Return the table as a data frame, one column each."""
        import pandas as pd

        return pd.DataFrame(self.columns)
