"""Stops a worker at each of its calls to the filesystem while a newer batch comes; run as a program.

Each line on stdin is ``<story> <meanwhile> <folder>``. For every call that an older worker makes in the output root,
from its first look at the batch to the last line of its segment, the story is told anew: the worker is stopped before
that call, the newer batch comes and gets as far as ``meanwhile`` says, the worker goes on to its end, and one more
``stilt run`` follows. The answer is a line of JSON: how many boundaries there were, the calls before which the worker
was stopped, and what was wrong at which of them.

All of it happens in processes forked from this one, which has everything loaded and no thread. A worker runs in one
process here, pool and loop together, so that there is one order of calls to enumerate.
"""

from __future__ import annotations

import builtins
import contextlib
import gc
import importlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import traceback
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stilt.backends.local import LocalBackend
from stilt.commands.run import Request, run
from stilt.foundations import writers
from stilt.foundations.paths import Layout, plain_and_imprint
from stilt.log.events import Cancelled
from stilt.log.writer import SegmentWriter
from stilt.worker import lean_arrow, loop
from stilt.worker.pool import Finished, Member
from stilt.worker.push_worker import work

if TYPE_CHECKING:
    from collections.abc import Callable

ENGINE = Path(__file__).parents[1] / "engines.py"
SIM = "fake_201512100000_-112_40.5_5"
STOPPABLE = (
    *("open", "stat", "lstat", "listdir", "scandir", "mkdir", "rmdir", "rename", "replace", "link", "symlink"),
    *("unlink", "remove", "write", "fsync", "truncate", "ftruncate", "utime", "readlink"),
)  # fmt: skip

HERE = "{xmin: -113, xmax: -111, ymin: 40, ymax: 41, xres: 0.1, yres: 0.1}"
COARSER = "{xmin: -113, xmax: -111, ymin: 40, ymax: 41, xres: 0.2, yres: 0.2}"
COARSEST = "{xmin: -113, xmax: -111, ymin: 40, ymax: 41, xres: 0.5, yres: 0.5}"
ELSEWHERE = "{xmin: 10, xmax: 12, ymin: 40, ymax: 41, xres: 0.1, yres: 0.1}"
ERRORS = "siguverr: 2\ntluverr: 60\nzcoruverr: 500\nhorcoruverr: 40\n"


@dataclass(frozen=True)
class Settings:
    """What a config.yaml says that these stories change."""

    grid: str
    numpar: int
    more: str = ""

    def write(self, project: Path) -> None:
        (project / "config.yaml").write_text(
            "mets:\n  fake: {directory: met, file_format: '%Y%m%d', file_tres: 6h}\n"
            f"footprints: {{default: {self.grid}}}\n"
            f"n_hours: -1\nnumpar: {self.numpar}\nmodel: '{ENGINE}:FakeEngine'\n{self.more}"
        )


@dataclass(frozen=True)
class Story:
    """What the older worker is at, and what comes after.

    Attributes
    ----------
    before
        Settings of a batch that was complete before the older one was handed over; None: there was none.
    older, newer
        The settings of the worker that is stopped, and those of the batch that comes meanwhile.
    has_links
        Whether the filesystem has hard links.
    """

    older: Settings
    newer: Settings
    before: Settings | None = None
    has_links: bool = True


STORIES = {
    "transport": Story(Settings(HERE, 10), Settings(COARSER, 5)),
    "footprints": Story(Settings(COARSEST, 10), Settings(COARSER, 5), before=Settings(HERE, 10)),
    "same-particles": Story(Settings(HERE, 10), Settings(COARSER, 10)),
    "older-empty": Story(Settings(ELSEWHERE, 10), Settings(COARSER, 5)),
    "newer-empty": Story(Settings(HERE, 10), Settings(ELSEWHERE, 5)),
    "error-particles": Story(Settings(HERE, 10, ERRORS), Settings(COARSER, 5, ERRORS)),
    "no-hard-links": Story(Settings(HERE, 10), Settings(COARSER, 5), has_links=False),
    "footprints-no-hard-links": Story(
        Settings(COARSEST, 10), Settings(COARSER, 10), before=Settings(HERE, 10), has_links=False
    ),
}

_LENT = re.compile(r"/proc/self/fd/(\d+)(|/.*)", re.DOTALL)
"""A folder or file that is open, by the name that its descriptor has."""

ENDED = ("complete", "archived")
"""What happens meanwhile, where the newer batch comes to its end by it."""

