"""Which receptors were edited since their results were made."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from stilt.batch.relabelled import relabelled
from stilt.foundations.durable import digest_file
from stilt.foundations.errors import InputError, StiltError
from stilt.log.fold import SUCCESSES

if TYPE_CHECKING:
    from pathlib import Path

    from stilt.batch.manifest import Manifest, Manifests
    from stilt.config.schema import Config
    from stilt.foundations.paths import Layout
    from stilt.log.fold import State
    from stilt.receptors.sequence import Receptors


def edited(
    layout: Layout, config: Config, state: State, manifests: Manifests, notes: list[str]
) -> frozenset[str]:
    """Return the simulations whose result is of another receptor, or kernel, than receptors.csv has now.

    Where the file is the very one that a batch was made of, none of that batch's; so a million receptors are
    only read for a status where the file was changed. What older records do not say is not different.
    """
    try:
        digest = _digest(layout.receptors_file)
    except OSError:
        return frozenset()
    except InputError as error:
        notes.append(f"{error.message}; no result is shown as stale for its receptor")
        return frozenset()
    same = {name for name, manifest in manifests.items() if _is_of(layout, manifest, digest)}
    done_in = {life.batch for life, outcome, _ in state.tally() if outcome in SUCCESSES}
    if done_in <= same:
        return frozenset()
    try:
        receptors = receptors_of(layout, config)
    except StiltError as error:
        notes.append(f"{error.message}; no result is shown as stale for its receptor")
        return frozenset()
    found = set(_relabelled(layout, config, state, receptors, digest))
    for simulation in receptors:
        known = state.find(simulation.sim)
        if known is None or not known.is_done:
            continue
        if not state.may_be_of(known, simulation.receptor.digest):
            found.add(simulation.sim)
    return frozenset(found)


def _relabelled(
    layout: Layout, config: Config, state: State, receptors: Receptors, digest: str
) -> frozenset[str]:
    """Return the simulations whose kernel is another one; none where kernels do not hold, which `check` says."""
    from stilt.weighting.kernels import kernels_of

    try:
        kernels = kernels_of(config, receptors, is_part=True)
    except StiltError:
        return frozenset()
    return relabelled(layout, state, receptors, digest, kernels)


def receptors_of(layout: Layout, config: Config) -> Receptors:
    """Read receptors.csv, which is asked for twice; while a status is watched, again only once it has changed.

    Raises
    ------
    OSError, StiltError
        If it is not there, or does not hold.
    """
    facts = layout.receptors_file.stat()
    return _read(layout.receptors_file, tuple(config.mets), facts.st_mtime_ns, facts.st_size)


@lru_cache(maxsize=1)
def _read(file: Path, mets: tuple[str, ...], _changed_ns: int, _size: int) -> Receptors:
    from stilt.receptors.read import read_receptors

    return read_receptors(file, mets)


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


def _is_older(layout: Layout, batch: str) -> bool:
    """Tell whether receptors.csv is older than a batch, whose manifest does not say what file it was made of."""
    try:
        handed_over = layout.manifest(batch).stat().st_mtime
        return layout.receptors_file.stat().st_mtime <= handed_over
    except OSError:
        return False
