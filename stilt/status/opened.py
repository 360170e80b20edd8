"""A project as far as its settings can be read, which need not hold to tell how it stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stilt.foundations.errors import StiltError
from stilt.foundations.paths import Layout

if TYPE_CHECKING:
    from pathlib import Path

    from stilt.config.schema import Config


@dataclass(slots=True)
class Opened:
    """A project as far as it can be read: settings that do not hold are noted, not an error.

    Attributes
    ----------
    config
        The settings; None where they can't be read.
    notes
        What could not be found out, for the screen.
    """

    layout: Layout
    config: Config | None
    notes: list[str] = field(default_factory=list)


def open_project(folder: Path) -> Opened:
    """Read a project's settings, and find its output root also where they do not hold."""
    from stilt.config.load import load_config

    layout = Layout.of(folder)
    try:
        config = load_config(layout.config_file, projections=False)
    except StiltError as error:
        if not layout.log_dir.is_dir():
            raise
        note = f"{error.message}; output is looked for in {layout.output}, and nothing is shown as stale"
        return Opened(layout, None, [note])
    return Opened(Layout.of(folder, config.output), config, _missing(config))


def _missing(config: Config) -> list[str]:
    if all(grid.weight is None for grid in config.footprints.values()):
        return []
    from stilt.weighting.functions import missing_files

    return missing_files(config)
