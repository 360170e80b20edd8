"""Variants: the simulations of a project once more, with some settings of their own.

What a simulation's settings are is answered here and nowhere else: its id begins with the name of a ``Kind``, and
``settings_of`` has the settings of that. All else takes such settings as if the project had no others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from msgspec.structs import replace

from stilt.config.conversion import fields_of, types
from stilt.config.schema import Config, FootprintGrid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Given = dict[str, Any]

MET = "met"
"""The key of a variant that names its meteorology, where it is not for all of them."""

FOOTPRINTS = "footprints"

FIXED = {
    "mets": f"name one of them with {MET}",
    "variants": "a variant has none of its own",
    "model": "one engine runs a project",
    "hysplit": "one engine runs a project",
    "roughness": "the engine of a project reads one table",
    "realizations": "all have the same number",
    "output": "all of a project lies in one folder",
    "execution": "it is of the run",
    "about": "it is of the project",
    "keep": "it is of the project",
    "jacobian": "a project has one matrix",
}
"""Settings that a project has once, and why; none of them enters the digest of a transport."""

OF_FOOTPRINTS = ("smooth_factor", "lifetime_h")
"""What may vary of a footprint product: with another grid or weight it is a product of its own."""


class Kind(NamedTuple):
    """Simulations with the same settings: of one meteorology, in one variant or in none (``""``)."""

    met: str
    variant: str = ""

    @property
    def name(self) -> str:
        """What the ids of its simulations begin with."""
        return f"{self.met}-{self.variant}" if self.variant else self.met


class Pairing(NamedTuple):
    """By what receptors are multiplied, as ``read_receptors`` takes it.

    Attributes
    ----------
    mets
        The names of kinds: each meteorology, then each in the variants.
    realizations
        How often each.
    variants
        The variant of each kind; nothing where the project has none.
    """

    mets: tuple[str, ...]
    realizations: int = 1
    variants: tuple[str, ...] = ()


def kinds(config: Config) -> dict[str, Kind]:
    """Return the kinds of simulations by their names: each meteorology, then each in its variants."""
    found = [Kind(met) for met in config.mets]
    for variant, given in (config.variants or {}).items():
        own = given.get(MET)
        found += [Kind(met, variant) for met in config.mets if own in {None, met}]
    return {kind.name: kind for kind in found}


def pairing(config: Config) -> Pairing:
    """Return by what receptors are multiplied."""
    found = kinds(config)
    variants = tuple(kind.variant for kind in found.values()) if config.variants else ()
    return Pairing(tuple(found), config.realizations, variants)


def settings_of(config: Config, name: str) -> Config:
    """Return the settings of the simulations whose ids begin with the name of a kind.

    Those of a variant have its meteorology under that name, and no variants. For a name that these settings do not
    have, and where there are no variants, they are returned as they are.
    """
    kind = kinds(config).get(name) if config.variants else None
    if kind is None or not kind.variant:
        return config
    given = (config.variants or {})[kind.variant]
    changed = {
        key: _converted(Config, key, value)
        for key, value in given.items()
        if key not in {MET, FOOTPRINTS}
    }
    return replace(
        config,
        mets={name: config.mets[kind.met]},
        footprints=_footprints(config, given.get(FOOTPRINTS) or {}),
        variants=None,
        **changed,
    )


def settings_by_kind(config: Config) -> dict[str, Config]:
    """Return the settings of each kind of simulations, by its name."""
    return {name: settings_of(config, name) for name in kinds(config)}


def every_setting(config: Config) -> Iterator[tuple[str, Config]]:
    """Yield the project's own settings, then those of each variant, which is named: ``variant high``.

    Of a variant for several meteorologies one speaks for all.
    """
    yield "", config
    seen = {""}
    for name, kind in kinds(config).items():
        if kind.variant not in seen:
            seen.add(kind.variant)
            yield f"variant {kind.variant}", settings_of(config, name)


def longest_hours(config: Config, met: str | None = None) -> int:
    """Return ``n_hours`` of the longest simulations (with a meteorology): those of variants have the same sign."""
    if not config.variants:
        return config.n_hours
    names = [name for name, kind in kinds(config).items() if met in {None, kind.met}]
    return max(
        (settings_of(config, name).n_hours for name in names), key=abs, default=config.n_hours
    )


def products_of(config: Config, name: str) -> dict[str, str]:
    """Return the footprint products of a kind, and how records call each: ``KIND:PRODUCT`` if of its own."""
    kind = kinds(config).get(name, Kind(name))
    given = ((config.variants or {}).get(kind.variant) or {}).get(FOOTPRINTS) or {}
    return {
        product: f"{name}:{product}" if product in given else product
        for product in config.footprints
    }


def as_recorded(digests: Mapping[str, str], name: str, product: str) -> str | None:
    """Return the digest that a record has of a kind's footprint product; None if it has none."""
    return digests.get(f"{name}:{product}", digests.get(product))


def _footprints(config: Config, given: Mapping[str, Given]) -> dict[str, FootprintGrid]:
    return {
        product: replace(
            grid,
            **{
                key: _converted(FootprintGrid, key, value)
                for key, value in given.get(product, {}).items()
            },
        )
        for product, grid in config.footprints.items()
    }


def _converted(kind: type[msgspec.Struct], key: str, value: Any) -> Any:
    """Return a value as the field of that name has it; of None its default."""
    if value is not None:
        return msgspec.convert(value, types(kind)[key])
    return next(field.default for field in fields_of(kind) if field.name == key)
