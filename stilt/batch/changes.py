"""What is different between the settings that batches were handed over with and those of today."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stilt.batch.manifest import read_manifest
from stilt.batch.snapshot import read_settings
from stilt.config.digests import accepted_digests, grid_digest, rules, transport_settings
from stilt.config.dump import plain
from stilt.config.followed import idle_settings
from stilt.config.sections import function_in
from stilt.foundations.errors import DamagedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stilt.batch.manifest import Manifest
    from stilt.batch.today import Today
    from stilt.config.schema import Config
    from stilt.foundations.paths import Layout


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
        words += [
            f"footprints.{name} is new"
            for name in config.footprints
            if name not in handed.footprints
        ]
        words += _kernel_changes(manifest, handed, today)
        if not same_setting and manifest.made_by.name == today.engine.name:
            words.append(f"{manifest.made_by.setting} was, {today.engine.setting} is")
        words = words or _rule_changes(manifest, config)
        if words:
            return f"since batch {batch}: {'; '.join(words)}"
    return ""


def _rule_changes(manifest: Manifest, config: Config) -> list[str]:
    """Say which rule is another one than in the version that handed a batch over."""
    is_other = any(
        digest not in accepted_digests(config, met, manifest.engine)
        for met, digest in manifest.transports.items()
        if met in config.mets
    )
    return [words for words in rules(config).values() if is_other]


def _kernel_changes(manifest: Manifest, handed: Config, today: Today) -> list[str]:
    """Say of which products the kernels alone, or the function, are others, though the settings are the same."""
    former = today.of_former_rule(manifest)
    return [
        f"levels of footprints.{name} weigh by their own particles now, also where some have one more"
        if name in former
        else f"the {'kernels' if grid.kernels else 'function'} of footprints.{name} "
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
    idle = idle_settings(config) | idle_settings(other)
    for name in sorted(config.mets.keys() & other.mets.keys()):
        for key, value in transport_settings(config, name, idle_too=False).items():
            if key == "met":
                found |= {f"mets.{name}.{inner}": each for inner, each in value.items()}
            elif key not in idle:
                found[key] = value
    for name in sorted(config.footprints.keys() & other.footprints.keys()):
        inside = plain(config.footprints[name])
        inside.pop("kernels", None)  # where the table or the function lies does not count
        inside.pop("missing", None)  # nor whether receptors without one are refused
        inside["weight"] = function_in(inside.get("weight"))[1] or inside.get("weight")
        found |= {f"footprints.{name}.{key}": value for key, value in inside.items()}
    return found


def _shown(value: object) -> str:
    if value is None:
        return "the default"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