PRELOADED = (
    *("numpy", "pandas", "pyarrow.csv", "pyarrow.compute", "pyarrow.parquet", "netCDF4", "xarray"),
    *("stilt.receptors.read", "stilt.transport.engines", "stilt.worker.simulate", "stilt.worker.own_engine"),
    *("stilt.particles.parquet", "stilt.footprint.calc", "stilt.footprint.netcdf", "stilt.api.project"),
    *("stilt.status.gather", "stilt.status.table", "stilt.commands.verify", "stilt.api.collection"),
    *("dask.array", "pyarrow.pandas_compat", "stilt.footprint.hnf", "stilt.archive.container"),
    "stilt.commands.archive",
)  # fmt: skip


class OneProcess:
    """In place of the pool: simulates where the loop runs."""

    def __init__(self, size: int, prepare: Callable[[], Any], wakeup: int) -> None:
        del size, wakeup
        self._prepare = prepare
        self._members: list[Member] = []
        self._simulate: Any = None

    def fill(self, at_most: int) -> None:
        if at_most and not self._members:
            self._simulate = self._prepare()
            self._members.append(Member(os.getpid(), -1, ready=True))

    def idle(self) -> list[Member]:
        return [member for member in self._members if member.entry is None]

    def busy(self) -> list[Member]:
        return [member for member in self._members if member.entry is not None]

    def give(self, member: Member, entry: Any, now: float) -> None:
        member.entry, member.since = entry, now

    def wait(self, _: float) -> list[tuple[Member, Finished]]:
        return [(member, Finished(self._simulate(member.entry))) for member in self.busy()]

    def stop(self) -> list[Any]:
        return []


class Brake:
    """Counts the calls that this process makes in a folder, and stops before one until it is told to go on."""

    def __init__(self, folder: Path, stop_at: int, say: int, go: int) -> None:
        self.calls: list[str] = []
        self._folder = f"{folder}/"
        self._stop_at, self._say, self._go = stop_at, say, go
        self._write, self._read, self._readlink = os.write, os.read, os.readlink

    def watch(self) -> None:
        for name in STOPPABLE:
            setattr(os, name, self._watched(name, getattr(os, name)))
        io.open = builtins.open = self._watched("io.open", open)  # type: ignore[assignment]

    def _watched(self, name: str, real: Any) -> Any:
        def watched(*args: Any, **kwargs: Any) -> Any:
            where = self._place(args[0]) if args else ""
            folder = kwargs.get("dir_fd", kwargs.get("src_dir_fd"))
            if folder is not None:
                where = f"{self._place(folder)}/{where}"
            if f"{where}/".startswith(self._folder):
                self.calls.append(f"{name} {where.removeprefix(self._folder)}")
                if len(self.calls) == self._stop_at:
                    self._write(self._say, json.dumps(self.calls[-1]).encode())
                    self._read(self._go, 1)
            return real(*args, **kwargs)

        return watched

    def _place(self, target: Any) -> str:
        if isinstance(target, int):
            try:
                return self._readlink(f"/proc/self/fd/{target}")
            except OSError:
                return ""
        text = os.fsdecode(target) if isinstance(target, bytes | str | os.PathLike) else ""
        lent = _LENT.fullmatch(text)
        return f"{self._place(int(lent[1]))}{lent[2]}" if lent else text


def hand_over(project: Path) -> str:
    """Plan and register as ``stilt run`` does, and end before a worker is started; return the batch."""
    handed: list[str] = []

    def wait(_: LocalBackend, what: Any) -> int:
        what.log.close()
        handed.append(what.manifest.batch)
        return 0

    LocalBackend.wait = wait  # type: ignore[method-assign]
    run(Request(project, n_workers=1, cpus=1), lambda _: None)
    return handed[0] if handed else ""


def run_here(project: Path) -> None:
    """Run ``stilt run`` to its end, its worker in this process."""
    batch = hand_over(project)
    if batch:
        ending = work(Layout.of(project), batch, 0)
        if ending.exit_code:
            raise AssertionError(f"the worker of {batch} ended with {ending}")


def pack(project: Path) -> None:
    """Archive what is complete, as ``stilt archive`` does."""
    from stilt.commands.archive import archive

    archive(Layout.of(project))


def die_after_registering(project: Path) -> None:
    """Hand over, and be gone before the batch is started."""

    def start(*_: object) -> None:
        os._exit(0)

    LocalBackend.start = start  # type: ignore[method-assign]
    run(Request(project, n_workers=1, cpus=1), lambda _: None)


def cancel(project: Path) -> None:
    """Say of the newest batch that it was cancelled, as ``stilt cancel`` does."""
    layout = Layout.of(project)
    batch = max(path.name for path in layout.chunks_dir.glob("0*"))
    seq = int(batch.partition("-")[0])
    log = SegmentWriter(layout.log_dir, batch, seq, writers.this_writer("cancel"))
    log.append(Cancelled(batch, 0.0), sync=True)
    log.close()


