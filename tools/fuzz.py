#!/usr/bin/env python3
"""Give hostile logs, manifests, chunks, checkpoints, settings, receptors and outputs to everything that reads them.

    tools/fuzz.py                         1,000 cases through the readers
    tools/fuzz.py --cases 50000 --seed 7
    tools/fuzz.py --commands --cases 200  through the real commands, which print

Each case is made from its number and the seed, so that one that fails can be had again: --first N --cases 1. Children
have limits of CPU and memory. A case fails if a reader raises anything but stilt's own errors, a command ends with an
internal error or prints a control character, a limit is reached, or a file outside the output root is changed.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import zlib
from collections.abc import Callable, Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout, suppress
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from stilt.foundations.errors import StiltError
from tests.hostile import cases
from tests.projects import FOOTPRINT, make_project

CPU_S, MEMORY_BYTES, BATCH = 60, 2 << 30, 50
PROGRESS = 500
KINDS = (
    "log",
    "lines",
    "manifest",
    "chunk",
    "checkpoint",
    "config",
    "receptors",
    "output",
    "place",
    *cases.MAKERS,
)
COMMANDS = (
    "status --no-slurm", "status --failed", "status --json --no-slurm", "log show", "log replay",
    "log replay --sim fake_x", "logs fake_", "verify", "archive --dry-run", "archive", "report",
    "run --dry-run", "check", "met",
)  # fmt: skip
SAFE = set("\n\t")
NUMBERS = (
    0,
    -1,
    1,
    1e300,
    -1e300,
    1e-300,
    10**12,
    2**63,
    2**64,
    10**400,
    253402300800,
    1.5,
    True,
    None,
)
TEXTS = (
    "", ".", "..", "../../../outside/x", "/etc/passwd", "a\0b", "\x1b]0;t\x07", "\x9b2J", "\u202e", "\ud800",
    "M" * 100_000, "-u root", "--all", "\n", "<script>", "%s%n", "0002-b", "fake_x", "a/b", "~", "$(id)",
)  # fmt: skip


def main() -> int:
    """Run the cases and say which failed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--commands", action="store_true")
    given = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="stilt-fuzz-") as folder:
        base = make_base(Path(folder))
        numbers = range(given.first, given.first + given.cases)
        size = 1 if given.commands else BATCH
        failed = []
        for start in range(0, len(numbers), size):
            failed += run_batch(base, given.seed, numbers[start : start + size], given.commands)
            done = min(start + size, len(numbers))
            if done % PROGRESS == 0:
                print(
                    f"{done:,} cases, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True
                )
    print(f"{given.cases:,} cases, {len(failed)} failed, {time.monotonic() - began:.0f} s")
    return bool(failed)


def make_base(folder: Path) -> Path:
    """Make a project that was run, and a file beside it that nothing may change."""
    base = folder / "base"
    project = make_project(base / "p", (5, 9001), footprints=f"{{fine: {FOOTPRINT}}}")
    project.stilt("run")
    shutil.rmtree(project.scratch)
    (base / "outside").mkdir()
    (base / "outside" / "x").write_text("precious")
    ask_readers(base / "p", chance_of("first"))  # what children would each load is loaded
    return base


def run_batch(base: Path, seed: int, numbers: range, commands: bool) -> list[int]:
    """Run cases in a child; where it does not end well, each of them in one of its own."""
    said = in_child(lambda: [run_case(base, seed, number, commands) for number in numbers])
    if not said:
        return []
    if len(numbers) > 1:
        return [bad for n in numbers for bad in run_batch(base, seed, range(n, n + 1), commands)]
    print(f"case {numbers[0]} ({kind_of(seed, numbers[0])}): {said}", flush=True)
    return [numbers[0]]


def in_child(work: Callable[[], object]) -> str:
    """Do something in a child with limits; return what went wrong."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        limit()
        try:
            work()
        except BaseException:  # noqa: BLE001 - that is what is looked for
            with suppress(OSError):
                os.write(writing, traceback.format_exc()[-3000:].encode(errors="replace"))
            os._exit(1)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode()
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return f"ended by {signal.Signals(os.WTERMSIG(status)).name}"
    return said


def limit() -> None:
    """Bound this process, and what it waits for; memory beyond what its parent had when it forked."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    most = (
        int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + MEMORY_BYTES
    )
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(20 * CPU_S)


