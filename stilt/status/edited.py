"""Which receptors, or their kernels, were edited since their results were made."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from stilt.config.digests import weights_digest
from stilt.config.variants import pairing
from stilt.foundations.durable import digest_file
from stilt.foundations.errors import InputError, StiltError
from stilt.log.fold import SUCCESSES

if TYPE_CHECKING:
    from pathlib import Path

    from stilt.batch.manifest import Manifest, Manifests
    from stilt.batch.today import Today
    from stilt.config.schema import Config, FootprintGrid
    from stilt.config.variants import Pairing
    from stilt.foundations.paths import Layout
    from stilt.log.fold import State
    from stilt.receptors.sequence import Receptors
    from stilt.weighting.kernels import Kernels


_HEAD_BYTES = 2**16


def edited(
    layout: Layout, today: Today, state: State, manifests: Manifests, notes: list[str]
) -> frozenset[str]:
    """Return the simulations whose result is of another receptor, or kernel, than the project has now.

    Where receptors.csv and the tables of kernels are the very ones that a batch was made of, none of that batch's; so a
    million receptors are only read for a status where these were changed, or where older records do not say of which
    receptors they are: of columns these are of another rule of release.
    """
    done_in = {life.batch: life for life, outcome, _ in state.tally() if outcome in SUCCESSES}
    others = {batch for batch, life in done_in.items() if today.other_kernels(life)}
    try:
        digest = _digest(layout.receptors_file)
        same = {name for name, manifest in manifests.items() if _is_of(layout, manifest, digest)}
        if any(not manifests[name].receptors for name in same) and _may_group(
            layout.receptors_file
        ):
            same = {name for name in same if manifests[name].receptors}
        if done_in.keys() <= same and not others:
            return frozenset()
        receptors = receptors_of(layout, today.config)
    except OSError:
        return _all_of(state, others)
    except StiltError as error:
        notes.append(f"{error.message}; no result is shown as stale for its receptor")
        return _all_of(state, others)
    from stilt.batch.reweighed import Weighing, reweighed

    found = set() if done_in.keys() <= same else _of_other_receptors(state, receptors)
    try:
        kernels = _kernels(today.config, receptors, digest)
    except StiltError:  # which `check` tells
        return frozenset(found | _all_of(state, others))
    return frozenset(found | reweighed(layout, state, today, Weighing(receptors, digest, kernels)))


def _of_other_receptors(state: State, receptors: Receptors) -> set[str]:
    found = set()
    for simulation in receptors:
        known = state.find(simulation.sim)
        if known is None or not known.is_done:
            continue
        if not state.may_be_of(known, simulation.receptor):
            found.add(simulation.sim)
    return found


def _all_of(state: State, batches: set[str]) -> frozenset[str]:
    """Return the simulations whose result is of some batches: their kernels cannot be compared."""
    known = state.sims.values() if batches else ()
    return frozenset(each.sim for each in known if each.is_done and each.life.batch in batches)


def _kernels(config: Config, receptors: Receptors, digest: str) -> dict[str, Kernels]:
    """Return the kernels of each product; while a status is watched, read again only once they have changed."""
    tables = tuple(weights_digest(grid) for grid in config.footprints.values())
    return _kernels_of(
        _Asked((digest, *tables), tuple(config.footprints.items()), config, receptors)
    )


@dataclass(frozen=True)
class _Asked:
    """What kernels are read for: equal where the files and the products are."""

    digests: tuple[str, ...]
    footprints: tuple[tuple[str, FootprintGrid], ...]
    config: Config = field(compare=False)
    receptors: Receptors = field(compare=False)


@lru_cache(maxsize=1)
def _kernels_of(asked: _Asked) -> dict[str, Kernels]:
    from stilt.weighting.kernels import kernels_of

    return kernels_of(asked.config, asked.receptors, is_part=True)


def receptors_of(layout: Layout, config: Config) -> Receptors:
    """Read receptors.csv, which is asked for twice; while a status is watched, again only once it has changed.

    Raises
    ------
    OSError, StiltError
        If it is not there, or does not hold.
    """
    facts = layout.receptors_file.stat()
    return _read(layout.receptors_file, pairing(config), facts.st_mtime_ns, facts.st_size)


@lru_cache(maxsize=1)
def _read(file: Path, pairs: Pairing, _changed_ns: int, _size: int) -> Receptors:
    from stilt.receptors.read import read_receptors

    return read_receptors(file, *pairs)


def _digest(file: Path) -> str:
    facts = file.stat()
    return _digest_of(file, facts.st_mtime_ns, facts.st_size)


@lru_cache(maxsize=1)
def _digest_of(file: Path, _changed_ns: int, _size: int) -> str:
    """Return the digest of a file, which is asked for twice."""
    return digest_file(file)[1]


def has_receptors_of(layout: Layout, manifest: Manifest) -> bool:
    """Tell whether receptors.csv is what a batch was made of; one that is gone is no other one."""
    try:
        digest = _digest(layout.receptors_file)
    except (OSError, InputError):
        return True
    return _is_of(layout, manifest, digest)


def _is_of(layout: Layout, manifest: Manifest, digest: str) -> bool:
    if manifest.receptors:
        return manifest.receptors == digest
    return _is_older(layout, manifest.batch)


def _may_group(file: Path) -> bool:
    """Tell whether a table may make columns of several rows, by how it begins."""
    with file.open("rb") as table:
        return b"r_idx" in table.read(_HEAD_BYTES).lower()


def _is_older(layout: Layout, batch: str) -> bool:
    """Tell whether receptors.csv is older than a batch, whose manifest does not say what file it was made of."""
    try:
        handed_over = layout.manifest(batch).stat().st_mtime
        return layout.receptors_file.stat().st_mtime <= handed_over
    except OSError:
        return False
