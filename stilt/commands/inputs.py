"""What a run reads before it writes anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stilt.batch.today import Today, newest_engine
from stilt.config.digests import grid_digest
from stilt.config.load import load_config
from stilt.config.variants import pairing
from stilt.foundations.durable import digest_file
from stilt.foundations.errors import InputError
from stilt.foundations.ownership import name_owner
from stilt.foundations.paths import Layout, local_path
from stilt.met.kept import keep_in
from stilt.transport.engines import files_of, identity_of, load_engine, with_roughness
from stilt.transport.native.roughness import HYSPLIT
from stilt.weighting.functions import with_copies
from stilt.weighting.kernels import weights_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stilt.config.schema import Config
    from stilt.receptors.sequence import Receptors
    from stilt.transport.protocol import Engine
    from stilt.weighting.kernel import Kernel
    from stilt.weighting.kernels import Kernels


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a run reads before it writes anything."""

    layout: Layout
    config: Config
    simulations: Receptors
    engine: Engine
    today: Today
    receptors: str
    kernels: dict[str, Kernels]
    copies: dict[Path, Path]
    notes: tuple[str, ...]

    @property
    def inputs(self) -> dict[Path, Path]:
        """The files to be copied that the engine reads, each with the path of its copy."""
        files, programs = files_of(self.engine)
        digests = self.today.engine.inputs
        return {
            path: self.layout.input(digests[name], name)
            for name, path in files.items()
            if name not in programs
        } | self.copies

    def kernels_of(self, index: int) -> dict[str, Kernel]:
        """Return the kernels of a simulation by footprint product."""
        receptor = self.simulations.receptor_of(index)
        found = {name: each.of(receptor) for name, each in self.kernels.items()}
        return {name: kernel for name, kernel in found.items() if kernel is not None}

    @property
    def programs(self) -> dict[str, str]:
        """Where the programs are that the engine runs."""
        files, programs = files_of(self.engine)
        return {name: str(files[name].absolute()) for name in programs}


def read_inputs(project: Path, receptors: Path | None, say: Callable[[str], None]) -> Inputs:
    """Read a project, or another table of receptors for it; what its settings name is executed, its owner named first.

    Raises
    ------
    StiltError
        If something is wrong with it.
    """
    from stilt.receptors.read import read_receptors

    root = local_path(project, "the project")
    config = load_config(root / "config.yaml")
    name_owner(root / "config.yaml", "the settings", "what they name runs as you")
    layout = Layout.of(root, config.output)
    file = receptors or layout.receptors_file
    simulations = read_receptors(file, *pairing(config))
    settled = with_roughness(config, newest_engine(layout))
    if settled != config and settled.roughness != HYSPLIT:
        length = settled.roughness
        words = length if isinstance(length, str) else f"{length:g} m"
        say(f"roughness is not set: {words}, as in the results so far")
    engine = load_engine(settled)
    keep_in(layout)
    today = Today(layout, settled, identity_of(engine))
    digest = digest_file(file)[1]
    kernels = weights_of(config, simulations, is_part=receptors is not None)
    _refuse_edited(today, kernels)
    frozen, copies = with_copies(settled, layout)
    if settled.jacobian is not None:
        from stilt.matrix.asked import Asked, with_copied_files

        Asked(settled, settled.jacobian).check(simulations.first_and_last)
        frozen, of_matrix = with_copied_files(frozen, layout)
        copies |= of_matrix
    notes = simulations.notes
    return Inputs(layout, frozen, simulations, engine, today, digest, kernels, copies, notes)


def _refuse_edited(today: Today, kernels: dict[str, Kernels]) -> None:
    """Refuse tables of kernels that were edited while they were read: what is handed over is what is signed."""
    for name, each in kernels.items():
        grid = today.config.footprints[name]
        if grid_digest(grid, each.digest) != today.footprints[name]:
            raise InputError(
                f"{grid.kernels} was written while it was read",
                "stilt run again",
                code="INPUT_CHANGED",
            )
