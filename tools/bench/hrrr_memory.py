"""The memory of a pool of processes on a grid of HRRR's size, held to a limit by a control group of Linux.

    python tools/bench/hrrr_memory.py [--cpus 8] [--receptors 16] [--hours 24] [--limit-gb 3] [--scratch FOLDER]

Meteorology is put out of the page cache first, so that the pages of it count within the limit, as in a job of Slurm's.
Prints what was the pool's own at most (anonymous and shared memory), what of files stood in memory beside it, and how
often the kernel had to take pages back. Control groups of both versions serve; the limit needs root.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import hrrr

from stilt.log.index import OutputIndex

GROUPS = Path("/sys/fs/cgroup")
NAME = "stilt-bench"
GIBI = 2**30
SAMPLE_S = 0.5


class Group:
    """A control group that limits memory."""

    def __init__(self, limit: int) -> None:
        self.is_new = (GROUPS / "cgroup.controllers").exists()
        self.folder = (GROUPS if self.is_new else GROUPS / "memory") / NAME
        self.folder.mkdir()
        if self.is_new:
            with contextlib.suppress(OSError):  # it is on already
                (GROUPS / "cgroup.subtree_control").write_text("+memory")
        name = "memory.max" if self.is_new else "memory.limit_in_bytes"
        (self.folder / name).write_text(str(limit))

    def enter(self) -> None:
        """Put this process, and all that it starts, into the group."""
        (self.folder / "cgroup.procs").write_text(str(os.getpid()))

    def looked_at(self) -> tuple[int, int]:
        """Return the bytes of its processes' own and those of files now."""
        lines = (self.folder / "memory.stat").read_text().splitlines()
        values = {name: int(value) for name, value in map(str.split, lines)}
        anonymous, cached = (
            values["anon" if self.is_new else "rss"],
            values["file" if self.is_new else "cache"],
        )
        return anonymous + values["shmem"], cached - values["shmem"]

    @property
    def pressed(self) -> int:
        """How often the limit was met."""
        if not self.is_new:
            return int((self.folder / "memory.failcnt").read_text())
        lines = (self.folder / "memory.events").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("max "))


def run(project: Path, cpus: int, group: Group) -> tuple[int, int]:
    """Run a project in a group; return the most bytes of its own, and of files."""
    command = [str(Path(sys.executable).parent / "stilt"), "run", str(project), "--cpus", str(cpus)]
    own = files = 0
    with subprocess.Popen(command, preexec_fn=group.enter, stdout=subprocess.DEVNULL) as process:  # noqa: PLW1509
        while process.poll() is None:
            now = group.looked_at()
            own, files = max(own, now[0]), max(files, now[1])
            time.sleep(SAMPLE_S)
    if process.returncode:
        raise SystemExit(f"stilt run ended with {process.returncode}")
    return own, files


def main() -> None:
    """Read the command line, run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cpus", type=int, default=8)
    parser.add_argument("--receptors", type=int, default=16)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--limit-gb", type=float, default=3.0)
    parser.add_argument("--scratch")
    arguments = parser.parse_args()
    scratch = hrrr.scratch_folder(arguments.scratch)
    met = hrrr.make_met(scratch / "met", arguments.hours)
    with met.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    project = hrrr.project(scratch / "pool", met, "native", arguments.receptors, arguments.hours)
    group = Group(int(arguments.limit_gb * GIBI))
    try:
        own, files = run(project, arguments.cpus, group)
        pressed = group.pressed
    finally:
        group.folder.rmdir()
    states = OutputIndex(project / "output" / "log").fold(use_checkpoint=False).sims.values()
    told = max(state.peak_rss_bytes for state in states)
    print(
        f"{arguments.cpus} processes, {len(states)} receptors of {arguments.hours} h, "
        f"{met.stat().st_size / GIBI:.1f} GiB of meteorology, limit {arguments.limit_gb:g} GiB: "
        f"{own / GIBI:.2f} GiB of their own at most, {files / GIBI:.2f} of files; the limit was met {pressed} times; "
        f"a simulation's record says {told / GIBI:.3f} GiB at most"
    )


if __name__ == "__main__":
    main()
