"""Which settings an engine would not follow, and which nobody reads: nothing is accepted in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.config.conversion import brief
from stilt.config.schema import SETTINGS
from stilt.config.setting import DEFAULT, IDLE, UNNEEDED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stilt.config.schema import Config
    from stilt.config.setting import Setting


def native_refuses(config: Config) -> Iterator[str]:
    """Say which settings ``model: native`` would silently not follow."""
    for name, setting in SETTINGS.items():
        value = getattr(config, name)
        if setting.native is DEFAULT and value != setting.default:
            yield f"{name}: {brief(value)} is not supported by model: native; leave it out"
        elif not setting.native_takes.fit(value, config):
            takes = setting.native_takes.words
            yield f"{name}: {brief(value)} is not supported by model: native, which takes {takes}"


def hysplit_refuses(config: Config) -> Iterator[str]:
    """Say with which settings every run of hycs_std would fail."""
    for name, setting in SETTINGS.items():
        value = getattr(config, name)
        if not setting.hysplit_takes.fit(value, config):
            takes = setting.hysplit_takes.words
            yield f"{name}: with {brief(value)} every run fails: HYSPLIT for STILT takes {takes}"


def unused(config: Config) -> Iterator[str]:
    """Say which settings are given and have no effect on results."""
    for name, setting in SETTINGS.items():
        if getattr(config, name) == setting.default:
            continue
        if setting.native is IDLE and not _is_awake(config, setting):
            yield f"{name} has no effect: HYSPLIT does not use it in STILT's mode"
        elif setting.native is UNNEEDED and config.model == "native":
            yield f"{name} has no effect on model: native, which has no use for it"


def _is_awake(config: Config, setting: Setting) -> bool:
    other = setting.wakes_with
    return bool(other) and getattr(config, other) != SETTINGS[other].default
