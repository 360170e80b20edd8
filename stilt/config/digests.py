"""Which settings a result was made with, as digests that events and outputs carry.

Only settings that differ from their default enter: a later version with a new key does not make old
results stale. So a default must never change; that would need a new ``_VERSION``.
"""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from stilt.config.conversion import fields_of
from stilt.config.dump import dump_config, plain
from stilt.config.followed import idle_settings
from stilt.config.schema import Config
from stilt.config.sections import KERNEL, file_and_part, function_in, is_grid, is_number
from stilt.config.variants import (
    FIXED,
    FOOTPRINTS,
    kinds,
    longest_hours,
    products_of,
    settings_by_kind,
    settings_of,
)
from stilt.foundations.durable import digest_file
from stilt.foundations.emission import emission_minutes
from stilt.foundations.surface_layer import MOST_PART

if TYPE_CHECKING:
    from stilt.config.schema import FootprintGrid, JacobianSection, Met

_VERSION = 1
_FORMERLY_A_PART = 9.0
"""Up to here ``veght`` was a part of the mixed layer to ``native``."""

OWN_PARTICLES = "own particles"
"""By what levels weigh: before, one with a particle more than others counted more."""

_NOT_TRANSPORT = frozenset({*FIXED, FOOTPRINTS})


def transport_digest(config: Config, met: str, engine: str) -> str:
    """Return the digest of everything that determines the particles of a simulation.

    Parameters
    ----------
    config
        The settings. ``footprints``, ``execution``, ``about``, ``keep``, ``jacobian``, ``output``,
        ``realizations`` and ``hysplit.exe_dir`` do not count, nor do settings that have no effect, and of
        ``variants`` only the one meant.
    met
        The name of the meteorology, or of one in a variant; how its files are named and their time step count. Its
        folder does not: files are moved between filesystems, and another product deserves another name.
    engine
        Name and version of the transport engine.
    """
    config, of_met = settings_of(config, met), _of_met(config, met)
    idle = idle_settings(config)
    chosen = {key: value for key, value in _given(config).items() if key not in idle}
    if "ziscale" in chosen and _is_known(config):
        chosen["ziscale"] = chosen["ziscale"][
            : abs(config.n_hours) + 1
        ]  # others are of no analysis
    chosen |= dict.fromkeys(rules(config), True) | of_met
    return _transport(config, met, engine, chosen, idle_too=False)


def accepted_digests(config: Config, met: str, engine: str) -> frozenset[str]:
    """Return the digests with which results are of these settings.

    In older ones settings without effect count; of those whose numbers older versions had otherwise they do not hold.
    """
    today = transport_digest(config, met, engine)
    config, of_met = settings_of(config, met), _of_met(config, met)
    if rules(config):
        return frozenset({today})
    chosen = _given(config) | of_met
    return frozenset({today, _transport(config, met, engine, chosen, idle_too=True)})


def _of_met(config: Config, met: str) -> dict[str, str]:
    """Return what tells a variant of a meteorology from a meteorology of that name."""
    kind = kinds(config).get(met)
    return {"variant of": kind.met} if kind is not None and kind.variant else {}


def _given(config: Config) -> dict[str, Any]:
    """Return the settings of the transport that are not their default."""
    settings, defaults = plain(config), plain(_bare(config))
    return {
        key: value
        for key, value in settings.items()
        if key not in _NOT_TRANSPORT and (key == "n_hours" or value != defaults.get(key))
    }


def rules(config: Config) -> dict[str, str]:
    """Return what is computed otherwise than by older versions, where that concerns few settings: name and words.

    The names count in the digest. So only results of these settings become stale, and no version of an algorithm
    grows for all others.
    """
    found = {}
    is_native = config.model == "native"
    in_metres = config.veght > MOST_PART
    if in_metres and (config.hnf_plume or (is_native and config.veght <= _FORMERLY_A_PART)):
        found["veght in metres"] = (
            f"veght: {config.veght:g} is metres now, and was in part taken for mixed layers"
        )
    if is_native and emission_minutes(config.emisshrs) > 1:
        found["minutes alike"] = "emisshrs: each minute has the same number of particles now"
    return found


def _transport(
    config: Config, met: str, engine: str, chosen: dict[str, Any], *, idle_too: bool
) -> str:
    files = _met(met, config.mets[met], idle_too=idle_too or not _is_known(config))
    return _digest("transport", {"engine": engine, "met": files, **chosen})


def _is_known(config: Config) -> bool:
    """Tell whether it is known what the engine reads: one of somebody else may read any setting."""
    return ":" not in config.model


def transport_settings(config: Config, met: str, *, idle_too: bool = True) -> dict[str, Any]:
    """Return every setting of the transport, those left at their default too.

    Not ``idle_too``: without those of the meteorology that no result depends on.
    """
    config = settings_of(config, met)
    settings = {key: value for key, value in plain(config).items() if key not in _NOT_TRANSPORT}
    idle_too = idle_too or not _is_known(config)
    return {"met": _met(met, config.mets[met], idle_too=idle_too), **settings}


def footprint_digests(config: Config) -> dict[str, str]:
    """Return the digest of each footprint product, by the names of ``products_of``: variants may have their own."""
    found: dict[str, str] = {}
    for kind, own in settings_by_kind(config).items():
        for product, recorded in products_of(config, kind).items():
            if recorded not in found:
                found[recorded] = footprint_digest(own, product)
    return found


