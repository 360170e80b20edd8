"""Which settings an engine would not follow, and which nobody reads: nothing is accepted in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from stilt.config.conversion import brief
from stilt.config.schema import SETTINGS
from stilt.config.setting import DEFAULT, IDLE, UNNEEDED
from stilt.config.variants import every_setting
from stilt.foundations.emission import emission_minutes, leaving_each_minute
from stilt.foundations.quantities import counted

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
            what = setting.hysplit_takes.otherwise
            yield f"{name}: with {brief(value)} {what}: HYSPLIT for STILT takes {takes}"


def told(config: Config) -> Iterator[str]:
    """Say ``notes`` of a project's settings, and of those of its variants what is not said yet."""
    said: set[str] = set()
    for variant, own in every_setting(config):
        if variant and replace(own, mets=config.mets) == replace(config, variants=None):
            yield f"{variant}: its settings are the project's own, so it differs in its random numbers alone"
        for text in notes(own):
            if text not in said:
                said.add(text)
                yield f"{variant}: {text}" if variant else text


def notes(config: Config) -> Iterator[str]:
    """Say which settings are given and have no effect on results, or less than it seems."""
    yield from unused(config)
    yield from _early_end(config)
    yield from _unscaled(config)
    if config.keep.particles == "none":
        yield (
            "keep: what is made from now on has of its particles only where they end: another grid, kernel or weight "
            "of a footprint needs transport again"
        )


def _early_end(config: Config) -> Iterator[str]:
    minutes = emission_minutes(config.emisshrs)
    each = leaving_each_minute(config.numpar, config.emisshrs)
    last = -(-config.numpar // each)
    if last < minutes:
        yield (
            f"emisshrs: particles leave in the first {last:,} of {minutes:,} minutes, {each:,} each minute; "
            f"numpar: {each * minutes} fills them"
        )


def _unscaled(config: Config) -> Iterator[str]:
    given, needed = len(config.ziscale), abs(config.n_hours) + 1
    if config.zicontroltf and given < needed:
        yield (
            f"ziscale: {counted(given, 'factor')} for analyses less than {given} h from the start, the others are not "
            f"scaled: {needed} reach the end of the run"
        )
    elif given > needed:
        yield f"ziscale: factors after the first {needed} are for analyses beyond the end of the run"


def unused(config: Config) -> Iterator[str]:
    """Say which settings are given and have no effect on results."""
    for name, setting in SETTINGS.items():
        if why := _no_effect(config, name, setting):
            yield f"{name} has no effect: {why}"
    for name, met in config.mets.items():
        if met.file_tres is not None and met.file_format is None:
            yield f"mets.{name}.file_tres has no effect: without file_format the files' headers say their times"


def idle_settings(config: Config) -> frozenset[str]:
    """Return the settings of a transport that are given and change nothing: results do not depend on them.

    An engine of somebody else may read any of them.
    """
    if ":" in config.model:
        return frozenset()
    return frozenset(
        name for name, setting in SETTINGS.items() if _no_effect(config, name, setting)
    )


def _no_effect(config: Config, name: str, setting: Setting) -> str:
    """Say why a setting that is given has no effect on results; empty where it has one, or is not given."""
    if getattr(config, name) == setting.default:
        return ""
    if setting.native is IDLE and not _is_awake(config, setting):
        return "HYSPLIT does not use it in STILT's mode"
    if setting.native is UNNEEDED and config.model == "native":
        return "model: native has no use for it"
    if setting.only_for and config.model in {"hysplit", "native"} - {setting.only_for}:
        return f"model: {config.model} has no use for it"
    if setting.gives_way_to and getattr(config, setting.gives_way_to) is not None:
        return f"{setting.gives_way_to} is given"
    return ""


def _is_awake(config: Config, setting: Setting) -> bool:
    other = setting.wakes_with
    return bool(other) and getattr(config, other) != SETTINGS[other].default
