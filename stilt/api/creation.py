"""A project's files from Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stilt.config.load import parse_config
from stilt.example.starter import refuse_to_overwrite
from stilt.foundations.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd


def create(folder: Path, settings: Mapping[str, Any], receptors: pd.DataFrame | None) -> Path:
    """Write a project's files and return its folder; all are good, or nothing is written."""
    from stilt.api.receptor_frames import checked, written
    from stilt.soundings.write import write_tables

    config_file = folder / "config.yaml"
    refuse_to_overwrite(config_file, folder / "receptors.csv")
    text = _yaml(settings)
    config = parse_config(text, "the settings")
    if receptors is not None:
        checked(receptors, config)
    folder.mkdir(parents=True, exist_ok=True)
    if receptors is not None:
        write_tables(folder, written(receptors))
    config_file.write_text(text, encoding="utf-8")
    return folder


def _yaml(settings: Mapping[str, Any]) -> str:
    import yaml

    try:
        return str(yaml.safe_dump(_plain(settings), sort_keys=False, allow_unicode=True))
    except yaml.YAMLError as error:
        raise InputError(
            f"the settings can't be written: {error}",
            "give numbers, texts, lists and mappings",
            code="CONFIG_WRONG",
        ) from None


def _plain(value: Any) -> Any:
    """Return mappings as dicts, and paths as texts."""
    import os

    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "items"):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value.item() if hasattr(value, "item") else value
