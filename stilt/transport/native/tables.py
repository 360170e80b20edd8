"""Where HYSPLIT's tables lie that the engine reads beside the meteorology: cheap, since ``status`` asks too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.transport.hysplit.locate import (
    TERRAIN_TABLE,
    installed_folder,
    named_places,
    on_path,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def find_table(name: str, exe_dir: str | None) -> Path | None:
    """Find a table by name: beside a named build, in what is installed, beside a build on PATH; None if nowhere."""
    named = [place for place, _ in named_places(exe_dir)]
    found = on_path()
    folders = [path if path.is_dir() else path.parent for path in named]
    folders += [installed_folder(), *([found.parent] if found else [])]
    tables = [place / name for folder in folders for place in (folder, folder.parent / "bdyfiles")]
    return next((path for path in tables if path.is_file()), None)


def find_terrain(exe_dir: str | None, inputs: Mapping[str, Path] | None) -> Path | None:
    """Find the table of the ground's height; it is read for meteorology without terrain only.

    ``inputs`` are the files that a batch was handed over with, by name; None: it is looked for on this machine.
    """
    return find_table(TERRAIN_TABLE, exe_dir) if inputs is None else inputs.get(TERRAIN_TABLE)
