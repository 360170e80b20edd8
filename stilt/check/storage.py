"""Whether the outputs can be written, and whether there is room for them."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stilt.check.finding import Finding, fine, warning, wrong_surroundings
from stilt.config.variants import settings_by_kind
from stilt.foundations.paths import local_path
from stilt.foundations.quantities import size
from stilt.foundations.room import no_room, room_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stilt.config.schema import Config
    from stilt.foundations.paths import Layout

PARTICLE_ROW_BYTES = 8
"""Of a row of the particle file: 7.9 measured for 200 particles, 24 h and the default columns."""

PARTICLE_END_BYTES = 20
"""Of a particle of which only the end is kept."""

FOOTPRINT_LAYER_BYTES = 3_000
"""Of a layer of a footprint file: 2.8 kB measured for 200 particles; empty cells take nearly nothing."""

SAMPLED = 50


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the simulations will take on disk."""

    size_bytes: int
    files: int
    measured: bool


def check_storage(layout: Layout, config: Config, simulations: int) -> Iterator[Finding]:
    """Try the output root, and compare the room there with what the outputs will take."""
    folder = existing_parent(layout.output)
    refused = try_to_write(folder)
    if refused:
        hint = "name a folder you may write to with output: in config.yaml"
        yield wrong_surroundings("output", refused[0], refused[1] or hint, code="OUTPUT_UNWRITABLE")
        return
    yield from _check_room(layout, config, folder, simulations) if simulations else ()
    yield from _check_scratch(config)


def _check_room(
    layout: Layout, config: Config, folder: Path, simulations: int
) -> Iterator[Finding]:
    expected = estimate(layout, config, simulations)
    room = room_in(folder)
    words = (
        f"about {size(expected.size_bytes)} in {expected.files:,} files"
        f"{'' if expected.measured else ' (a rough guess before the first results)'}; "
        f"{size(room.free_bytes)} are free in {folder}"
    )
    hint = "quotas are not known here: ask your site for yours"
    if expected.size_bytes > room.free_bytes:
        yield warning(
            "output", words, "make room, choose another output:, or lower numpar", code="DISK_SHORT"
        )
    elif room.files is not None and room.files < expected.files:
        yield warning(
            "output",
            f"{words}, but only {room.files:,} more files can be made",
            hint,
            code="DISK_SHORT",
        )
    else:
        yield fine("output", words)


def estimate(layout: Layout, config: Config, simulations: int) -> Estimate:
    """Estimate from results that are there already, else from the settings; variants have as many simulations each."""
    each = settings_by_kind(config).values()
    parts = [_estimate_alike(layout, own, simulations / len(each)) for own in each]
    size_bytes, files = sum(part.size_bytes for part in parts), sum(part.files for part in parts)
    return Estimate(size_bytes, files, all(part.measured for part in parts))


def _estimate_alike(layout: Layout, config: Config, simulations: float) -> Estimate:
    rows = config.numpar * abs(config.n_hours) * 60
    layers = [
        1 if grid.time_integrate else abs(config.n_hours) for grid in config.footprints.values()
    ]
    ends_only = config.keep.particles == "none"
    particles = None if ends_only else _mean_size(layout.particles_dir, ".parquet")
    footprints = [_mean_size(layout.footprints_dir / name, ".nc") for name in config.footprints]
    guesses = [layer * FOOTPRINT_LAYER_BYTES for layer in layers]
    guess = config.numpar * PARTICLE_END_BYTES if ends_only else rows * PARTICLE_ROW_BYTES
    each = (particles or guess) + sum(
        measured or guess for measured, guess in zip(footprints, guesses, strict=True)
    )
    files = 1 + len(config.footprints) + config.has_error_run
    measured = all(footprints) and (ends_only or particles is not None)
    return Estimate(int(each * simulations), round(files * simulations), measured)


def _mean_size(folder: Path, suffix: str) -> int | None:
    """Return the mean size of some result files; None where there are none yet."""
    sizes: list[int] = []
    for dated in sorted(folder.iterdir(), reverse=True) if folder.is_dir() else ():
        with os.scandir(dated) as entries:
            for entry in entries:
                if entry.name.endswith(suffix) and not entry.name.startswith("."):
                    sizes.append(entry.stat().st_size)
                if len(sizes) >= SAMPLED:
                    return sum(sizes) // len(sizes)
    return sum(sizes) // len(sizes) if sizes else None


def existing_parent(path: Path) -> Path:
    """Return the folder itself, or the nearest one above it that is there."""
    return next((folder for folder in (path, *path.parents) if folder.exists()), path)


def try_to_write(folder: Path) -> tuple[str, str] | None:
    """Write and remove a small file; return why that does not work, if so, and what to do where that is known."""
    if not folder.is_dir():
        return f"{folder}: this is not a folder", ""
    try:
        with tempfile.TemporaryFile(dir=folder, prefix=".tmp-check-") as file:
            file.write(b"stilt check\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return no_room(error, folder) or (f"{folder}: cannot be written to: {error.strerror}", "")
    return None


def _check_scratch(config: Config) -> Iterator[Finding]:
    """Try the work folder where it is on this machine; on Slurm it is the node's."""
    if config.execution.backend != "local":
        return
    given = config.execution.scratch
    folder = local_path(os.path.expandvars(given), "scratch") if given else _temporary_folder()
    refused = (
        try_to_write(folder) if folder.exists() else (f"{folder}: there is no such folder", "")
    )
    if refused:
        yield wrong_surroundings(
            "scratch", refused[0], "set execution.scratch or TMPDIR", code="SCRATCH_UNWRITABLE"
        )


def _temporary_folder() -> Path:
    return local_path(tempfile.gettempdir(), "TMPDIR")
