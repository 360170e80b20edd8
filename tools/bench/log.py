"""What the log costs at a million simulations, beside the plain cost of the same bytes and beside SQLite.

    python tools/bench/log.py [--small] [--keep FOLDER]

Makes a project (receptors, a hand-over to a fake sbatch), lets the product's own writer write what a thousand
tasks would (without fsync, which would take minutes: durability is measured apart), and prints a table.
Where it loses: a table that one process has filled answers a count without reading what it was filled from, and
SQLite writes a group of events with one call. It could not be filled from a thousand nodes.
Every figure is a process of its own, so that memory is its own too. Shares of what a command may take are of its
CPU seconds, as others may use the machine. Standard output is Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random

FULL = (1_000_000, 1_000)
SMALL = (20_000, 50)
MEBI = 2**20
GROUP = 64
LEAST_RATE = 500_000

CONFIG = """\
mets:
  hrrr: {{directory: {folder}, file_format: "%Y%m%d_%H", file_tres: 6h}}
footprints:
  default: {{xmin: -113, xmax: -110.5, ymin: 40, ymax: 42, xres: 0.01, yres: 0.01}}
n_hours: -24
numpar: 200
model: {folder}/engine.py:engine
execution: {{backend: slurm, n_workers: {tasks}, cpus-per-task: 2, time: "00:20:00", mem: 2G}}
"""
ENGINE = """\
class Engine:
    name = "none"
    version = "1"

    def prepare(self, config):
        pass

    def run(self, simulation, config, workdir):
        raise NotImplementedError


engine = Engine()
"""
COMMANDS = {
    "sbatch": "echo 4711",
    "scontrol": 'echo "MaxArraySize = 20001"; echo "MaxJobCount = 50000"',
    "squeue": "true",
    "sacct": "true",
}


def make_project(folder: Path, sims: int, tasks: int) -> Path:
    """Write settings, receptors, an engine that does nothing and a fake Slurm; return the project."""
    project, commands = folder / "project", folder / "bin"
    project.mkdir()
    commands.mkdir()
    for name, does in COMMANDS.items():
        (commands / name).write_text(f"#!/bin/sh\n{does}\n")
        (commands / name).chmod(0o755)
    (folder / "engine.py").write_text(ENGINE)
    (project / "config.yaml").write_text(CONFIG.format(folder=folder, tasks=tasks))
    with (project / "receptors.csv").open("w") as file:
        file.write("time,longitude,latitude,altitude\n")
        for number in range(sims):
            day, minute = divmod(number // 4, 1440)
            when = f"2022-{1 + day // 28:02d}-{1 + day % 28:02d}T{minute // 60:02d}:{minute % 60:02d}:00Z"
            file.write(f"{when},{-112 + number % 4 * 0.25},40.5,{5 + number % 7}\n")
    os.environ["PATH"] = f"{commands}:{os.environ['PATH']}"
    return project


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process took."""

    wall_s: float
    cpu_s: float
    mib: float

    def __str__(self) -> str:
        return f"{self.wall_s:.2f} s ({self.cpu_s:.2f} s of CPU), {self.mib:.0f} MiB"

    def of(self, cpu_s: float, mib: float) -> str:
        """Say what it took, and which share that is of what it may take."""
        return f"{self}: {self.cpu_s / cpu_s:.2f} of {cpu_s:g} s, {self.mib / mib:.2f} of {mib} MiB"


def stilt(*arguments: str | Path) -> tuple[Cost, str]:
    """Run the product's command; return what it cost and what it printed."""
    return timed([sys.executable, "-m", "stilt", *map(str, arguments)])


