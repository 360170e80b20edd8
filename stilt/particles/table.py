"""The particle table in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stilt.particles.columns import COLUMNS

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

NOT_KEPT = "particles_not_kept"
"""What a file says of itself that has no rows, as its particles were not to be kept; the log says it as a fact."""


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

    def without_rows(self) -> ParticleTable:
        """Return a table of the same columns."""
        return ParticleTable({name: values[:0] for name, values in self.columns.items()})

    def to_pandas(self) -> pd.DataFrame:
        """Return the table as a data frame, one column each; ``attrs["units"]`` has their units by name."""
        import pandas as pd

        frame = pd.DataFrame(self.columns)
        frame.attrs["units"] = {
            name: COLUMNS[name].units for name in self.columns if name in COLUMNS
        }
        return frame