def chance_of(seed: str) -> random.Random:
    """Return random numbers that are the same for the same seed."""
    return random.Random(seed)  # noqa: S311 - nothing secret


def kind_of(seed: int, number: int) -> str:
    """Return what a case is about."""
    return chance_of(f"{seed}-{number}-kind").choice(KINDS)


def run_case(base: Path, seed: int, number: int, commands: bool) -> None:
    """Make the case, and have it read."""
    chance = chance_of(f"{seed}-{number}")
    with tempfile.TemporaryDirectory(prefix="case-", dir=base.parent) as folder:
        place = Path(folder) / "c"
        shutil.copytree(base, place, symlinks=True)
        project = place / "p"
        with chdir(folder):  # hypothesis keeps things in a folder here
            MAKERS[kind_of(seed, number)](project, chance)
        before = kept(place)
        (ask_commands if commands else ask_readers)(project, chance)
        if kept(place) != before:
            raise AssertionError("a file outside of the output root was changed")


def kept(place: Path) -> dict[str, object]:
    """Return what must stay as it is: all but the output root and what reports and pictures are written to."""
    return {
        str(path.relative_to(place)): path.read_bytes() if path.is_file() else None
        for path in sorted(place.rglob("*"))
        if "output" not in path.parts
        and path.suffix not in {".html", ".png"}
        and not path.is_fifo()
    }


def odd(chance: random.Random, depth: int = 0) -> Any:
    """Return a value of any kind."""
    roll = chance.random()
    if roll < 0.4:
        return chance.choice(NUMBERS)
    if roll < 0.85 or depth > 3:
        return chance.choice(TEXTS)
    if roll < 0.9:
        return json.loads("[" * 900 + "]" * 900)
    parts = [odd(chance, depth + 1) for _ in range(chance.randrange(4))]
    return parts if roll < 0.95 else {str(n): part for n, part in enumerate(parts)}