def timed(command: list[str]) -> tuple[Cost, str]:
    """Run a command; return what it cost and what it printed."""
    with tempfile.TemporaryFile("w+") as out:
        begin = time.perf_counter()
        process = subprocess.Popen(command, stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in {0, 1, 3}:
            raise SystemExit(f"{command} ended with {process.returncode}")
        out.seek(0)
        cpu = usage.ru_utime + usage.ru_stime
        return Cost(seconds, cpu, usage.ru_maxrss / 1024), out.read()


def write_segments(project: Path) -> None:
    """Write what the tasks of the project's newest batch would, each simulation begun and ended."""
    import msgspec

    from stilt.batch.chunks import read_chunk
    from stilt.batch.manifest import read_manifest
    from stilt.foundations.writers import this_writer
    from stilt.log.events import Done, Started
    from stilt.log.writer import SegmentWriter

    manifest_path = max((project / "output" / "chunks").glob("*/batch.json"))
    manifest = read_manifest(manifest_path)
    rng = Random(1)  # noqa: S311 - nothing secret
    clock = 1_760_000_000.0
    os.fsync = lambda _descriptor: None
    for task, ref in enumerate(manifest.chunks):
        entries = read_chunk(manifest_path.parent / f"{ref.digest}.json").simulations
        cuts = [0, len(entries) // 3, len(entries)] if task % 4 == 0 else [0, len(entries)]
        for attempt, (first, last) in enumerate(pairwise(cuts), 1):
            imprint = f"{manifest.seq:04d}-{attempt:02d}-{task:08x}"
            writer = SegmentWriter(
                project / "output" / "log",
                manifest.batch,
                manifest.seq,
                msgspec.structs.replace(this_writer("worker", task, attempt), job=f"4711_{task}"),
                transport=manifest.transports,
                footprints=manifest.footprints,
                engine=manifest.identity,
                imprint=imprint,
            )
            at = clock + task
            for entry in entries[first:last]:
                receptor = entry.receptor.digest
                writer.append(Started(entry.sim, round(at, 3), entry.met, receptor))
                at += 21 + 8 * rng.random()
                ended = ending(Done, entry.sim, round(at, 3), rng, imprint)
                made_for = {"met": entry.met, "receptor": receptor}
                writer.append(msgspec.structs.replace(ended, **made_for))
            if attempt < len(cuts) - 1:
                writer.append(
                    Started(entries[last].sim, at), Done(entries[last].sim, "interrupted", at)
                )
            writer.close("SIGTERM" if attempt < len(cuts) - 1 else "finished")


def ending(done, sim: str, at: float, rng: Random, imprint: str = "0001-01-00000000"):  # noqa: ANN001, ANN201 - a Struct that only the child imports
    """Return how a simulation ended: one in a hundred failed."""
    from stilt.log.events import Output

    wall, rss = round(20 + 8 * rng.random(), 2), rng.randrange(80 * MEBI, 400 * MEBI)
    if rng.random() < 0.01:
        why = f"no met file for {sim[5:15]}"
        return done(sim, "failed", at, wall, rss, reason="MET_MISSING", message=why)
    day = f"{sim[5:9]}-{sim[9:11]}-{sim[11:13]}"
    outputs = (
        Output(
            f"particles/{day}/.{sim}.parquet.{imprint}",
            rng.randrange(10**6),
            f"{rng.getrandbits(128):032x}",
        ),
        Output(
            f"footprints/default/{day}/.{sim}.nc.{imprint}",
            rng.randrange(10**5),
            f"{rng.getrandbits(128):032x}",
        ),
    )
    return done(sim, "complete", at, wall, rss, outputs)


def warm(_folder: Path) -> dict[str, float]:
    """Compile what reads long logs."""
    from stilt.kernels.compiled import compile_ahead
    from stilt.log.bulk import kernels

    compile_ahead(kernels)
    return {}


def plain(project: Path) -> dict[str, float]:
    """Read and decode the same bytes with msgspec and nothing else: no checksum, no numbers, no state."""
    import gc

    import msgspec

    from stilt.log.events import Event

    gc.disable()
    decode = msgspec.json.Decoder(list[int | Event]).decode
    events = 0
    begin = time.process_time()
    for path in sorted((project / "output" / "log").glob("*/*.log")):
        for line in path.read_bytes().split(b"\n")[:-1]:
            events += len(decode(line[9:])) - 1
    return {"events": events, "cpu_s": time.process_time() - begin}


def fold(project: Path) -> dict[str, float]:
    """Fold the log afresh, as ``log replay`` does."""
    from stilt.log.index import OutputIndex

    begin = time.process_time()
    state = OutputIndex(project / "output" / "log").fold(use_checkpoint=False)
    return {
        "events": state.events,
        "cpu_s": time.process_time() - begin,
        "segments": state.segments,
    }


def counted(project: Path) -> dict[str, float]:
    """Count states from the checkpoint."""
    from stilt.log.index import OutputIndex

    begin = time.process_time()
    states = OutputIndex(project / "output" / "log").fold().tally()
    return {"cpu_s": time.process_time() - begin, "states": len(states)}


def sqlite_count(project: Path) -> dict[str, float]:
    """Put the same events into a table of SQLite, without durability, and count states from it."""
    import msgspec

    from stilt.log.events import Done, Event, Started

    database = sqlite3.connect(project / "events.sqlite")
    database.executescript(
        "pragma journal_mode = off; pragma synchronous = off;"
        "create table event (sim text, attempt int, phase int, at real, outcome text, wall_s real, rss int,"
        " outputs text)"
    )
    decode = msgspec.json.Decoder(list[int | Event]).decode
    for path in sorted((project / "output" / "log").glob("*/*.log")):
        lines = [decode(line[9:])[1:] for line in path.read_bytes().split(b"\n")[:-1]]
        attempt = lines[0][0].writer.attempt
        rows = []
        for event in (event for line in lines for event in line):
            if isinstance(event, Started):
                rows.append((event.sim, attempt, 0, event.at, "running", 0, 0, ""))
            elif isinstance(event, Done):
                outputs = msgspec.json.encode(event.outputs).decode()
                phase = 2 if event.outcome in {"complete", "empty"} else 1
                rows.append((event.sim, attempt, phase, event.at, event.outcome, event.wall_s,
                             event.peak_rss_bytes, outputs))  # fmt: skip
        database.executemany("insert into event values (?,?,?,?,?,?,?,?)", rows)
    database.commit()
    begin = time.process_time()
    query = (
        "select outcome, count(*) from (select sim, outcome, max(phase * 1000 + attempt) from event group by sim)"
        " group by outcome"
    )
    counts = dict(database.execute(query).fetchall())
    seconds = time.process_time() - begin
    database.execute("create index of_sim on event (sim, phase, attempt, outcome)")
    database.commit()
    begin = time.process_time()
    database.execute(query).fetchall()
    indexed = time.process_time() - begin
    return {"count_s": seconds, "indexed_s": indexed, "mib": database_size(project), **counts}


def database_size(project: Path) -> float:
    """Return MiB."""
    return (project / "events.sqlite").stat().st_size / MEBI


def durable(folder: Path, rounds: int) -> dict[str, float]:
    """Time one durable append: bare write and fsync, the product's, SQLite's; taken in turns."""
    from stilt.foundations.writers import this_writer
    from stilt.log.events import Done
    from stilt.log.writer import SegmentWriter

    rng = Random(2)  # noqa: S311
    writer = SegmentWriter(folder / "log", "b", 1, this_writer("worker", 0, 1))
    database = open_durable(folder / "one.sqlite")
    bare = os.open(folder / "bare", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    event = ending(Done, "hrrr_202201010000_-112_40.5_5", 1.7e9, rng)
    writer.append(event, sync=True)
    line = writer.path.read_bytes().splitlines(keepends=True)[-1]
    writes = {
        "bare": lambda: (os.write(bare, line), os.fsync(bare)),
        "stilt": lambda: writer.append(event, sync=True),
        "sqlite": lambda: insert(database, [line]),
    }
    taken: dict[str, list[float]] = {name: [] for name in writes}
    for _ in range(rounds):
        for name, write in writes.items():
            begin = time.perf_counter()
            write()
            taken[name].append(time.perf_counter() - begin)
    return {name: statistics.median(seconds) * 1e3 for name, seconds in taken.items()}


def grouped(folder: Path, events: int) -> dict[str, float]:
    """Append events one by one, synced in groups of 64, and the same to SQLite."""
    from stilt.foundations.writers import this_writer
    from stilt.log.events import Done
    from stilt.log.writer import SegmentWriter

    rng = Random(3)  # noqa: S311
    made = [ending(Done, f"hrrr_2022010100{n:02d}_-112_40.5_5", 1.7e9, rng) for n in range(60)]
    writer = SegmentWriter(folder / "log2", "b", 1, this_writer("worker", 0, 1))
    begin = time.perf_counter()
    for number in range(events):
        writer.append(made[number % 60])
    writer.sync()
    ours = events / (time.perf_counter() - begin)
    lines = writer.path.read_bytes().splitlines(keepends=True)[1:]
    database = open_durable(folder / "group.sqlite")
    begin = time.perf_counter()
    for first in range(0, events, GROUP):
        insert(database, lines[first : first + GROUP])
    return {"stilt": ours, "sqlite": events / (time.perf_counter() - begin)}


def open_durable(path: Path) -> sqlite3.Connection:
    """Open a database that is as durable as the log: what is committed survives a power cut."""
    database = sqlite3.connect(path, isolation_level=None)
    database.executescript(
        "pragma journal_mode = wal; pragma synchronous = full; create table event (line text)"
    )
    return database


def insert(database: sqlite3.Connection, lines: list[bytes]) -> None:
    """Insert lines in one transaction."""
    database.execute("begin")
    database.executemany("insert into event values (?)", [(line.decode(),) for line in lines])
    database.execute("commit")


CHILDREN = {
    "warm": warm,
    "write": write_segments,
    "plain": plain,
    "fold": fold,
    "counted": counted,
    "sqlite": sqlite_count,
}


def child(name: str, project: Path) -> tuple[Cost, dict[str, float]]:
    """Run one of the measurements in a process of its own."""
    cost, out = timed([sys.executable, __file__, "--child", name, str(project)])
    return cost, json.loads(out or "{}")


def measure(folder: Path, sims: int, tasks: int) -> None:
    """Measure everything and print the table."""
    (folder / "warm").mkdir()
    stilt("run", make_project(folder / "warm", 4, 1))  # a first run compiles footprint kernels
    child("warm", folder)  # and a first long one what reads the log
    project = make_project(folder, sims, tasks)
    log_dir = project / "output" / "log"
    cost, _ = stilt("run", project)
    print(
        f"\n{sims:,} simulations, {tasks:,} tasks; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n"
    )
    print("| what | result |\n|---|---|")
    row("`stilt run` up to a fake sbatch", cost.of(30, 1024))
    child("write", project)
    size = sum(path.stat().st_size for path in log_dir.glob("*/*.log")) / MEBI
    cost, folded = child("fold", project)
    _, bare = child("plain", project)
    rate = folded["events"] / folded["cpu_s"]
    row(
        "the log", f"{folded['events']:,} events in {folded['segments']:,} segments, {size:.0f} MiB"
    )
    row(
        "replay, one core",
        f"{rate:,.0f} events/s of CPU: {rate / LEAST_RATE:.2f} times {LEAST_RATE:,}; {cost}",
    )
    row(
        "... to plain read and msgspec decode",
        f"{folded['cpu_s'] / bare['cpu_s']:.2f} times its CPU",
    )
    for title, seconds in (("from nothing, leaving a checkpoint", 5), ("with the checkpoint", 0.5)):
        cost, out = stilt("status", "--json", "--no-slurm", project)
        row(f"`stilt status --json` {title}", cost.of(seconds, 500))
    said = json.loads(out)
    row(
        "... which says",
        ", ".join(f"{key} {said[key]:,}" for key in ("total", "complete", "failed", "events")),
    )
    cost, _ = stilt("log", "replay", "--json", project)
    row("`stilt log replay --json`", str(cost))
    _, table = child("sqlite", project)
    _, cached = child("counted", project)
    row("SQLite, the same events in a table", f"{table['mib']:.0f} MiB")
    against("counting states from nothing, CPU s", folded["cpu_s"], table["count_s"])
    against(
        "counting states, with checkpoint and index, CPU s", cached["cpu_s"], table["indexed_s"]
    )


def measure_durability(folder: Path, rounds: int, events: int) -> None:
    """Measure appends and print their rows."""
    once = durable(folder, rounds)
    ratio = once["stilt"] / once["bare"]
    row("one durable append", f"{ratio:.2f} times bare write and fsync ({once['bare']:.2f} ms)")
    against("one durable append, ms", once["stilt"], once["sqlite"])
    group = grouped(folder, events)
    row(f"durable in groups of {GROUP}, one writer", f"{group['stilt']:,.0f} events/s")
    against(
        f"durable in groups of {GROUP}, ms an event", 1e3 / group["stilt"], 1e3 / group["sqlite"]
    )


def against(what: str, ours: float, sqlite: float) -> None:
    """Print a comparison with SQLite, and who loses."""
    verdict = "slower than" if ours > sqlite else "as fast as" if ours == sqlite else "faster than"
    times = max(ours, sqlite) / min(ours, sqlite)
    row(what, f"{ours:.3g}; SQLite {sqlite:.3g}: {times:.1f} times {verdict} SQLite")


def row(what: str, result: str) -> None:
    """Print a row of the table."""
    print(f"| {what} | {result} |", flush=True)


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--small", action="store_true", help="a fiftieth of the size, in seconds")
    parser.add_argument("--keep", type=Path, help="work in this folder, and leave it")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        name, project = options.child
        result = CHILDREN[name](Path(project))
        print(json.dumps(result or {}))
        return
    folder = options.keep or Path(tempfile.mkdtemp(prefix="stilt-bench-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        measure(folder.resolve(), *(SMALL if options.small else FULL))
        measure_durability(folder, 60 if options.small else 300, 2_000 if options.small else 20_000)
    finally:
        if not options.keep:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
