"""What ``stilt run`` costs with the native engine: scaling over cores, and the course of a campaign.

Called by ``tools/bench/native.py --scaling`` and ``--campaign``.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

SAMPLE_EVERY_S = 0.5
FEWEST_SAMPLES = 8
"""Samples below which a process is too short for a course."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds by the clock, and of CPU of all processes; and the course of each process's memory."""

    wall_s: float
    cpu_s: float
    memory: dict[int, Course]


@dataclass(slots=True)
class Course:
    """Memory of one process: its own (anonymous) at each sample, MiB, and the most with mapped files."""

    command: str
    own_mib: list[float] = field(default_factory=list)
    peak_mib: float = 0.0


def write_project(folder: Path, met: Path, receptors: int, particles: int, hours: int) -> None:
    """Write a project of receptors over the Midwest, 50 at each time, two hours apart."""
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(
        "model: native\n"
        "mets:\n"
        f"  bench: {{directory: '{met.parent}', file_format: {met.name}, file_tres: 100d}}\n"
        "footprints:\n"
        "  tenth: {xmin: -100, xmax: -80, ymin: 30, ymax: 50, xres: 0.1, yres: 0.1}\n"
        f"n_hours: {hours}\n"
        f"numpar: {particles}\n"
    )
    rows = []
    for number in range(receptors):
        hour = 4 + 2 * (number // 50 % 20)
        longitude, latitude = -95.0 + 0.1 * (number % 50), 38.0 + 0.01 * (number // 1000)
        rows.append(
            f"1995-10-{17 + hour // 24} {hour % 24:02d}:00,{longitude:.4f},{latitude:.4f},10"
        )
    (folder / "receptors.csv").write_text("time,long,lati,zagl\n" + "\n".join(rows) + "\n")


def run(project: Path, cpus: int) -> Spent:
    """Run a project to its end, looking at the memory of every process meanwhile."""
    before, began = _cpu_s(), time.monotonic()
    command = [sys.executable, "-m", "stilt", "run", str(project), "--cpus", str(cpus)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    memory: dict[int, Course] = {}
    while process.poll() is None:
        _sample(process.pid, memory)
        time.sleep(SAMPLE_EVERY_S)
    if process.returncode:
        raise SystemExit(f"stilt run ended with {process.returncode}")
    return Spent(time.monotonic() - began, _cpu_s() - before, memory)


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _sample(root: int, memory: dict[int, Course]) -> None:
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        try:
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
            for task in Path(f"/proc/{pid}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
        except OSError:
            continue  # it has just ended
        numbers = {line.split(":")[0]: line.split()[1] for line in lines if line.endswith("kB")}
        course = memory.setdefault(pid, Course(" ".join(words[1:4])))
        if "RssAnon" in numbers:
            course.own_mib.append(int(numbers["RssAnon"]) / 1024)
            course.peak_mib = max(course.peak_mib, int(numbers["VmHWM"]) / 1024)


def scaling(met: Path, receptors: int, particles: int, hours: int, repeat: int) -> None:
    """Print how much faster two at a time are than one, interleaved, best of some repetitions."""
    found: dict[int, list[Spent]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory(prefix="stilt-bench-") as folder:
        for number in range(repeat):
            for cpus, spent in found.items():
                project = Path(folder, f"{number}-{cpus}")
                write_project(project, met, receptors, particles, hours)
                spent.append(run(project, cpus))
    load = os.getloadavg()[0]
    wall = {cpus: min(one.wall_s for one in spent) for cpus, spent in found.items()}
    cpu = {cpus: min(one.cpu_s for one in spent) for cpus, spent in found.items()}
    print(
        f"stilt run of {receptors} receptors: --cpus 1 {wall[1]:.1f} s ({cpu[1]:.1f} s of CPU), --cpus 2 "
        f"{wall[2]:.1f} s ({cpu[2]:.1f} s of CPU): {wall[1] / wall[2]:.2f} times as fast for "
        f"{cpu[2] / cpu[1]:.2f} times the CPU; load {load:.1f}, of which at most 2 are this run's"
    )


def campaign(met: Path, receptors: int, particles: int, hours: int, cpus: int) -> None:
    """Print throughput, files and bytes of one run, and the memory of each of its processes over time."""
    with tempfile.TemporaryDirectory(prefix="stilt-bench-") as folder:
        project = Path(folder, "campaign")
        write_project(project, met, receptors, particles, hours)
        spent = run(project, cpus)
        files = [path for path in project.rglob("*") if path.is_file()]
        made = sum(path.suffix == ".nc" for path in files)
        size = sum(path.stat().st_size for path in files)
    print(
        f"{receptors} receptors of {particles} particles, {abs(hours)} h, --cpus {cpus}: {made} footprints, "
        f"{spent.wall_s:.0f} s, {spent.cpu_s:.0f} s of CPU = {spent.cpu_s / receptors:.3f} s a receptor, "
        f"{3600 * receptors / spent.wall_s:.0f} receptors an hour; load {os.getloadavg()[0]:.1f}"
    )
    print(
        f"{len(files)} files ({len(files) / receptors:.2f} a receptor), {size / 1e6:.1f} MB "
        f"({size / 1e3 / receptors:.1f} kB a receptor)"
    )
    print(
        "memory of its own, MiB, after 1/4, 1/2, 3/4 of a process's life and at its end; peak with files"
    )
    for pid, course in sorted(spent.memory.items()):
        own = course.own_mib
        if len(own) >= FEWEST_SAMPLES:
            # the last sample may be of a process that is giving its memory back
            quarters = [own[(len(own) - 2) * part // 4] for part in (1, 2, 3, 4)]
            shown = " ".join(f"{value:7.1f}" for value in quarters)
            print(f"  {pid:8d} {course.command:40.40s} {shown}   {course.peak_mib:7.1f}")