def spoil(value: Any, chance: random.Random) -> Any:
    """Change one thing somewhere in a value."""
    if isinstance(value, dict) and value and chance.random() < 0.9:
        key = chance.choice(list(value))
        return {**value, key: spoil(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.9:
        place = chance.randrange(len(value))
        return [*value[:place], spoil(value[place], chance), *value[place + 1 :]]
    return odd(chance)


EVENTS: tuple[dict[str, Any], ...] = (
    {"event": "pending", "chunk": "0" * 32, "count": 2, "batch": "0002-b", "seq": 2, "at": 1.7e9, "task": 0},
    {"event": "submitting", "batch": "0002-b", "token": "t", "at": 1.7e9, "first_task": 0, "tasks": 2},
    {"event": "submitted", "batch": "0002-b", "token": "t", "job": "12", "at": 1.7e9, "cluster": ""},
    {"event": "started", "sim": "fake_x", "at": 1.7e9},
    {
        "event": "done", "sim": "fake_x", "outcome": "complete", "at": 1.7e9, "wall_s": 1.0,
        "peak_rss_bytes": 10, "reason": "", "message": "",
        "outputs": [{"path": "particles/2015-12-10/x.parquet", "size": 1, "digest": "0" * 32}],
    },
    {"event": "done", "sim": "fake_y", "outcome": "failed", "at": 1.7e9, "reason": "R", "message": "M"},
    {"event": "cancelled", "batch": "0002-b", "at": 1.7e9, "jobs": ["12"]},
    {"event": "invalid", "sim": "fake_x", "path": "p", "why": "w", "batch": "0002-b", "seq": 2, "at": 1.7e9},
    {
        "event": "archived", "product": "particles", "path": "archive/particles/x", "count": 1, "size": 1,
        "digest": "0" * 32, "at": 1.7e9,
    },
    {"event": "closed", "at": 1.7e9, "why": "finished"},
)  # fmt: skip
HEADER: dict[str, Any] = {
    "event": "segment", "major": 1, "minor": 1, "batch": "0002-b", "seq": 2, "at": 1.7e9, "stilt": "1",
    "writer": {"role": "worker", "host": "h", "pid": 1, "task": 0, "attempt": 1, "node": "n", "user": "u"},
    "transport": {"fake": "d"}, "footprints": {"fine": "d"},
}  # fmt: skip


def make_log(project: Path, chance: random.Random) -> None:
    """Write a segment whose lines hold, with odd values in it."""
    events = [HEADER, *(dict(chance.choice(EVENTS)) for _ in range(chance.randrange(1, 6)))]
    place = (
        chance.randrange(len(events)) if chance.random() < 0.2 else chance.randrange(1, len(events))
    )
    events[place] = spoil(events[place], chance)
    lines = [json.dumps([number, event]).encode() for number, event in enumerate(events)]
    folder = project / "output" / "log" / "0002-b"
    folder.mkdir(parents=True)
    name = chance.choice(["worker-t00000-a01-s00002-h-1-aa.log", "x.log", "run-s00002-h-1-aa.log"])
    (folder / name).write_bytes(b"".join(b"%08x %b\n" % (zlib.crc32(x), x) for x in lines))


def mutate(path: Path, chance: random.Random) -> None:
    """Change bytes of a file."""
    data = bytearray(path.read_bytes())
    for _ in range(chance.randrange(1, 8)):
        place = chance.randrange(len(data) + 1)
        what = chance.randrange(4)
        if what == 0 and data:
            data[place % len(data)] = chance.randrange(256)
        elif what == 1:
            del data[place : place + chance.randrange(1, 50)]
        elif what == 2:
            data[place:place] = chance.randbytes(chance.randrange(1, 20))
        else:
            data[place:] = b""
    path.write_bytes(data)


def some(project: Path, chance: random.Random, *patterns: str) -> Path | None:
    """Return one of the files that patterns name."""
    found = sorted(path for pattern in patterns for path in project.glob(pattern) if path.is_file())
    return chance.choice(found) if found else None


def of_bytes(*patterns: str) -> Callable[[Path, random.Random], None]:
    """Return what mutates bytes of one of the files that patterns name."""

    def make(project: Path, chance: random.Random) -> None:
        path = some(project, chance, *patterns)
        if path is not None:
            mutate(path, chance)

    return make


def make_json(pattern: str) -> Callable[[Path, random.Random], None]:
    """Return what puts odd values into a JSON file, or changes its bytes."""

    def make(project: Path, chance: random.Random) -> None:
        path = some(project, chance, pattern)
        if path is None:
            return
        if chance.random() < 0.2:
            mutate(path, chance)
        else:
            path.write_text(json.dumps(spoil(json.loads(path.read_text()), chance)))

    return make


def make_checkpoint(project: Path, chance: random.Random) -> None:
    """Leave a checkpoint that does not fit, or is none."""
    from stilt.log import checkpoint
    from stilt.log.index import OutputIndex

    path = project / "output" / "log" / "checkpoint"
    checkpoint.save(path, OutputIndex(path.parent).fold(use_checkpoint=False))
    mutate(path, chance)


def make_config(project: Path, chance: random.Random) -> None:
    """Put an odd value into the settings."""
    path = project / "config.yaml"
    lines = path.read_text().splitlines()
    value = chance.choice([chance.choice(NUMBERS), chance.choice(TEXTS), "9" * 5000, "[" * 50])
    place = chance.randrange(len(lines))
    head = lines[place].partition(":")[0]
    lines[place] = chance.choice([f"{head}: {value}", f"{lines[place]}{value}", f"{value}: {head}"])
    path.write_text("\n".join(lines), encoding="utf-8", errors="replace")


def make_receptors(project: Path, chance: random.Random) -> None:
    """Put an odd value into the receptors."""
    path = project / "receptors.csv"
    rows = [line.split(",") for line in path.read_text().splitlines()]
    row = chance.choice(rows)
    row[chance.randrange(len(row))] = str(chance.choice([*NUMBERS, *TEXTS, "9" * 5000]))
    path.write_text("\n".join(map(",".join, rows)), encoding="utf-8", errors="replace")


def make_place(project: Path, chance: random.Random) -> None:
    """Put what is no file in the place of a file."""
    path = some(
        project,
        chance,
        "output/**/*.parquet",
        "output/**/*.nc",
        "output/**/*.log",
        "output/**/*.json",
    )
    if path is None:
        return
    path.unlink()
    what = chance.randrange(4)
    if what == 0:
        os.mkfifo(path)
    elif what == 1:
        path.mkdir()
    else:
        path.symlink_to("/dev/zero" if what == 2 else project.parent / "outside" / "x")


MAKERS: dict[str, Callable[[Path, random.Random], None]] = {
    "log": make_log,
    "lines": of_bytes("output/log/*/*.log"),
    "manifest": make_json("output/chunks/*/batch.json"),
    "chunk": make_json("output/chunks/*/[0-9a-f]*.json"),
    "checkpoint": make_checkpoint,
    "config": make_config,
    "receptors": make_receptors,
    "output": of_bytes("output/particles/*/*", "output/footprints/*/*/*", "output/logs/*/*"),
    "place": make_place,
    **cases.MAKERS,
}


def ask_commands(project: Path, chance: random.Random) -> None:
    """Give the case to real commands."""
    from stilt.cli.program import EXIT_INTERNAL
    from stilt.cli.program import main as stilt

    for command in chance.sample(COMMANDS, 3):
        out = io.StringIO()
        code: object = 0
        with chdir(project), redirect_stdout(out), redirect_stderr(out):
            try:
                stilt([*command.split(), "--debug"])
            except SystemExit as error:
                code = error.code
        said = out.getvalue()
        bad = sorted({char for char in said if not char.isprintable()} - SAFE)
        if code == EXIT_INTERNAL or bad:
            raise AssertionError(f"stilt {command}: exit {code}, {bad}, {said[-2500:]}")


def ask_readers(project: Path, _chance: random.Random) -> None:
    """Give the case to all that reads."""
    for readers in READERS.values():
        for read in readers(project):
            with suppress(StiltError):
                read()


Readers = Iterator[Callable[[], object]]


def of_log(project: Path) -> Readers:
    """Yield what reads logs, checkpoints and batches."""
    from stilt.batch.chunks import read_chunk
    from stilt.batch.manifest import read_manifest
    from stilt.foundations.paths import Layout
    from stilt.log.index import OutputIndex
    from stilt.status import failed, screen
    from stilt.status.gather import gather
    from stilt.status.history import history, render
    from stilt.status.opened import open_project
    from stilt.status.stream import events

    layout = Layout.of(project)
    yield lambda: OutputIndex(layout.log_dir).fold()
    yield lambda: list(events(layout.log_dir))
    yield lambda: screen.render(gather(open_project(project), ask_slurm=False))
    yield lambda: failed.render(failed.failures(open_project(project)), 80)
    yield lambda: render(history(open_project(project), "fake_x"))
    for path in layout.chunks_dir.glob("*/*.json"):
        yield partial(read_manifest if path.name == "batch.json" else read_chunk, path)


def of_inputs(project: Path) -> Readers:
    """Yield what reads settings and receptors."""
    from stilt.config.load import load_config
    from stilt.foundations.paths import Layout
    from stilt.receptors import read_receptors

    layout = Layout.of(project)
    yield lambda: load_config(layout.config_file)
    yield lambda: read_receptors(layout.receptors_file, ["fake"])


def of_outputs(project: Path) -> Readers:
    """Yield what reads particles and footprints."""
    from stilt.api.project import Project
    from stilt.commands.verify import verify
    from stilt.foundations.paths import Layout

    yield lambda: verify(Layout.of(project))
    yield lambda: [result.particles() for result in Project(project)]
    yield lambda: [result.footprint() for result in Project(project)]


READERS: dict[str, Callable[[Path], Readers]] = {
    "log": of_log,
    "inputs": of_inputs,
    "outputs": of_outputs,
}


if __name__ == "__main__":
    sys.exit(main())
