#!/usr/bin/env python3
"""Make the projects of ``tests/upgrade/projects`` as the stilt of one commit makes them.

    sudo tests/upgrade/make_fixtures.py [PROJECT ...]

The projects show what users have on disk when they upgrade, so they are made once, by the commit below, and are
not made again with a later stilt: add a project, or a commit with projects of its own, where a later state is to be
kept too.

Nothing of the machine that makes them is in them. Everything happens in namespaces of its own, where the host is
called ``login1``, the user ``ann``, and all that is named lies below ``/srv``. Needs root, git, ``tools/setup dev``
and, for those that need it, an installed HYSPLIT (``STILT_HOME``, or ``.tools`` in the checkout).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

COMMIT = "9eab2d97dfbbc64ec8e053f07793815fa738baa5"
"""The stilt that the projects are made with: version 0.1.0, log format 1.1, native algorithm 1.2."""

HERE = Path(__file__).resolve().parent
PROJECTS = HERE / "projects"
VALUES = HERE / "values.json"

HOST, USER = "login1", "ann"
BOOT = "11111111-2222-4333-8444-555555555555"

SRV = Path("/srv")
CHECKOUT, MADE, MET, HOME = SRV / "stilt", SRV / "stilt-fixtures", SRV / "met", SRV / "home"
WITH_HYSPLIT, WITHOUT_HYSPLIT = SRV / "stilt-home", SRV / "empty"

NOT_KEPT = ("met", "runs.txt", "queue.txt", "scratch", "run.lock", "part.csv")

GRID = "{xmin: -114, xmax: -111, ymin: 39.5, ymax: 41.5, xres: 0.5, yres: 0.5}"
FINER = "{xmin: -114, xmax: -111, ymin: 39.5, ymax: 41.5, xres: 0.25, yres: 0.25}"
GRID_LINE = f"footprints: {{default: {GRID}}}\n"
JET = "{directory: met, file_format: jet_%Y%m%d.arl, file_tres: 1d}"
JET_WHERE_IT_RUNS = JET.replace("met,", "/proc/self/cwd/met,", 1)
"""A batch keeps the folder of its meteorology as an absolute path. This one holds wherever the project is copied to."""

SLURM = (
    "execution: {backend: slurm, n_workers: 2, time: '00:30:00', mem: 500M, account: airquality}\n"
)
WIND_ERRORS = "siguverr: 2\ntluverr: 60\nzcoruverr: 500\nhorcoruverr: 40\n"

HEADER = "time,longitude,latitude,altitude"
AFTERNOON = (
    "2026-06-16 19:00,-111.9,40.5,30",
    "2026-06-16 21:00,-112.6,40.8,100",
)
FAKE_EMPTY, FAKE_ERROR = 9006, 9001


def settings(
    model: str = "native", *, mets: str = f"{{jet: {JET}}}", grid: str = GRID, more: str = ""
) -> str:
    """Return a config.yaml."""
    return (
        f"mets: {mets}\nfootprints: {{default: {grid}}}\nmodel: {model}\n"
        f"n_hours: -1\nnumpar: 5\n{more}"
    )


def fake(more: str = "") -> str:
    """Return a config.yaml for the engine of the tests, which the checkout on PYTHONPATH has."""
    return settings("tests.engines:FakeEngine", more=more)


def heights(*metres: int) -> list[str]:
    """Return receptors an hour apart: heights tell the engine of the tests how to behave."""
    return [
        f"2026-06-16 {hour:02d}:00,-112,40.5,{height}" for hour, height in enumerate(metres, 10)
    ]


@dataclass
class Project:
    """A project that is being made."""

    path: Path
    stilt_home: Path = WITHOUT_HYSPLIT

    def write(self, config: str, receptors: Sequence[str], header: str = HEADER) -> None:
        """Write the two files of a user."""
        self.path.mkdir(exist_ok=True)
        (self.path / "config.yaml").write_text(config)
        (self.path / "receptors.csv").write_text("\n".join([header, *receptors]) + "\n")
        if not (self.path / "met").exists():
            (self.path / "met").symlink_to(MET)

    def start(self, *arguments: str, **env: str) -> subprocess.Popen[str]:
        """Start ``stilt``."""
        own = {
            "STILT_HOME": str(self.stilt_home),
            "FAKE_RUNS": str(self.path / "runs.txt"),
            "STUB_QUEUE": str(self.path / "queue.txt"),
        }
        return subprocess.Popen(
            [sys.executable, "-m", "stilt", *arguments],
            cwd=self.path,
            env={**os.environ, **own, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def stilt(self, *arguments: str, code: int = 0, **env: str) -> None:
        """Run ``stilt`` to its end, and insist on its exit code."""
        with self.start(*arguments, **env) as process:
            said = process.communicate()[0]
        if process.returncode != code:
            raise SystemExit(f"{self.path.name}: stilt {' '.join(arguments)}:\n{said}")

    def runs(self, what: str) -> int:
        """Return how many simulations have begun or ended, by the account of the engine of the tests."""
        runs = self.path / "runs.txt"
        return runs.read_text().count(what) if runs.exists() else 0

    def stop_half_way(self, number: signal.Signals, ended: int) -> None:
        """Start ``stilt run``, and end it when so many simulations have, with others under way."""
        run = self.start("run", "--n-workers", "2", "--cpus", "1", FAKE_SLEEP="1")
        while self.runs("end") < ended or self.runs("begin") < ended + 2:
            time.sleep(0.02)
        if number is signal.SIGKILL:
            os.killpg(run.pid, number)
            _kill_children_of(self.path)
        else:
            run.send_signal(number)
        run.communicate()

    def leave_checkpoint(self) -> None:
        """Write the cache that a log of many events gets by itself."""
        code = (
            "from pathlib import Path; from stilt.log import index; index.WORTH_A_CHECKPOINT = 0; "
            "index.OutputIndex(Path('output/log')).fold()"
        )
        subprocess.run([sys.executable, "-c", code], cwd=self.path, check=True)

    def batch(self) -> str:
        """Return the id of the one batch."""
        (folder,) = (self.path / "output" / "chunks").iterdir()
        return folder.name


def _kill_children_of(path: Path) -> None:
    """Kill the workers, which have sessions of their own."""
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if folder.name.isdigit() and str(path).encode() in (folder / "cmdline").read_bytes():
                os.kill(int(folder.name), signal.SIGKILL)


def finished(project: Project, config: str, receptors: Sequence[str] = AFTERNOON) -> None:
    """Run everything."""
    project.write(config, receptors)
    project.stilt("run")


def finished_long_ago(project: Project) -> None:
    """Run everything, and leave a cache of the log, as larger logs have one."""
    finished(project, fake(), heights(5, FAKE_EMPTY))
    project.leave_checkpoint()


def own_ids(project: Project) -> None:
    """Name a point, a column of two heights and a multipoint oneself."""
    rows = [
        "2026-06-16 19:00,-111.9,40.5,30,1,tower",
        "2026-06-16 19:00,-111.9,40.5,10,2,column",
        "2026-06-16 19:00,-111.9,40.5,500,2,column",
        "2026-06-16 20:00,-111.9,40.5,30,3,pair.of-places",
        "2026-06-16 20:00,-112.3,40.7,30,3,pair.of-places",
    ]
    project.write(settings(), rows, f"{HEADER},r_idx,id")
    project.stilt("run")


def several_points(project: Project) -> None:
    """Run a column of two heights, one of three, and a multipoint, under ids that stilt makes."""
    rows = [
        "2026-06-16 19:00,-111.9,40.5,10,1",
        "2026-06-16 19:00,-111.9,40.5,500,1",
        "2026-06-16 20:00,-111.9,40.5,10,2",
        "2026-06-16 20:00,-111.9,40.5,100,2",
        "2026-06-16 20:00,-111.9,40.5,800,2",
        "2026-06-16 21:00,-111.9,40.5,30,3",
        "2026-06-16 21:00,-112.3,40.7,60,3",
    ]
    project.write(settings(), rows, f"{HEADER},r_idx")
    project.stilt("run")


def killed(project: Project) -> None:
    """Kill the run with SIGKILL: complete, failed, under way, and never begun."""
    project.write(fake(), heights(5, 6, FAKE_ERROR, 7, FAKE_EMPTY, 8, 9, 10, 11, 12))
    project.stop_half_way(signal.SIGKILL, ended=4)
    project.leave_checkpoint()


def stopped(project: Project) -> None:
    """Stop a run for trajectories alone with Ctrl-C."""
    without = fake().replace(GRID_LINE, "")
    project.write(without, heights(5, 6, FAKE_ERROR, 7, 8, 9, 10, 11))
    project.stop_half_way(signal.SIGINT, ended=2)


def met_missing(project: Project) -> None:
    """Run while the second day of the meteorology has not come yet."""
    project.write(settings(), ["2026-06-15 19:00,-111.9,40.5,30", *AFTERNOON])
    (project.path / "met").unlink()
    (project.path / "met").mkdir()
    (project.path / "met" / "jet_20260615.arl").symlink_to(MET / "jet_20260615.arl")
    project.stilt("run", code=1)


def queued(project: Project, config: str, receptors: Sequence[str]) -> None:
    """Hand over to Slurm; no task ever begins."""
    project.write(config, receptors)
    project.stilt("run")


def one_task(project: Project) -> None:
    """Hand over two tasks to Slurm, of which one has worked."""
    queued(project, fake(SLURM), heights(5, 6))
    job = {"SLURM_ARRAY_JOB_ID": "4242", "SLURM_ARRAY_TASK_ID": "0", "SLURMD_NODENAME": "n1"}
    project.stilt("push-worker", "--batch", project.batch(), "--task", "0", **job)


def cancelled(project: Project) -> None:
    """Hand over to Slurm, and take the job back."""
    queued(project, fake(SLURM), heights(5, 6))
    project.stilt("cancel")


def archived(project: Project) -> None:
    """Pack everything."""
    finished(project, settings())
    project.stilt("archive")


def archived_and_redone(project: Project) -> None:
    """Pack everything, then compute one of the footprints on another grid."""
    archived(project)
    project.write(settings(grid=FINER), AFTERNOON)
    (project.path / "part.csv").write_text(f"{HEADER}\n{AFTERNOON[0]}\n")
    project.stilt("run", "--receptors", "part.csv")


def invalid(project: Project) -> None:
    """Have ``stilt verify`` find a damaged footprint and missing particles."""
    finished(project, fake(), heights(5, 6, 7, FAKE_EMPTY))
    footprints = sorted(project.path.glob("output/footprints/default/*/*.nc"))
    data = bytearray(footprints[0].read_bytes())
    data[len(data) // 2] ^= 0xFF
    footprints[0].write_bytes(data)
    sorted(project.path.glob("output/particles/*/*.parquet"))[1].unlink()
    project.stilt("verify", code=5)


def footprints_again(project: Project) -> None:
    """Run, then compute the footprints alone on another grid."""
    finished(project, settings())
    project.write(settings(grid=FINER), AFTERNOON)
    project.stilt("run")


TWO_METS = f"{{jet: {JET}, jet_too: {JET.replace('1d', '24h')}}}"

MAKERS: dict[str, tuple[Callable[[Project], None], Path]] = {
    "finished-native-table": (partial(finished, config=settings()), WITH_HYSPLIT),
    "finished-native": (partial(finished, config=settings()), WITHOUT_HYSPLIT),
    "finished-hysplit": (partial(finished, config=settings("hysplit")), WITH_HYSPLIT),
    "finished-import-path": (
        finished_long_ago,
        WITHOUT_HYSPLIT,
    ),
    "half-done-killed": (killed, WITHOUT_HYSPLIT),
    "half-done-stopped": (stopped, WITHOUT_HYSPLIT),
    "half-done-met-missing": (met_missing, WITHOUT_HYSPLIT),
    "queued": (
        partial(queued, config=fake(SLURM), receptors=heights(5, 6, 7, FAKE_EMPTY)),
        WITHOUT_HYSPLIT,
    ),
    "queued-cancelled": (cancelled, WITHOUT_HYSPLIT),
    "queued-native": (
        partial(
            queued,
            config=settings(mets=f"{{jet: {JET_WHERE_IT_RUNS}}}", more=SLURM),
            receptors=AFTERNOON,
        ),
        WITHOUT_HYSPLIT,
    ),
    "queued-native-table": (
        partial(
            queued,
            config=settings(mets=f"{{jet: {JET_WHERE_IT_RUNS}}}", more=SLURM),
            receptors=AFTERNOON,
        ),
        WITH_HYSPLIT,
    ),
    "queued-one-task-done": (one_task, WITHOUT_HYSPLIT),
    "archived": (archived, WITHOUT_HYSPLIT),
    "archived-and-redone": (archived_and_redone, WITHOUT_HYSPLIT),
    "own-ids": (own_ids, WITHOUT_HYSPLIT),
    "several-points": (several_points, WITHOUT_HYSPLIT),
    "error-run": (
        partial(finished, config=settings(more=WIND_ERRORS), receptors=AFTERNOON[:1]),
        WITHOUT_HYSPLIT,
    ),
    "two-mets": (
        partial(finished, config=settings(mets=TWO_METS), receptors=AFTERNOON[:1]),
        WITHOUT_HYSPLIT,
    ),
    "invalid": (invalid, WITHOUT_HYSPLIT),
    "footprints-again": (footprints_again, WITHOUT_HYSPLIT),
}


def main() -> None:
    """Make the projects that the command line names, or all."""
    if sys.argv[1:2] == ["--inside"]:
        make(sys.argv[2:])
        return
    names = sys.argv[1:] or list(MAKERS)
    unknown = set(names) - MAKERS.keys()
    if unknown:
        raise SystemExit(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(MAKERS)}")
    alone = ("unshare", "--uts", "--mount", "--pid", "--fork", "--mount-proc")
    if os.environ.get("STILT_FIXTURES_ALONE"):
        prepare(names)
    else:
        env = {**os.environ, "STILT_FIXTURES_ALONE": "1"}
        inner = subprocess.run([*alone, sys.executable, *sys.argv], env=env, check=False)
        raise SystemExit(inner.returncode)


def prepare(names: Sequence[str]) -> None:
    """Lay out ``/srv`` and be called ann on ``login1``; then make, and take over what was made."""
    repository = HERE.parents[1]
    hysplit = Path(os.environ.get("STILT_HOME", repository / ".tools")).absolute()
    run = partial(subprocess.run, check=True)
    run(["mount", "-t", "tmpfs", "tmpfs", str(SRV)])
    for folder in (CHECKOUT, MADE, MET, HOME, WITH_HYSPLIT, WITHOUT_HYSPLIT, SRV / "tmp"):
        folder.mkdir()
    tree = run(["git", "archive", COMMIT], cwd=repository, capture_output=True).stdout
    run(["tar", "-x", "-C", str(CHECKOUT)], input=tree)
    (CHECKOUT / ".venv").mkdir()
    for source, target in ((repository / ".venv", CHECKOUT / ".venv"), (hysplit, WITH_HYSPLIT)):
        run(["mount", "--bind", str(source), str(target)])
    shutil.copytree(HERE / "slurm", SRV / "slurm")
    shutil.copy(__file__, SRV / "make.py")
    run(["hostname", HOST])
    for path, text in (
        ("/etc/passwd", f"{USER}:x:0:0::{HOME}:/bin/sh\n"),
        ("/proc/sys/kernel/random/boot_id", f"{BOOT}\n"),
    ):
        mask = SRV / "tmp" / Path(path).name
        mask.write_text(text)
        run(["mount", "--bind", str(mask), path])
    environment = {
        "HOME": str(HOME),
        "LANG": "C.UTF-8",
        "NUMBA_CACHE_DIR": str(SRV / "home" / "kernels"),
        "PATH": f"{SRV / 'slurm'}:/usr/bin:/bin",
        "PYTHONPATH": str(CHECKOUT),
        "TMPDIR": str(SRV / "tmp"),
        "TZ": "UTC",
    }
    python = str(CHECKOUT / ".venv" / "bin" / "python")
    run([python, str(SRV / "make.py"), "--inside", *names], env=environment, cwd=MADE)
    take_over(names)


def make(names: Sequence[str]) -> None:
    """Make the projects, and note what can be read from them."""
    from stilt.example.atmosphere import write_atmosphere

    write_atmosphere(MET)
    for name in names:
        maker, stilt_home = MAKERS[name]
        began = time.monotonic()
        maker(Project(MADE / name, stilt_home))
        os.environ["STILT_HOME"] = str(stilt_home)
        (MADE / f"{name}.json").write_text(json.dumps(values(MADE / name)))
        sys.stdout.write(f"{name}: {time.monotonic() - began:.1f} s\n")


def values(path: Path) -> dict[str, dict[str, object]]:
    """Return what Python reads of each simulation that has something to read, in few numbers."""
    import stilt

    project = stilt.Project(path)
    read: dict[str, dict[str, object]] = {}
    for result in project:
        facts: dict[str, object] = {}
        with contextlib.suppress(stilt.StiltError):
            facts["particles"] = table_values(result.particles())
        with contextlib.suppress(stilt.StiltError):
            facts["error particles"] = table_values(result.particles(error=True))
        with contextlib.suppress(stilt.StiltError):
            footprint = result.footprint()
            facts["footprint"] = [*footprint.shape, float(f"{float(footprint.sum()):.7g}")]
        if facts:
            read[result.id] = facts
    return read


def table_values(frame: object) -> list[float]:
    """Return rows, columns and the sums of two columns of a particle table."""
    sums = [float(f"{frame[name].sum():.10g}") for name in ("long", "foot")]  # type: ignore[index]
    return [*frame.shape, *sums]  # type: ignore[attr-defined]


def take_over(names: Sequence[str]) -> None:
    """Replace the projects in the checkout by those that were made."""
    known = json.loads(VALUES.read_text()) if VALUES.exists() else {}
    for name in names:
        shutil.rmtree(PROJECTS / name, ignore_errors=True)
        shutil.copytree(MADE / name, PROJECTS / name, ignore=shutil.ignore_patterns(*NOT_KEPT))
        known[name] = json.loads((MADE / f"{name}.json").read_text())
    VALUES.write_text(as_lines(known))


def as_lines(known: dict[str, dict[str, object]]) -> str:
    """Return JSON with a line for each simulation."""
    projects = []
    for name, simulations in sorted(known.items()):
        lines = [
            f"\n  {json.dumps(sim)}: {json.dumps(facts)}" for sim, facts in simulations.items()
        ]
        projects.append(f" {json.dumps(name)}: {{{','.join(lines)}}}")
    return "{\n" + ",\n".join(projects) + "\n}\n"


if __name__ == "__main__":
    main()
