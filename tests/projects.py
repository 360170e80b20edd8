"""Projects that run with the fake engine, and the command line as a process, for tests."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from stilt.log.index import OutputIndex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from stilt.log.fold import State

ENGINE = Path(__file__).parent / "engines.py"
MARK = "STILT_TEST_MARK"

PATIENCE_S = 600.0
"""How long tests wait for what is to come: on a machine that has much else to do, seconds become minutes."""

FOOTPRINT = "{xmin: -113, xmax: -111, ymin: 40, ymax: 41, xres: 0.1, yres: 0.1}"


_begun: list[tuple[Project, subprocess.Popen[str]]] = []
"""What projects have started and nobody has looked after yet."""


@dataclass
class Project:
    """A project folder, and the processes that were started for it.

    Every process gets a mark into its environment, which its children inherit: ``processes`` finds them
    wherever they went.
    """

    path: Path
    env: dict[str, str] = field(default_factory=dict)
    mark: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def runs_file(self) -> Path:
        """Where the fake engine notes what it ran."""
        return self.path / "runs.txt"

    @property
    def turns_file(self) -> Path:
        """Where the fake engine reads how many simulations a process may run."""
        return Path(self.env.get("FAKE_TURNS", self.path / "turns.txt"))

    def let_run(self, each: int | None) -> None:
        """Have every process run so many simulations and then wait in the next one; None: no more waiting."""
        if each is None:
            self.turns_file.unlink(missing_ok=True)
            return
        new = self.turns_file.with_suffix(".new")
        new.write_text(str(each))
        new.replace(self.turns_file)

    @property
    def output(self) -> Path:
        return self.path / "output"

    def environment(self, **more: str) -> dict[str, str]:
        own = {
            MARK: self.mark,
            "FAKE_RUNS": str(self.runs_file),
            "FAKE_TURNS": str(self.turns_file),
            "TMPDIR": str(self.scratch),
        }
        return {**os.environ, **own, **self.env, **more}

    @property
    def scratch(self) -> Path:
        folder = self.path / "scratch"
        folder.mkdir(exist_ok=True)
        return folder

    def start(self, *arguments: str, **env: str) -> subprocess.Popen[str]:
        """Start ``stilt`` with these arguments."""
        return self.begin([sys.executable, "-m", "stilt", *arguments], **env)

    def begin(self, command: Sequence[str], **env: str) -> subprocess.Popen[str]:
        """Start a command; it ends with the test at the latest."""
        process = subprocess.Popen(
            command,
            cwd=self.path,
            env=self.environment(**env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        _begun.append((self, process))
        return process

    def stilt(self, *arguments: str, **env: str) -> Answer:
        """Run ``stilt`` to its end."""
        process = self.start(*arguments, **env)
        out, err = process.communicate(timeout=PATIENCE_S)
        return Answer(process.returncode, out, err)

    def fold(self) -> State:
        return OutputIndex(self.output / "log").fold(use_checkpoint=False)

    def outcomes(self) -> dict[str, str]:
        return {sim: state.outcome for sim, state in self.fold().sims.items()}

    def reasons(self) -> dict[str, str]:
        return {sim: state.reason for sim, state in self.fold().sims.items() if state.reason}

    def batches(self) -> list[str]:
        return sorted(path.name for path in (self.output / "chunks").glob("0*"))

    def processes(self) -> list[int]:
        """Return the pids of all living processes that carry the mark."""
        return [pid for pid, text in _environments() if f"{MARK}={self.mark}".encode() in text]

    def kill_all(self) -> None:
        """SIGKILL every process of this project, until none is left; none sees another's end."""
        while pids := self.processes():
            for number in (signal.SIGSTOP, signal.SIGKILL):
                for pid in pids:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, number)

    def leftovers(self) -> list[Path]:
        """Return temporary files and work directories that nobody cleared away."""
        return [*self.output.rglob(".tmp-*"), *self.scratch.iterdir()]


@dataclass(frozen=True)
class Answer:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


def make_project(
    path: Path,
    heights: Sequence[float] = (5,),
    *,
    settings: str = "",
    footprints: str = "{}",
    n_hours: int = -1,
) -> Project:
    """Write a project with one receptor for each height, an hour apart."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.yaml").write_text(
        "mets:\n"
        "  fake: {directory: met, file_format: '%Y%m%d', file_tres: 6h}\n"
        f"footprints: {footprints}\n"
        f"n_hours: {n_hours}\n"
        "numpar: 10\n"
        f"model: '{ENGINE}:FakeEngine'\n"
        f"{settings}\n"
    )
    write_receptors(path / "receptors.csv", heights)
    return Project(path)


def write_receptors(path: Path, heights: Sequence[float]) -> None:
    rows = ["time,longitude,latitude,altitude"]
    rows += [
        f"2015-12-{10 + number // 24:02d} {number % 24:02d}:00,-112,40.5,{height}"
        for number, height in enumerate(heights)
    ]
    path.write_text("\n".join(rows) + "\n")


def wait_until(condition: Callable[[], object], what: str, every_s: float = 0.02) -> None:
    """Wait for a condition, and fail by its name if it does not come true."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited {PATIENCE_S:.0f} s in vain: {what}")
        time.sleep(every_s)


def minds_stop_signals(process: subprocess.Popen[str]) -> bool:
    """Tell whether a command takes a stop signal as something to act on; one that came earlier would just end it."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> (signal.SIGUSR1 - 1) & 1)


def end_what_was_begun(folder: Path) -> None:
    """Kill all that projects in a folder have begun, and wait until it is gone."""
    mine = [item for item in _begun if item[0].path.is_relative_to(folder)]
    for project in {project.mark: project for project, _ in mine}.values():
        project.kill_all()
    for item in mine:
        _begun.remove(item)
        with item[1] as process:
            process.kill()


def _environments() -> Iterator[tuple[int, bytes]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                if _state(folder) not in "ZX":
                    yield int(folder.name), (folder / "environ").read_bytes()


def _state(folder: Path) -> str:
    return (folder / "stat").read_text().rpartition(")")[2].split()[0]


def names_of(output: Path) -> list[Path]:
    """Return every name of an output: the plain one, and those that carry a writer."""
    signed = output.parent.glob(f".{output.name}.*") if output.parent.is_dir() else ()
    return [output, *sorted(signed)]


def lose(output: Path) -> None:
    """Remove an output under all its names."""
    for name in names_of(output):
        name.unlink(missing_ok=True)


def replace(output: Path, data: bytes) -> None:
    """Let other bytes stand in place of an output, under all its names."""
    names = [name for name in names_of(output) if name.exists()]
    for name in names:
        name.unlink()
        name.write_bytes(data)
