"""What is different between the settings that batches were handed over with and those of today."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stilt.batch.manifest import read_manifest
from stilt.batch.snapshot import read_settings
from stilt.config.digests import accepted_digests, grid_digest, rules, transport_settings
from stilt.config.dump import plain
from stilt.config.followed import idle_settings
from stilt.config.sections import function_in
from stilt.config.variants import kinds, settings_of
from stilt.foundations.errors import DamagedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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
    others = [
        met
        for met, digest in manifest.transports.items()
        if met in kinds(config) and digest not in accepted_digests(config, met, manifest.engine)
    ]
    found = (words for met in others for words in rules(settings_of(config, met)).values())
    return [*dict.fromkeys(found)]


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
    return found | _flat_variants(config, other)


def _flat_variants(config: Config, other: Config) -> dict[str, Any]:
    """Return what one of two has of its own in a variant that both have, as it is in the first."""
    variants, others = config.variants or {}, other.variants or {}
    found: dict[str, Any] = {}
    for name, kind in kinds(config).items():
        if kind.variant not in variants or kind.variant not in others or name not in kinds(other):
            continue
        given = variants[kind.variant], others[kind.variant]
        own, theirs = settings_of(config, name), settings_of(other, name)
        idle = idle_settings(own) | idle_settings(theirs)
        settings = transport_settings(config, name)
        keys = {key for each in given for key in each if key in settings} - idle
        found |= {f"variants.{kind.variant}.{key}": settings.get(key) for key in sorted(keys)}
        products = {(product, key) for each in given for product, key in _of_products(each)}
        found |= {
            f"variants.{kind.variant}.footprints.{product}.{key}": getattr(
                own.footprints[product], key
            )
            for product, key in sorted(products)
            if product in own.footprints
        }
    return found


def _of_products(given: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for product, settings in (given.get("footprints") or {}).items():
        for key in settings:
            yield product, key


def _shown(value: object) -> str:
    if value is None:
        return "the default"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