def footprint_digest(config: Config, name: str) -> str:
    """Return the digest of what determines a footprint besides its particles.

    Where the table of kernels lies, or a function of weights, does not count, what is in it does: its bytes, as they
    are now.
    """
    grid = config.footprints[name]
    return grid_digest(grid, weights_digest(grid))


def accepted_footprint_digests(grid: FootprintGrid, weights: str = "") -> frozenset[str]:
    """Return the digests with which footprints are of these settings; in older ones ``missing`` counts."""
    return frozenset(grid_digest(grid, weights, idle_too=idle_too) for idle_too in (False, True))


def former_footprint_digests(grid: FootprintGrid, weights: str = "") -> frozenset[str]:
    """Return those of weighted footprints in which a level with a particle more than others counted more."""
    if grid.weight != KERNEL:
        return frozenset()
    return frozenset(
        grid_digest(grid, weights, idle_too=idle_too, rules=False) for idle_too in (False, True)
    )


def grid_digest(
    grid: FootprintGrid, weights: str = "", *, idle_too: bool = False, rules: bool = True
) -> str:
    """Return the digest of a footprint grid, its smoothing, and how its particles weigh.

    Not ``idle_too``: without ``missing``, which says whether there is a result, and not which. Not ``rules``: as before
    a level's weight was that of its own particles.
    """
    settings = _without_defaults(grid)
    settings.pop("kernels", None)
    if not idle_too:
        settings.pop("missing", None)
    function = function_in(grid.weight)[1]
    if function:
        settings["weight"] = function
    if rules and grid.weight == KERNEL:
        settings["levels"] = OWN_PARTICLES
    return _digest("footprint", settings | ({"kernels": weights} if weights else {}))


ROWS = "rows of H"
"""Beside the names of footprints, which have no spaces: whose digest this is in headers and manifests."""


def rows_digest(config: Config, asked: JacobianSection | None) -> str:
    """Return the digest of what determines a row of a matrix besides its footprint; "" where none is asked for.

    Of files what is in them counts, as it is now. What the footprint is made of has a digest of its own.
    """
    if asked is None:
        return ""
    name = asked.footprint or next(iter(config.footprints), "")
    grid = config.footprints.get(name)
    content = {
        "target": _said_target(asked.target),
        "bins": asked.bins,
        "footprint": name,
        "cells": None if grid is None else _cells(grid),
        "hours": longest_hours(config),
        "weight": None if asked.weight is None else _said_file(asked.weight),
        "species": asked.species,
    }
    return _digest("rows", content)


def _said_target(target: float | str | None) -> Any:
    if isinstance(target, str) and not is_grid(target):
        return _said_file(target)
    if target is None or (isinstance(target, str) and not is_number(target)):
        return target
    return float(target)


def _said_file(text: str) -> list[str]:
    """Return the kind of a file, what is taken of it, and the digest of its bytes: "" where they cannot be read."""
    file, part = file_and_part(text)
    return [Path(file).suffix.lower(), part, digest_of(file)]


def _cells(grid: FootprintGrid) -> list[Any]:
    edges = (grid.xmin, grid.xmax, grid.ymin, grid.ymax, grid.xres, grid.yres)
    return [*map(float, edges), grid.projection, grid.time_integrate]


def weights_digest(grid: FootprintGrid) -> str:
    """Return the digest of a product's kernels or function: "" where it has none, or that cannot be read."""
    return digest_of(grid.kernels or function_in(grid.weight)[0])


def digest_of(path: str) -> str:
    """Return the digest of a file's bytes; "" where it cannot be read."""
    try:  # a pipe would keep whoever only looks on waiting
        return digest_file(Path(path))[1] if path and Path(path).is_file() else ""
    except OSError:
        return ""


def config_digest(config: Config) -> str:
    """Return the digest of all settings; it names a batch's copy of them."""
    return snapshot_digest(dump_config(config))


def snapshot_digest(data: bytes) -> str:
    """Return the digest of a batch's copy of the settings: of its bytes, so that no damage goes unseen."""
    return _hex(data)


def _bare(config: Config) -> Config:
    """Return the defaults of all settings that have one."""
    return Config(mets=config.mets, n_hours=config.n_hours)


def _met(name: str, met: Met, *, idle_too: bool = True) -> dict[str, Any]:
    settings = _without_defaults(met)
    for key in (
        "directory",
        "source",
        "fetch_limit_gb",
    ):  # where files come from is not what they hold
        settings.pop(key, None)
    if not idle_too:
        settings.pop("n_met_min", None)  # whether there is a result, and not which
        if met.file_format is None:
            settings.pop("file_tres", None)
    return {"name": name, **settings}


def _without_defaults(settings: Met | FootprintGrid) -> dict[str, Any]:
    left_out = {
        field.name
        for field in fields_of(type(settings))
        if getattr(settings, field.name) == field.default
    }
    return {key: value for key, value in plain(settings).items() if key not in left_out}


def _digest(what: str, content: dict[str, Any]) -> str:
    head = f"stilt {what} {_VERSION}\n".encode()
    return _hex(head + msgspec.json.encode(content, order="deterministic"))


def _hex(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()
