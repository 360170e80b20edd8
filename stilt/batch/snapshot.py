"""The settings that a batch was handed over with, and what is different now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from stilt.batch.manifest import newest_first, read_manifest
from stilt.config.digests import (
    grid_digest,
    snapshot_digest,
    transport_digest,
    transport_settings,
)
from stilt.config.dump import plain
from stilt.config.load import parse_config
from stilt.config.sections import function_in
from stilt.foundations.errors import DamagedError, InputError
from stilt.foundations.inside import read_regular

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stilt.batch.manifest import Manifest
    from stilt.batch.today import Today
    from stilt.config.schema import Config, Met
    from stilt.foundations.paths import Layout

MOST_SETTINGS_BYTES = 16 << 20


def read_settings(layout: Layout, manifest: Manifest) -> Config:
    """Read a batch's settings, which are named by their digest.

    Raises
    ------
    DamagedError
        If they are not those handed over.
    """
    path = layout.config_snapshot(manifest.batch, manifest.config)
    hint = "`stilt run` hands its work over again"
    try:
        data = read_regular(path, MOST_SETTINGS_BYTES)
        if snapshot_digest(data) != manifest.config:
            raise DamagedError(f"the batch's settings {path} are not those handed over", hint)
        # Asked about a projection, PROJ keeps its database open. The pool's processes, forked from this
        # one, close what they inherit, and PROJ would go on to read, and close, what has the number then.
        return parse_config(data.decode(), str(path), projections=False)
    except (OSError, UnicodeDecodeError, InputError) as error:
        raise DamagedError(f"the batch's settings {path} cannot be read: {error}", hint) from error


def named_before(layout: Layout, config: Config) -> Config:
    """Return settings in which a met that is now found by headers has the names by which it was found before.

    How files are found is no part of what they hold: what was made from them stays done.
    """
    mets = {name: _named(layout, name, met) for name, met in config.mets.items()}
    return replace(config, mets=mets)


def _named(layout: Layout, name: str, met: Met) -> Met:
    if met.file_format is not None and met.file_tres is not None:
        return met
    for batch in newest_first(layout):
        try:
            manifest = read_manifest(layout.manifest(batch))
            handed = read_settings(layout, manifest)
        except DamagedError:
            continue
        before = handed.mets.get(name)
        if before is None:
            continue
        if before.file_format is not None and before.file_tres is not None:
            is_same = met.file_format in {None, before.file_format}
            names = {"file_format": before.file_format, "file_tres": before.file_tres}
            return replace(met, **names) if is_same else met
        if manifest.transports.get(name) == transport_digest(handed, name, manifest.engine):
            return met  # no batch before had other names, or none that counted
    return met


def changes(layout: Layout, batches: Iterable[str], today: Today) -> str:
    """Say what makes results stale: the first of the batches with other settings, and how they differ.

    Parameters
    ----------
    layout, batches
        Where the batches are, and their ids, those first that are looked at first.
    today
        The settings and the engine that there are now.

    Returns
    -------
    str
        Empty if no batch differs, or what differs cannot be read any more.
    """
    for batch in batches:
        try:
            manifest = read_manifest(layout.manifest(batch))
            same_setting = manifest.made_by.setting == today.engine.setting
            handed = read_settings(layout, manifest)
        except DamagedError:
            continue
        config = today.named
        before = {"model": manifest.made_by.name, **_flat(handed, config)}
        now = {"model": today.engine.name, **_flat(config, handed)}
        words = [
            f"{key} was {_shown(before.get(key))}, is {_shown(now.get(key))}"
            for key in now | before
            if before.get(key) != now.get(key)
        ]
        words += _kernel_changes(manifest, handed, today)
        if not same_setting and manifest.made_by.name == today.engine.name:
            words.append(f"{manifest.made_by.setting} was, {today.engine.setting} is")
        if words:
            return f"since batch {batch}: {'; '.join(words)}"
    return ""


def _kernel_changes(manifest: Manifest, handed: Config, today: Today) -> list[str]:
    """Say of which products the kernels alone, or the function, are others, though the settings are the same."""
    return [
        f"the {'kernels' if grid.kernels else 'function'} of footprints.{name} "
        f"{'are others' if grid.kernels else 'is another'}"
        for name, grid in today.config.footprints.items()
        if grid.weight is not None
        and name in handed.footprints
        and grid_digest(handed.footprints[name]) == grid_digest(grid)
        and manifest.footprints.get(name) != today.footprints[name]
    ]


def _flat(config: Config, other: Config) -> dict[str, Any]:
    """Return what results depend on, by the keys of config.yaml, of the mets and footprints that both have."""
    found: dict[str, Any] = {}
    for name in sorted(config.mets.keys() & other.mets.keys()):
        for key, value in transport_settings(config, name).items():
            if key == "met":
                found |= {f"mets.{name}.{inner}": each for inner, each in value.items()}
            else:
                found[key] = value
    for name in sorted(config.footprints.keys() & other.footprints.keys()):
        inside = plain(config.footprints[name])
        inside.pop("kernels", None)  # where the table or the function lies does not count
        inside["weight"] = function_in(inside.get("weight"))[1] or inside.get("weight")
        found |= {f"footprints.{name}.{key}": value for key, value in inside.items()}
    return found


def _shown(value: object) -> str:
    if value is None:
        return "the default"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
