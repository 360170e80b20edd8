"""The met files of one run, as a worker finds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.config.schema import Config
from stilt.foundations.simulation import Simulation
from stilt.transport.refusals import files_of

if TYPE_CHECKING:
    from pathlib import Path

    from stilt.config.schema import Met
    from stilt.foundations.simulation import Receptor


def find_met_files(met: Met, receptor: Receptor, n_hours: int) -> tuple[Path, ...]:
    """Return them in the order of time, whatever engine reads them."""
    config = Config(mets={"met": met}, n_hours=n_hours)
    return files_of(Simulation("", "met", receptor), config, lambda *_: iter(()))
