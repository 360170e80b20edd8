"""Whole runs on a grid of HRRR's size: 1800 x 1060 points of 3 km, 36 levels, hourly. See ``native.py --hrrr``.

One time is worked out at points of 30 km, of which each stands for a square of 10 by 10; the others are copies of it
with labels of their own, so the weather stands still. An hour has 0.44 GB. Memory is what each simulation's record
says: its own, without mapped files.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from stilt.log.index import OutputIndex
from tests.meteorology import KINDS, START
from tests.meteorology.files import levels_at
from tests.meteorology.kinds import lambert, sigma
from tests.meteorology.records import Heading, write_time

NX, NY, LEVELS, TIMES = 1800, 1060, 36, 10
SIZE_KM = 3.0
KIND = replace(
    KINDS["hrrr36"],
    nx=NX // TIMES,
    ny=NY // TIMES,
    levels=sigma(LEVELS),
    place=lambert(38.5, 262.5, TIMES * SIZE_KM, 21.14, 237.28),
    volume=("PRES", "TEMP", "UWND", "VWND", "WWND", "SPHU"),
)
PARTICLES = 200
REPEATED = 3
BOX = {"xmin": -113, "xmax": -103, "ymin": 37, "ymax": 44, "xres": 0.01, "yres": 0.01}


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run cost: CPU and wall seconds, and the most memory of its own that a simulation had."""

    receptors: int
    cpu_s: float
    wall_s: float
    own_bytes: int


def make_met(folder: Path, hours: int) -> Path:
    """Write the file, unless it is there; return its path."""
    path = folder / f"hrrr_{START:%Y%m%d}_{hours}.arl"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        begun = path.with_suffix(".part")
        _write_hour(begun)
        _copy_hours(begun, hours)
        begun.rename(path)
    return path


def _write_hour(path: Path) -> None:
    place = (*lambert(38.5, 262.5, SIZE_KM, 21.14, 237.28), KIND.pressure_offset)
    with path.open("wb") as file:
        heading = Heading(KIND.model, place, NX, NY, KIND.level_type)
        write_time(file, heading, START, levels_at(KIND, START), times=TIMES)


def _copy_hours(path: Path, hours: int) -> None:
    size, record = path.stat().st_size, 50 + NX * NY
    with path.open("r+b") as file:
        for hour in range(1, hours + 1):
            when = START + timedelta(hours=hour)
            label = f"{when:%y}{when.month:2d}{when.day:2d}{when.hour:2d}".encode()
            for number in range(size // record):
                file.seek(number * record)
                content = file.read(record)
                file.seek(hour * size + number * record)
                file.write(label + content[len(label) :])


def project(
    folder: Path, met: Path, model: str, receptors: int, hours: int, *, realizations: int = 1
) -> Path:
    """Write a project of so many receptors, an hour or two before the last analysis."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    config = {
        "model": model,
        "mets": {
            "hrrr": {"directory": str(met.parent), "file_format": met.name, "file_tres": "100d"}
        },
        "n_hours": -hours,
        "realizations": realizations,
        "numpar": PARTICLES,
        "footprints": {"box": BOX},
        "execution": {"backend": "local", "n_workers": 1},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    when = START + timedelta(hours=hours)
    rows = [
        f"{when:%Y-%m-%d %H:%M},{-108 + 0.35 * (i % 10):.3f},{39 + 0.15 * (i // 10):.3f},{[5, 50, 200, 500][i % 4]}"
        for i in range(receptors)
    ]
    (folder / "receptors.csv").write_text(
        "\n".join(["time,longitude,latitude,altitude", *rows, ""])
    )
    return folder


def run(folder: Path, receptors: int) -> Cost:
    """Run a project as a user does."""
    command = [str(Path(sys.executable).parent / "stilt"), "run", str(folder)]
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    as_installed = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    subprocess.run(command, check=True, env=as_installed, **quiet)
    wall, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    states = OutputIndex(folder / "output" / "log").fold(use_checkpoint=False).sims.values()
    return Cost(receptors, cpu, wall, max(state.peak_rss_bytes for state in states))


def table(scratch: Path, hours: int, counts: list[int], models: list[str], timed: int) -> None:
    """Print what runs of one model and the other cost, and their ratio; hycs_std is ``timed`` with so many at most."""
    met = make_met(scratch / "met", hours)
    project_folder = scratch / "project"
    if "native" in models:
        run(project(project_folder, met, "native", 1, 1), 1)  # compiles, if nobody has yet
    hysplit: dict[int, Cost] = {}
    for count in counts:
        line = f"{count:4d} receptors, {hours} h, {PARTICLES} particles:"
        if "hysplit" in models:
            few = min(count, timed)
            if few not in hysplit:
                hysplit[few] = run(project(project_folder, met, "hysplit", few, hours), few)
            theirs = hysplit[few].cpu_s * count / few
            line += f" hysplit {theirs:.1f} s of CPU" + (f" ({few} timed)," if few < count else ",")
        if "native" in models:
            ours = run(project(project_folder, met, "native", count, hours), count)
            line += f" native {ours.cpu_s:.2f} s ({ours.cpu_s / count:.3f} s each), wall {ours.wall_s:.1f} s,"
            line += f" {ours.own_bytes / 2**20:.0f} MiB of its own"
            if "hysplit" in models:
                line += f"; {theirs / ours.cpu_s:.1f} times as fast"
        print(line, flush=True)
    shutil.rmtree(project_folder)


def members(scratch: Path, hours: int, models: list[str], realizations: int) -> None:
    """Print what so many realizations of one receptor cost beside one: all share the meteorology that was decoded."""
    met = make_met(scratch / "met", hours)
    folder = scratch / "project"
    for model in models:
        if model == "native":
            run(project(folder, met, model, 1, 1), 1)  # compiles, if nobody has yet
        pairs = [
            [
                run(project(folder, met, model, 1, hours, realizations=count), count)
                for count in (1, realizations)
            ]
            for _ in range(REPEATED)
        ]
        one, many = (min(cost.cpu_s for cost in costs) for costs in zip(*pairs, strict=True))
        print(
            f"{model}, {hours} h, {PARTICLES} particles: one {one:.2f} s of CPU, {realizations} realizations "
            f"{many:.2f} s, {many / one:.1f} times",
            flush=True,
        )
    shutil.rmtree(folder)


def scratch_folder(named: str | None) -> Path:
    """Return where met and projects go: a folder on disk with 0.44 GB for each hour."""
    return Path(named or os.environ.get("TMPDIR", "/tmp")) / "stilt-bench-hrrr"  # noqa: S108
