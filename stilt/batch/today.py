"""What a result must have been made with to be up to date: the one place where that is decided."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from stilt.batch.manifest import newest_first, read_manifest, sequence_number
from stilt.batch.snapshot import named_before, read_settings
from stilt.config.digests import (
    OWN_PARTICLES,
    ROWS,
    accepted_digests,
    accepted_footprint_digests,
    config_digest,
    former_footprint_digests,
    grid_digest,
    rows_digest,
    transport_digest,
    weights_digest,
)
from stilt.config.sections import KERNEL
from stilt.config.variants import (
    as_recorded,
    kinds,
    products_of,
    settings_by_kind,
    settings_of,
)
from stilt.foundations.errors import DamagedError
from stilt.foundations.identity import EngineIdentity, parse_label
from stilt.transport.engines import with_roughness
from stilt.transport.native.roughness import todays_setting

if TYPE_CHECKING:
    from stilt.batch.manifest import Manifest
    from stilt.config.schema import Config
    from stilt.foundations.paths import Layout
    from stilt.log.states import Life


def newest_engine(layout: Layout) -> EngineIdentity | None:
    """Return the engine of the newest batch whose manifest can be read; None where there is none."""
    for name in newest_first(layout):
        with suppress(DamagedError):
            return read_manifest(layout.manifest(name)).made_by
    return None


def todays_engine(config: Config, newest: EngineIdentity) -> tuple[Config, EngineIdentity]:
    """Return the engine that the settings name, as the newest hand-over knew it, and the settings in full.

    Nothing is imported: an engine that an import path names says its name only when it runs.
    """
    config = with_roughness(config, newest)
    if ":" not in config.model and newest.name != config.model:
        newest = EngineIdentity(config.model, "")
    if config.model == "native" and config.roughness is not None:
        newest = replace(newest, setting=todays_setting(config.roughness, newest.setting))
    return config, newest


_TABLE = re.compile(r"(\S+) [0-9a-f]{8}")


class Match(NamedTuple):
    """What of a life's results is as it would be made today.

    Attributes
    ----------
    transport, footprints
        Whether the settings are the same; so too for a meteorology that the config has not any more, and for another
        table of kernels: which receptors have another one tells ``stilt.batch.reweighed``.
    engine
        Whether version and inputs of the engine are: what differs there alone makes no result stale.
    """

    transport: bool
    footprints: bool
    engine: bool


class Today:
    """Today's settings and engine, to hold results against.

    Parameters
    ----------
    layout
        The project: what made results of older versions stands in the manifests of their batches.
    config
        The settings.
    engine
        What would make them today.

    Attributes
    ----------
    named
        The settings as digests are taken of them.
    transports, footprints
        The digests that results of today have: by kind of simulation, and by the names of ``products_of``.
    kinds
        The kinds of simulations, by their names.
    products
        The footprint products.
    """

    def __init__(self, layout: Layout, config: Config, engine: EngineIdentity) -> None:
        self.config = config
        self.named = named_before(layout, config)
        self.engine = engine
        self.products = tuple(config.footprints)
        self.kinds = kinds(config)
        self.transports = {kind: self._transport(kind, engine.label) for kind in self.kinds}
        self._weights = {name: weights_digest(grid) for name, grid in config.footprints.items()}
        self._own = settings_by_kind(config)
        self.footprints = {
            recorded: grid_digest(self._own[kind].footprints[name], self._weights[name])
            for kind in self.kinds
            for name, recorded in products_of(config, kind).items()
        }
        self.rows = rows_digest(config, config.jacobian)
        self._layout = layout
        self._matches: dict[tuple[str, str], Match] = {}
        self._engines: dict[str, EngineIdentity] = {}
        self._digests: dict[tuple[str, str], frozenset[str]] = {}
        self._accepted_products: dict[tuple[str, str], tuple[frozenset[str], frozenset[str]]] = {}
        self._other_kernels: dict[tuple[str, str], frozenset[str]] = {}
        self._former_batches: dict[str, bool] = {}
        self._settings: dict[str, Config] = {}
        self._kept: dict[str, bool] = {}

    def settings_of(self, kind: str) -> Config:
        """Return the settings of a kind of simulations; the project's own for one that it has not any more."""
        return self._own.get(kind, self.config)

    def match(self, life: Life, met: str) -> Match:
        """Compare what a life made with a meteorology."""
        key = (life.name, met)
        if key not in self._matches:
            made_by = self.made_by(life)
            self._matches[key] = Match(
                transport=met not in self.kinds or self._is_same(life, met, made_by),
                footprints=self._other_footprints(life, met) <= self._other_kernels_of(life, met),
                engine=not made_by.differences(self.engine),
            )
        return self._matches[key]

    def is_as_today(self, life: Life, met: str, product: str | None) -> bool:
        """Tell whether a life's particles are of today's settings, and one footprint product too unless None."""
        is_same = self.match(life, met).transport
        if not is_same or product is None:
            return is_same
        return product not in self._other_footprints(life, met) - self._other_kernels_of(life, met)

    def has_rows(self, life: Life, outcome: str) -> bool:
        """Tell whether results of a life have rows of the matrix that is asked for, if one is; empty ones need none."""
        return not self.rows or outcome == "empty" or life.footprints.get(ROWS) == self.rows

    @property
    def signed(self) -> dict[str, str]:
        """What headers and manifests have of footprints, and of rows if there are to be some."""
        return self.footprints | ({ROWS: self.rows} if self.rows else {})

    def other_kernels(self, life: Life) -> frozenset[str]:
        """Return the footprint products of which a life had another table of kernels, and all else as today.

        Of variants with own settings of a product it is enough that this holds for one.
        """
        each = (self._other_kernels_of(life, kind) for kind in self._apart)
        return frozenset().union(*each)

    @cached_property
    def _apart(self) -> list[str]:
        """The kinds of simulations whose footprints are not made alike."""
        by_settings = {
            tuple(products_of(self.config, kind).values()): kind for kind in reversed(self.kinds)
        }
        return list(by_settings.values())

    def _other_kernels_of(self, life: Life, met: str) -> frozenset[str]:
        others = {
            name
            for name in self._other_footprints(life, met)
            if self._recorded(life, met, name) is not None
        }
        if not any(self.config.footprints[name].weight == KERNEL for name in others):
            return frozenset()
        former = self._of_former_rule(life, met)
        if others <= former:
            return frozenset(others)
        key = life.batch, met
        if key not in self._other_kernels:
            self._other_kernels[key] = self._with_other_kernels(life.batch, met)
        return (self._other_kernels[key] | former) & others

    def of_former_rule(self, life: Life | Manifest) -> frozenset[str]:
        """Return the products that a life made of today's kernels, when levels with more particles counted more."""
        return frozenset().union(*(self._of_former_rule(life, kind) for kind in self._apart))

    def _of_former_rule(self, life: Life | Manifest, met: str) -> frozenset[str]:
        return frozenset(
            name
            for name in self.products
            if self._recorded(life, met, name) in self._digests_of(met, name)[1]
        )

    def _digests_of(self, met: str, name: str) -> tuple[frozenset[str], frozenset[str]]:
        """Return the digests that a kind's footprint product has today, and those that it had by the former rule."""
        key = met, name
        if key not in self._accepted_products:
            grid = self.settings_of(met).footprints[name]
            weights = self._weights[name]
            accepted = accepted_footprint_digests(grid, weights)
            self._accepted_products[key] = accepted, former_footprint_digests(grid, weights)
        return self._accepted_products[key]

    def of_former_tables(self, life: Life) -> frozenset[str]:
        """Return the products of other tables that a life made by that rule, which its batch tells, and no digest."""
        others = self.other_kernels(life) - self.of_former_rule(life)
        if others and life.batch not in self._former_batches:
            with suppress(DamagedError):
                levels = read_manifest(self._layout.manifest(life.batch)).levels
                self._former_batches[life.batch] = levels != OWN_PARTICLES
        return others if self._former_batches.get(life.batch, True) else frozenset()

    def _other_footprints(self, life: Life, met: str) -> set[str]:
        return {
            name
            for name in self.products
            if self._recorded(life, met, name) not in self._digests_of(met, name)[0]
        }

    def _recorded(self, life: Life | Manifest, met: str, name: str) -> str | None:
        """Return the digest that a life has of a product; of a variant that is no more, what it has for all others."""
        return as_recorded(life.footprints, met if met in self.kinds else "", name)

    def _with_other_kernels(self, batch: str, met: str) -> frozenset[str]:
        """Return the products whose settings a batch had as they are today, but for the table of kernels."""
        handed = self._handed(batch)
        before = {} if handed is None else settings_of(handed, met).footprints
        return frozenset(
            name
            for name, grid in self.settings_of(met).footprints.items()
            if grid.weight == KERNEL
            and name in before
            and grid_digest(before[name]) == grid_digest(grid)
        )

    def _is_same(self, life: Life, met: str, made_by: EngineIdentity) -> bool:
        """Tell whether the settings of a life are today's, whatever version of the engine it had."""
        return (
            made_by.name == self.engine.name
            and _kind(made_by.setting) == _kind(self.engine.setting)
            and self._is_accepted(life, met, made_by.label)
        )

    def _is_accepted(self, life: Life, met: str, label: str) -> bool:
        """Tell whether a life's settings are today's but for those that no result depends on."""
        accepted = self._accepted(met, label)
        if life.transport.get(met) in accepted:
            return True
        handed = self._handed(life.batch)
        if (
            handed is None
            or met not in kinds(handed)
            or transport_digest(handed, met, label) not in accepted
        ):
            return False
        return life.transport.get(met) in accepted_digests(handed, met, label)

    def _handed(self, batch: str) -> Config | None:
        with suppress(DamagedError):
            return self.handed(read_manifest(self._layout.manifest(batch)))
        return None

    def handed(self, manifest: Manifest) -> Config | None:
        """Return the settings that a batch was handed over with, None where they cannot be read."""
        if not self._settings:
            self._settings[config_digest(self.config)] = self.named
        if manifest.config not in self._settings:  # which many batches have alike
            with suppress(DamagedError):
                handed = read_settings(self._layout, manifest)
                self._settings[manifest.config] = named_before(self._layout, handed)
        return self._settings.get(manifest.config)

    def kept_particles(self, imprint: str) -> bool:
        """Tell whether the writer of a file keeps particles, by the settings of its batch; yes where nobody knows.

        No event of the log tells of what a run left that was interrupted.
        """
        seq = imprint.partition("-")[0]
        if not seq.isdigit():
            return True
        if seq not in self._kept:
            batch = next(
                (name for name in newest_first(self._layout) if sequence_number(name) == int(seq)),
                "",
            )
            handed = self._handed(batch) if batch else None
            self._kept[seq] = handed is None or handed.keep.particles == "all"
        return self._kept[seq]

    def made_by(self, life: Life) -> EngineIdentity:
        """Return the engine of a life; of an older record as the manifest of its batch has it."""
        if life.engine is not None:
            return life.engine
        if life.batch not in self._engines:
            try:
                label = read_manifest(self._layout.manifest(life.batch)).engine
            except DamagedError:
                label = self.engine.label  # not known, so not different
            self._engines[life.batch] = self._parsed(label)
        return self._engines[life.batch]

    def _parsed(self, label: str) -> EngineIdentity:
        """Return the engine of a label; a name with spaces in it can only be told when it is today's."""
        known = f"{self.engine.name} "
        if not label.startswith(known):
            return parse_label(label)
        return replace(parse_label(f"- {label.removeprefix(known)}"), name=self.engine.name)

    def _accepted(self, met: str, label: str) -> frozenset[str]:
        """Return the digests of today's settings, and of the same settings in older records."""
        if (met, label) not in self._digests:
            self._digests[met, label] = accepted_digests(self.named, met, label)
        return self._digests[met, label]

    def _transport(self, met: str, label: str) -> str:
        return transport_digest(self.named, met, label)


def _kind(setting: str) -> str:
    """Return a setting without the digest of the table that it names: that is an input of the engine."""
    table = _TABLE.fullmatch(setting)
    return table[1] if table else setting
