"""WINDERR, ZIERR and ZICONTROL: files of numbers with which a run is disturbed or its mixed layer scaled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.config.schema import MIXED_LAYER_ERROR_KEYS, WIND_ERROR_KEYS
from stilt.transport.hysplit.control import number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stilt.config.schema import Config

_WIND, _MIXED_LAYER = 1, 2


def error_kind(config: Config) -> int:
    """Return WINDERRTF of the error run: 1 wind, 2 mixed layer, 3 both, 0 for no error run."""
    return _WIND * config.has_wind_error + _MIXED_LAYER * config.has_mixed_layer_error


def render_perturbations(config: Config) -> dict[str, str]:
    """Return name and text of the files that these settings need."""
    files = {}
    if config.has_wind_error:
        files["WINDERR"] = _column(getattr(config, key) for key in WIND_ERROR_KEYS)
    if config.has_mixed_layer_error:
        files["ZIERR"] = _column(getattr(config, key) for key in MIXED_LAYER_ERROR_KEYS)
    if config.zicontroltf:
        files["ZICONTROL"] = _column((len(config.ziscale), *config.ziscale))
    return files


def _column(values: Iterable[float]) -> str:
    return "".join(f"{number(value)}\n" for value in values)