def be_the_older_worker(project: Path, batch: str, brake: Brake, scratch: Path) -> None:
    """Work on a batch as on a machine that was started anew since: everybody takes this worker for gone."""
    writers._boot_id = lambda: "an-earlier-boot"
    tempfile.tempdir = str(scratch)  # as on a machine of its own: nobody clears up there after it
    brake.watch()
    work(Layout.of(project), batch, 0)


def in_child(task: Callable[[], Any]) -> Any:
    """Return what a task returns, done in a process of its own."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.close(reading)
        status = 1
        try:
            answer = task()
            with os.fdopen(writing, "w") as out:
                json.dump(answer, out)
            status = 0
        except BaseException:  # noqa: BLE001 - the parent's loop is not this process's
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading) as answer:
        text = answer.read()
    _, status = os.wait()
    if os.waitstatus_to_exitcode(status):
        raise AssertionError("a process of the story failed; its words are above")
    return json.loads(text) if text else None


class Older:
    """The older worker, in a process of its own, stopped before one of its calls."""

    def __init__(self, project: Path, batch: str, stop_at: int) -> None:
        heard, say = os.pipe()
        go, self._go = os.pipe()
        scratch = project.parent / "scratch"
        scratch.mkdir(exist_ok=True)
        self.pid = os.fork()
        if self.pid == 0:
            os.close(heard)
            os.close(self._go)
            brake = Brake(project / "output", stop_at, say, go)
            status = 1
            try:
                be_the_older_worker(project, batch, brake, scratch)
                status = 0
            except BaseException:  # noqa: BLE001 - as above
                traceback.print_exc()
            finally:
                os._exit(status)
        os.close(say)
        os.close(go)
        with os.fdopen(heard, "rb", buffering=0) as words:
            said = words.read(1 << 16)
        self.stopped_before = json.loads(said) if said else ""

    def go_on(self) -> int:
        """Let it go on to its end, and return how it ended."""
        os.write(self._go, b".")
        return self.end()

    def end(self) -> int:
        """Return how it ended."""
        os.close(self._go)
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)


def served(project: Path) -> dict[str, Any]:
    """Return what Python, the plain names, status and verify give of a project."""
    import stilt
    from stilt.commands.verify import verify

    this = stilt.Project(project)
    status = this.status()
    said: dict[str, Any] = {
        "status": [status.complete, status.empty, status.stale, status.total],
        "verify": [broken.why for _, broken in verify(this.layout).broken],
        "plain": _plain_files(this.layout),
        "python": served_by_python(project),
    }
    return said


def served_by_python(project: Path) -> dict[str, Any]:
    """Return digests of what the Python interface gives, or the name of the error instead."""
    import stilt
    from stilt.foundations.errors import StiltError

    this = stilt.Project(project)
    asked = {
        "particles": lambda: this[SIM].particles().to_numpy().tobytes(),
        "footprint": lambda: this[SIM].footprint().to_numpy().tobytes(),
        "footprints": lambda: this.footprints().to_numpy().tobytes(),
    }
    if this.config.has_error_run:
        asked["error"] = lambda: this[SIM].particles(error=True).to_numpy().tobytes()
    answers = {}
    for what, ask in asked.items():
        try:
            answers[what] = _digest(ask())
        except StiltError as error:
            answers[what] = type(error).__name__
    return answers


def _plain_files(layout: Layout) -> dict[str, str]:
    files = [
        path
        for folder in (layout.particles_dir, layout.footprints_dir)
        for path in folder.rglob("*")
    ]
    return {
        layout.relative(path): _digest(path.read_bytes())
        for path in sorted(files)
        if path.is_file() and not path.name.startswith(".")
    }


def _digest(data: bytes) -> str:
    return blake2b(data, digest_size=8).hexdigest()


def left_over(project: Path) -> list[str]:
    """Return temporary files, and files with a writer in their name that are not what a plain name is."""
    files = [path for path in (project / "output").rglob(".*") if path.is_file()]
    return [
        path.name
        for path in files
        if not (plain := path.with_name(plain_and_imprint(path.name)[0])).exists()
        or plain == path
        or not plain.samefile(path)
    ]


class Stage:
    """One story, told for one thing that happens meanwhile.

    Attributes
    ----------
    project
        Where it is told, again and again from the same beginning.
    right
        What is to be served in the end, as a project serves it that never saw older settings.
    """

    def __init__(self, story: Story, meanwhile: str, folder: Path) -> None:
        self.story, self.meanwhile = story, meanwhile
        self.project = folder / "p"
        self._beginning = folder / "beginning"
        self._last = story.older if meanwhile == "taken-back" else story.newer
        folder.mkdir(parents=True)
        self._begin()
        story_of_right = folder / "right"
        self._write(story_of_right, self._last)
        in_child(lambda: run_here(story_of_right))
        if meanwhile == "archived":
            in_child(lambda: pack(story_of_right))
        self.right: dict[str, Any] = in_child(lambda: served(story_of_right))
        self._write(story_of_right, story.older)
        self.wrong: dict[str, Any] = {}
        if story.older != self._last:
            in_child(lambda: run_here(story_of_right))
            self.wrong = in_child(lambda: served_by_python(story_of_right))

    def _write(self, project: Path, settings: Settings) -> None:
        project.mkdir(exist_ok=True)
        settings.write(project)
        rows = "time,longitude,latitude,altitude\n2015-12-10 00:00,-112,40.5,5\n"
        (project / "receptors.csv").write_text(rows)

    def _begin(self) -> None:
        """Hand the older batch over, which nobody has begun yet."""
        if self.story.before is not None:
            self._write(self._beginning, self.story.before)
            in_child(lambda: run_here(self._beginning))
        self._write(self._beginning, self.story.older)
        self.batch: str = in_child(lambda: hand_over(self._beginning))

    def tell(self, stop_at: int) -> tuple[str, list[str]]:
        """Tell it with the older worker stopped before a call; return which that was, and what went wrong.

        The call is empty where the worker has ended before it came to so many.
        """
        shutil.rmtree(self.project, ignore_errors=True)
        subprocess.run(["cp", "-a", self._beginning, self.project], check=True)
        older = Older(self.project, self.batch, stop_at)
        if not older.stopped_before:
            return "", [f"the older worker ended with {status}"] if (status := older.end()) else []
        self._meanwhile()
        faults = in_child(lambda: self._served_older("before it went on"))
        status = older.go_on()
        if status:
            faults.append(f"the older worker ended with {status}")
        return older.stopped_before, faults + in_child(self._finish)

    def _finish(self) -> list[str]:
        """Run once more, and return what is wrong before and after that."""
        faults = self._served_older("after it went on")
        run_here(self.project)
        found = served(self.project)
        faults += [
            f"{what} is {found[what]}, not {right}"
            for what, right in self.right.items()
            if found[what] != right
        ]
        run_here(self.project)  # each run clears away what the one before it has taken the place of
        return faults + [f"left over: {name}" for name in left_over(self.project)]

    def _meanwhile(self) -> None:
        self._write(self.project, self.story.newer)
        if self.meanwhile in ENDED:
            in_child(lambda: run_here(self.project))
            if self.meanwhile == "archived":
                in_child(lambda: pack(self.project))
        else:
            in_child(lambda: die_after_registering(self.project))
        if self.meanwhile in {"cancelled", "taken-back"}:
            in_child(lambda: cancel(self.project))
        self._write(self.project, self._last)

    def _served_older(self, when: str) -> list[str]:
        """Return what of the older settings Python serves, where the newer batch is complete."""
        if self.meanwhile not in ENDED:
            return []
        right = self.right["python"]
        return [
            f"{what} of the older settings is served {when}"
            for what, answer in served_by_python(self.project).items()
            if answer == self.wrong.get(what) != right.get(what)
        ]


def tell_all(story: str, meanwhile: str, folder: Path) -> dict[str, Any]:
    """Tell a story for each boundary."""
    stage = Stage(STORIES[story], meanwhile, folder)
    calls: list[str] = []
    faults: dict[str, list[str]] = {}
    while True:
        call, wrong = stage.tell(len(calls) + 1)
        if not call:
            return {"calls": calls, "faults": faults}
        calls.append(call)
        if wrong:
            faults[f"{len(calls)} before {call}"] = wrong


def without_hard_links() -> None:
    """Let this filesystem have none."""

    def link(*_: object, **__: object) -> None:
        raise OSError(1, os.strerror(1))

    os.link = link


def main() -> None:
    for name in PRELOADED:
        importlib.import_module(name)
    importlib.import_module("xarray").backends.list_engines()
    lean_arrow.spare_pandas = lambda: None
    loop.Pool = OneProcess  # type: ignore[misc,assignment]
    from stilt.footprint.calc import warm
    from stilt.kernels.compiled import compile_ahead
    from stilt.particles import rounding

    compile_ahead(rounding)
    warm()
    gc.disable()  # what is loaded stays shared with the processes forked from here
    for line in sys.stdin:
        story, meanwhile, folder = line.rstrip("\n").split(" ", 2)
        pid = os.fork()
        if pid == 0:
            answer: dict[str, Any] = {}
            with contextlib.suppress(BaseException):
                try:
                    if not STORIES[story].has_links:
                        without_hard_links()
                    answer = tell_all(story, meanwhile, Path(folder))
                except BaseException:
                    traceback.print_exc()
                    raise
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()
            os._exit(0)
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
