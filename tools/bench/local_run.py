"""What ``stilt run`` costs beside bare hycs_std: 8 receptors, two at a time, footprints included.

``python tools/bench/local_run.py [--hours 24] [--particles 200]``; needs the
shared meteorology, and an otherwise idle machine for its wall times. Bare means hycs_std alone in a folder
with the same CONTROL, SETUP.CFG and links, one receptor after the other: as STILT drives it, with both text
copies of the particles on disk, and with the copy that nobody reads kept off it. The run of stilt comes between
the two, so that a machine that slows down shows.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from stilt.config.load import load_config
from stilt.receptors.read import read_receptors
from stilt.transport.hysplit.install import install
from stilt.transport.hysplit.locate import locate
from stilt.transport.hysplit.refusals import rules
from stilt.transport.hysplit.workdir import UNREAD_COPY, lay_out
from stilt.transport.refusals import files_of

REPOSITORY = Path(__file__).resolve().parents[2]
RECEPTORS = 8
CPUS = 2
GOAL = 1.10


@dataclass(frozen=True)
class Cost:
    """Seconds by the clock, and seconds of CPU of all processes."""

    wall_s: float
    cpu_s: float


def main() -> None:
    """Measure and print."""
    os.environ.setdefault("STILT_HOME", str(REPOSITORY / ".tools"))
    install()
    options = _options()
    with tempfile.TemporaryDirectory(prefix="stilt-bench-") as folder:
        project = Path(folder)
        _write_project(project, options)
        once_before = _bare(project, copy=True)
        ours = _measure(_stilt_command(project))
        lean = _bare(project, copy=False)
        once_after = _bare(project, copy=True)
    bare = Cost(
        (once_before.wall_s + once_after.wall_s) / 2, (once_before.cpu_s + once_after.cpu_s) / 2
    )
    _print(ours, {"bare hycs_std, as STILT drives it": bare, "bare, without the unread copy": lean})


def _print(ours: Cost, others: dict[str, Cost]) -> None:
    print(
        f"{RECEPTORS} receptors, stilt run --cpus {CPUS}: {ours.wall_s:.1f} s, CPU {ours.cpu_s:.1f} s"
    )
    for name, cost in others.items():
        half = cost.wall_s / CPUS
        print(
            f"{name}: sum {cost.wall_s:.1f} s, CPU {cost.cpu_s:.1f} s; "
            f"stilt / half of the sum = {ours.wall_s / half:.2f} (goal {GOAL:.2f}), "
            f"CPU {ours.cpu_s / cost.cpu_s:.2f}"
        )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--particles", type=int, default=200)
    shared = Path(os.environ.get("STILT_SHARED", REPOSITORY.parent / "shared"))
    parser.add_argument("--met", type=Path, default=shared / "data")
    return parser.parse_args()


def _write_project(project: Path, options: argparse.Namespace) -> None:
    (project / "config.yaml").write_text(
        "mets:\n"
        f"  ngm: {{directory: '{options.met}', file_format: oct1618.BIN, file_tres: 6h}}\n"
        "footprints:\n"
        "  tenth: {xmin: -100, xmax: -80, ymin: 30, ymax: 50, xres: 0.1, yres: 0.1}\n"
        f"n_hours: {-options.hours}\n"
        f"numpar: {options.particles}\n"
    )
    rows = [f"1995-10-17 {12 + hour // 2 * 2}:00,{-90 - hour},40,10" for hour in range(RECEPTORS)]
    (project / "receptors.csv").write_text("time,long,lati,zagl\n" + "\n".join(rows) + "\n")


def _bare(project: Path, *, copy: bool) -> Cost:
    """Run hycs_std alone for every receptor, one after the other."""
    config = load_config(project / "config.yaml")
    installation = locate(None)
    total = Cost(0.0, 0.0)
    for simulation in read_receptors(project / "receptors.csv", tuple(config.mets)):
        folder = project / "bare" / simulation.sim
        folder.parent.mkdir(exist_ok=True)
        met_files = files_of(simulation, config, rules)
        lay_out(folder, simulation, config, installation, met_files)
        if copy:
            (folder / UNREAD_COPY).unlink()
        cost = _measure([str(installation.exe)], folder)
        total = Cost(total.wall_s + cost.wall_s, total.cpu_s + cost.cpu_s)
        shutil.rmtree(folder)
    return total


def _stilt_command(project: Path) -> list[str]:
    return [sys.executable, "-m", "stilt", "run", str(project), "--cpus", str(CPUS)]


def _measure(command: list[str], folder: Path | None = None) -> Cost:
    before, began = _cpu_of_children(), time.monotonic()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return Cost(time.monotonic() - began, _cpu_of_children() - before)


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
