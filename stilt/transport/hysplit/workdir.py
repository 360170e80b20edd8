"""The folder that one run of hycs_std works in."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from stilt.config.schema import FILE_KEYS
from stilt.transport.hysplit.control import render_control
from stilt.transport.hysplit.namelist import link_name, render_setup
from stilt.transport.hysplit.perturbation import render_perturbations

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from stilt.config.schema import Config
    from stilt.foundations.simulation import Simulation
    from stilt.transport.hysplit.locate import Installation

UNREAD_COPY = "PARTICLE.DAT"
"""hycs_std writes the particles a second time into this file, which nobody reads."""


def lay_out(
    folder: Path,
    simulation: Simulation,
    config: Config,
    installation: Installation,
    met_files: Sequence[Path],
    *,
    error_kind: int = 0,
) -> None:
    """Write and link everything that hycs_std reads into a new folder.

    Meteorology is linked under short names: HYSPLIT's lines hold 80 characters, and blanks end a path.
    """
    folder.mkdir()
    for table in installation.tables:
        (folder / table.name).symlink_to(table)
    for key in filter(partial(getattr, config), FILE_KEYS):
        (folder / link_name(key)).symlink_to(getattr(config, key))
    names = [f"met_{number:03d}" for number in range(1, len(met_files) + 1)]
    for name, path in zip(names, met_files, strict=True):
        (folder / name).symlink_to(path.absolute())
    (folder / UNREAD_COPY).symlink_to(os.devnull)
    links = [("./", name) for name in names]
    texts = {
        "CONTROL": render_control(simulation.receptor, config, links),
        "SETUP.CFG": render_setup(simulation, config, error_kind=error_kind),
        **render_perturbations(config),
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
