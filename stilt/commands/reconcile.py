"""What a run sets right before it plans: receptors of older records, names of outputs, and what was left behind."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from stilt.foundations.durable import adopt, expose, made_folder
from stilt.foundations.errors import DamagedError
from stilt.foundations.inside import (
    MisplacedError,
    is_file_below,
    remove_below,
)
from stilt.foundations.paths import plain_and_imprint
from stilt.foundations.simulation import receptor_of
from stilt.foundations.writers import this_writer
from stilt.log.events import Identified
from stilt.log.writer import SegmentWriter
from stilt.outputs.listing import is_temporary
from stilt.outputs.products import PARTICLES, file_of, folder_of, product_and_date
from stilt.outputs.promises import is_plain_there, promised_in
from stilt.outputs.store import Store, particles_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from stilt.batch.plan import Plan
    from stilt.foundations.paths import Layout
    from stilt.foundations.simulation import Receptor, Simulation
    from stilt.log.fold import State
    from stilt.log.states import Life, SimState
    from stilt.receptors.sequence import Receptors

BATCH = "verify"
_BLOCK = 512
_OTHER_RULE = "particles were released between its last two heights, are released at each"
_OTHER_LINE = "its line was taken for one from above by some, is filled from below by all"
_STILL_WRITTEN_S = 600.0
"""So long a temporary file is left alone whose name does not say whose it is."""


def identify(
    layout: Layout, state: State, receptors: Receptors, indexes: Sequence[int]
) -> list[Identified]:
    """Find out which receptors older records are of, which do not say so; ``state`` knows them then.

    An id that is made of the receptor tells it, so that one needs no record; of the others the particles say it of
    themselves. Those that say nothing stay unknown, which is not different.
    """
    told = receptors.told_by_id(indexes)
    store = Store(layout, skip_damaged=True)
    found = []
    now = time.time()
    for simulation, is_told in zip(receptors.take(indexes), told, strict=True):
        if is_told:
            continue
        known = state.sims[simulation.sim]
        receptor = _own_receptor(store, simulation, known)
        if receptor is not None:
            digest = receptor.digest_by(1)  # what says its rule of release is not that old
            found.append(Identified(known.sim, digest, known.batch, known.seq, now, known.attempt))
            state.identified[known.sim, known.batch, known.seq, known.attempt] = digest
    return found


def _own_receptor(store: Store, simulation: Simulation, known: SimState) -> Receptor | None:
    """Return the receptor that the particles of a simulation say they are of."""
    with suppress(DamagedError, OSError):
        # the receptor may have another date since, and the particles lie under that of the old one
        found = store.find(
            particles_path(store.layout, simulation, known)
        ) or store.shelf.find_named(PARTICLES, file_of(PARTICLES, simulation.sim))
        if found is not None:
            return receptor_of(found.provenance())
        return _anywhere(store.layout, simulation)
    return None


def _anywhere(layout: Layout, simulation: Simulation) -> Receptor | None:
    from stilt.particles.parquet import read_provenance

    file = file_of(PARTICLES, simulation.sim)
    for path in sorted(layout.particles_dir.glob(f"*/{file}")):
        return receptor_of(read_provenance(path))
    return None


def record(layout: Layout, found: Sequence[Identified]) -> None:
    """Note in the log what was found out; durable on return."""
    writer = SegmentWriter(layout.log_dir, BATCH, 0, this_writer("verify"))
    for first in range(0, len(found), _BLOCK):
        writer.append(*found[first : first + _BLOCK])
    writer.close()


def hidden_outputs(
    layout: Layout, state: State, simulations: Iterable[Simulation]
) -> Iterator[str]:
    """Yield the paths of outputs that only lack the names that the log has of them: there are plain names of theirs.

    A copy of a project that leaves out names with a dot loses nothing so.
    """
    by_segment: dict[str, dict[str, SimState]] = {}
    for simulation in simulations:
        known = state.find(simulation.sim)
        if known is not None and known.is_done:
            by_segment.setdefault(known.life.name, {})[known.sim] = known
    for segment, states in by_segment.items():
        for promise in promised_in(layout.log_dir / segment, states):
            yield from (
                output.path
                for output in promise.outputs
                if is_plain_there(layout, output) and not is_file_below(layout.output, output.path)
            )


def restore_names(layout: Layout, paths: Iterable[str]) -> None:
    """Give outputs the names back that the log has of them."""
    for path in map(layout.output.joinpath, paths):
        plain = plain_and_imprint(path.name)[0]
        with suppress(MisplacedError), made_folder(path.parent, layout.output) as folder:
            adopt(folder, plain, path.name, plain)


def expose_all(layout: Layout, todo: Plan) -> None:
    """Let the plain names be the results that the log vouches for, whatever an older worker did to them."""
    for product, date, file, plain in todo.unexposed:
        place = layout.output / folder_of(product, date)
        # a project of somebody else's is read as it is
        with suppress(OSError, MisplacedError), made_folder(place, layout.output) as folder:
            expose(folder, file, plain)
    for product, date, plain in todo.unwanted:
        with suppress(OSError, MisplacedError):
            remove_below(layout.output, f"{folder_of(product, date)}/{plain}")


def explain_edited(layout: Layout, state: State, edited: Sequence[Simulation]) -> str:
    """Say of the first of some simulations how its receptor differs from that of its result."""
    store = Store(layout, skip_damaged=True)
    for simulation in edited:
        known = state.sims[simulation.sim]
        before = _own_receptor(store, simulation, known) or _anywhere(layout, simulation)
        if before is not None:
            more = f" (and {len(edited) - 1:,} more)" if len(edited) > 1 else ""
            rule = _OTHER_LINE if simulation.receptor.is_line else _OTHER_RULE
            words = _difference(before, simulation.receptor) or rule
            return f"receptor of {simulation.sim}: {words}{more}"
    return ""


def _difference(before: Receptor, now: Receptor) -> str:
    fields = ("time", "longitudes", "latitudes", "heights_m", "reference")
    words = []
    for name in fields:
        old, new = getattr(before, name), getattr(now, name)
        if old != new:
            label = {"longitudes": "longitude", "latitudes": "latitude", "heights_m": "height"}
            words.append(f"{label.get(name, name)} was {_shown(old)}, is {_shown(new)}")
    return "; ".join(words)


def _shown(value: str | tuple[float, ...]) -> str:
    most = 3
    if isinstance(value, str):
        is_time = value.isdigit()
        return (
            f"{value[:4]}-{value[4:6]}-{value[6:8]} {value[8:10]}:{value[10:]}"
            if is_time
            else value
        )
    shown = ", ".join(f"{number:g}" for number in value[:most])
    return shown + (f" and {len(value) - most} more" if len(value) > most else "")


def remove_leftovers(
    layout: Layout, leftovers: Iterable[Path], state: State, is_gone: Callable[[Life], bool]
) -> None:
    """Remove what workers left behind that are surely gone.

    A name with an imprint says whose it is: it goes when the log vouches for another result, and its worker has
    ended. So does most that is temporary, and goes when its worker has ended; the rest after some minutes of silence.
    """
    lives = {life.imprint: life for life in state.lives.values() if life.imprint}
    for path in leftovers:
        with suppress(OSError, MisplacedError):
            if is_temporary(path):
                life = lives.get(path.name.rpartition(".")[2])
                is_over = life is not None and is_gone(life)
                if is_over or time.time() - path.stat().st_mtime > _STILL_WRITTEN_S:
                    remove_below(layout.output, layout.relative(path))
            elif _is_superseded(path, state, lives, is_gone):
                remove_below(layout.output, layout.relative(path))


def _is_superseded(
    path: Path, state: State, lives: dict[str, Life], is_gone: Callable[[Life], bool]
) -> bool:
    plain, imprint = plain_and_imprint(path.name)
    life = lives.get(imprint)
    if life is None:
        return False
    product, _ = product_and_date(f"{path.parent.parent.name}/{path.parent.name}/{path.name}")
    known = state.find(plain.removesuffix(file_of(product, "")))
    if known is None or not known.is_done or imprint in {known.life.imprint, known.particles}:
        return False
    # of one batch the life that is thought gone may yet end what it is at, and outrank the other
    return is_gone(life) and (life.seq < known.seq or bool(life.closed and known.life.closed))
