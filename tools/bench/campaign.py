"""One local run of many receptors with the native engine: throughput, memory over time, files, what is left behind.

    python tools/bench/campaign.py MET [--receptors 10000] [--cpus 2] [--twice | --scaling]

``MET`` is an ARL file that holds 1995-10-17 over North America and the day before, such as NOAA's sample
``oct1618.BIN``; receptors are spread over its area and over the hours of that day. Memory is the proportional set
size of all processes together, so that what they share counts once. A leak shows as growth from the first eighth of
the run to the last, of memory or of open descriptors. ``--twice`` computes all of it once more elsewhere and compares
the results byte by byte. ``--scaling`` runs a part of the receptors with one process and with two, in turn, and prints
how many times as fast two are; it says something on an idle machine only.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from stilt.log.index import OutputIndex
from stilt.outputs.promises import promised

if TYPE_CHECKING:
    from collections.abc import Sequence

MEBI = 2**20
SAMPLE_S = 5.0
EIGHTHS = 8
SHARED_MEMORY, NAMED_SO = Path("/dev/shm"), ("psm_", "sem.", "mp-")  # noqa: S108 - looked at
SCALING = 400
"""Receptors of each run for ``--scaling``."""

CONFIG = """\
mets:
  bench: {{directory: '{folder}', file_format: '{name}', file_tres: 100d}}
footprints:
  tenth: {{xmin: -100, xmax: -80, ymin: 30, ymax: 50, xres: 0.1, yres: 0.1}}
n_hours: {hours}
numpar: {particles}
model: native
"""


@dataclass(slots=True)
class Cost:
    """What one run took."""

    wall_s: float = 0.0
    cpu_s: float = 0.0
    pss: list[int] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)


def write_project(project: Path, arguments: argparse.Namespace, receptors: int) -> None:
    """Write receptors on a lattice over the middle of the area, hour by hour."""
    met = Path(arguments.met).resolve()
    project.mkdir()
    (project / "config.yaml").write_text(
        CONFIG.format(
            folder=met.parent, name=met.name, hours=arguments.hours, particles=arguments.particles
        )
    )
    lines = ["time,long,lati,zagl"]
    for number in range(receptors):
        place, hour = divmod(number, 24)
        long, lati = -96.0 + 0.3 * (place % 40), 35.0 + 0.7 * (place // 40)
        lines.append(f"1995-10-17 {hour:02d}:00,{long:.2f},{lati:.2f},10")
    (project / "receptors.csv").write_text("\n".join(lines) + "\n")


def run(project: Path, cpus: int) -> Cost:
    """Run a project to its end and watch its processes."""
    cost, before, began = Cost(), _cpu_of_children(), time.monotonic()
    command = [sys.executable, "-m", "stilt", "run", str(project), "--cpus", str(cpus)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            family = _family(process.pid)
            cost.pss.append(sum(map(_pss, family)))
            cost.descriptors.append(sum(map(_descriptors, family)))
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(SAMPLE_S)
    if process.returncode:
        raise SystemExit(f"stilt run ended with {process.returncode}")
    cost.wall_s, cost.cpu_s = time.monotonic() - began, _cpu_of_children() - before
    return cost


def _family(pid: int) -> list[int]:
    """Return a process and all that came of it."""
    found = [pid]
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += _family(int(child))
    return found


def _pss(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def _descriptors(pid: int) -> int:
    with contextlib.suppress(OSError):
        return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    return 0


def _shared_memory() -> set[str]:
    """Name the shared memory and the semaphores that processes of this machine have made."""
    with contextlib.suppress(OSError):
        return {path.name for path in SHARED_MEMORY.iterdir() if path.name.startswith(NAMED_SO)}
    return set()


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def show(project: Path, cost: Cost, receptors: int) -> None:
    """Print what a run took and what it left."""
    output = project / "output"
    files = [path for path in output.rglob("*") if path.is_file()]
    scratch = [path for path in Path(os.environ["TMPDIR"]).iterdir() if path != project]
    print(
        f"{receptors} receptors: {cost.wall_s:.0f} s, {receptors / cost.wall_s:.1f} a second, "
        f"{cost.cpu_s / receptors:.3f} s of CPU each"
    )
    print(
        f"memory of all processes: at most {max(cost.pss) / MEBI:.0f} MiB; by eighths of the run "
        f"{_by_eighths([pss / MEBI for pss in cost.pss])} MiB; open descriptors {_by_eighths(cost.descriptors)}"
    )
    print(
        f"{len(files)} files, {sum(path.stat().st_size for path in files) / MEBI:.0f} MiB in the output; "
        f"left behind: {sum(path.name.startswith('.tmp-') for path in files)} temporary files, "
        f"{len(scratch)} work folders"
    )


def _by_eighths(values: Sequence[float]) -> str:
    """Return the means of eight parts of a series."""
    ends = [len(values) * part // EIGHTHS for part in range(EIGHTHS + 1)]
    parts = [values[begin:end] for begin, end in pairwise(ends) if begin < end]
    return " ".join(f"{sum(part) / len(part):.0f}" for part in parts)


def results(project: Path) -> dict[str, list[str]]:
    """Return the digests of the files that each simulation has made."""
    output = project / "output"
    index = OutputIndex(output / "log")
    return {
        promise.state.sim: [
            hashlib.blake2b((output / each.path).read_bytes()).hexdigest()
            for each in promise.outputs
        ]
        for promise in promised(index, index.fold(use_checkpoint=False).sims)
    }


def twice(folder: Path, arguments: argparse.Namespace, first: Path) -> None:
    """Run the same again elsewhere, and print how many files are other bytes."""
    second = folder / "again"
    write_project(second, arguments, arguments.receptors)
    run(second, arguments.cpus)
    one, two = results(first), results(second)
    count = sum(map(len, one.values()))
    alike = sum(
        here == there
        for sim, digests in one.items()
        for here, there in zip(digests, two.get(sim, []), strict=False)
    )
    print(f"a second run: {alike} of {count} files of {len(one)} simulations are the same bytes")


def scaling(folder: Path, arguments: argparse.Namespace) -> None:
    """Print how much faster two processes are than one."""
    walls: dict[int, list[float]] = {1: [], 2: []}
    for number in range(arguments.repeat):
        for cpus, taken in walls.items():
            project = folder / f"scaling_{cpus}_{number}"
            write_project(project, arguments, SCALING)
            taken.append(run(project, cpus).wall_s)
    one, two = (min(taken) for taken in walls.values())
    print(f"{SCALING} receptors: one process {one:.1f} s, two {two:.1f} s: {one / two:.2f} times")


def main() -> None:
    """Read the command line, run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("met")
    parser.add_argument("--receptors", type=int, default=10_000)
    parser.add_argument("--particles", type=int, default=200)
    parser.add_argument("--hours", type=int, default=-24)
    parser.add_argument("--cpus", type=int, default=2)
    parser.add_argument("--twice", action="store_true", help="and compare the bytes")
    parser.add_argument("--scaling", action="store_true", help="one process beside two")
    parser.add_argument("--repeat", type=int, default=2, help="of --scaling, in turn")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stilt-bench-") as folder:
        os.environ["TMPDIR"] = folder
        if arguments.scaling:
            scaling(Path(folder), arguments)
            return
        project = Path(folder) / "campaign"
        write_project(project, arguments, arguments.receptors)
        before = _shared_memory()
        show(project, run(project, arguments.cpus), arguments.receptors)
        print(f"shared memory left behind: {len(_shared_memory() - before)}")
        if arguments.twice:
            twice(Path(folder), arguments, project)


if __name__ == "__main__":
    main()
