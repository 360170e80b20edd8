"""A run that is not whole is a failure with a reason, whatever hycs_std says of it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from stilt.config.load import parse_config
from stilt.foundations.errors import EnvironmentFailure
from stilt.foundations.failures import Reason, TransportError
from stilt.foundations.simulation import Receptor, Simulation
from stilt.transport.hysplit import process
from stilt.transport.hysplit.engine import HysplitEngine
from tests.hysplit.reference_cases import case
from tests.projects import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stilt.config.schema import Config
    from stilt.transport.hysplit.locate import Installation

pytestmark = pytest.mark.hysplit

NAME = "hycs_std"
RECEPTOR = Receptor("199510171800", (-90.0,), (40.0,), (10.0,))
SIMULATION = Simulation("ngm_199510171800_-90_40_10", "ngm", RECEPTOR)


def config(directory: Path, **settings) -> Config:
    met = {"directory": str(directory), "file_format": "oct1618.BIN", "file_tres": "6h"}
    defaults = {"n_hours": -1, "numpar": 10}
    text = json.dumps({"mets": {"ngm": met}, **defaults, **settings}, ensure_ascii=False)
    return parse_config(text, "config.yaml")


def failure(
    engine: HysplitEngine, settings: Config, workdir: Path, sim=SIMULATION
) -> TransportError:
    with pytest.raises(TransportError) as caught:
        engine.run(sim, settings, workdir)
    assert "\n" not in caught.value.message
    return caught.value


def running() -> list[int]:
    """Pids of every process whose program is called hycs_std."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and (entry / "comm").read_text().strip() == NAME:
                found.append(int(entry.name))
    return found


def own_children() -> list[int]:
    return [pid for pid in running() if _parent(pid) == os.getpid()]


def _parent(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    return 0


def the_only(find: Callable[[], list[int]]) -> int:
    """Wait for the one process that is to come."""
    wait_until(find, "hycs_std has started")
    [pid] = find()
    return pid


def is_at_work(pid: int) -> bool:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    ticks = int(fields[11]) + int(fields[12])
    return ticks > 20


@pytest.fixture
def engine(hysplit: Installation) -> HysplitEngine:
    return HysplitEngine(str(hysplit.exe.parent))


@pytest.fixture(autouse=True)
def nothing_is_left_running() -> Iterator[None]:
    yield
    assert own_children() == []


# Real ends of a real hycs_std


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_a_kill_in_the_middle_is_a_failure_that_names_the_signal(
    engine: HysplitEngine, ngm: Path, tmp_path: Path, number: signal.Signals
) -> None:
    def strike() -> None:
        pid = the_only(own_children)
        wait_until(lambda: is_at_work(pid), "hycs_std has worked for a while")
        os.kill(pid, number)

    striker = threading.Thread(target=strike)
    striker.start()
    found = failure(engine, config(ngm.parent, n_hours=-24, numpar=200), tmp_path)
    striker.join()
    assert found.reason is Reason.KILLED
    assert number.name in found.message
    assert "MiB" in found.message


def test_a_run_that_takes_too_long_is_stopped_and_is_a_failure(
    engine: HysplitEngine, ngm: Path, tmp_path: Path
) -> None:
    given = case("97_timeout")
    settings = given.config(ngm.parent, execution={"timeout": 1})
    found = failure(engine, settings, tmp_path, given.simulation)
    assert found.reason is Reason.TIMEOUT
    assert "execution.timeout" in found.message
    assert "min into the run" in found.message


def test_a_receptor_outside_of_the_grid_is_called_that(
    engine: HysplitEngine, ngm: Path, tmp_path: Path
) -> None:
    given = case("92_fail_location_outside")
    found = failure(engine, given.config(ngm.parent), tmp_path, given.simulation)
    assert found.reason is Reason.BAD_RECEPTOR
    assert "outside of the meteorology's grid" in found.message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("90_fail_time_outside", Reason.MET_COVERAGE),
        ("91_met_ends_early", Reason.MET_COVERAGE),
        ("93_fail_no_met_file", Reason.MET_MISSING),
    ],
)
def test_meteorology_that_is_missing_or_short_is_found_before_the_run(
    engine: HysplitEngine, ngm: Path, tmp_path: Path, name: str, reason: Reason
) -> None:
    given = case(name)
    found = failure(engine, given.config(ngm.parent), tmp_path, given.simulation)
    assert found.reason is reason
    assert str(given.simulation.receptor.when.year) in found.message
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def unreadable_to_us(ngm: Path, tmp_path: Path) -> Callable[..., Path]:
    """Meteorology that hycs_std reads and our reader of headers does not: its coverage is not known."""

    def write(first_byte: int = 0) -> Path:
        folder = tmp_path / "met"
        folder.mkdir()
        (folder / "oct1618.BIN").write_bytes(
            ngm.read_bytes()[first_byte:] + b"a tail of another kind" * 10
        )
        return folder

    return write


def test_meteorology_that_only_hysplit_can_read_is_used(
    engine: HysplitEngine, unreadable_to_us: Callable[..., Path], tmp_path: Path
) -> None:
    result = engine.run(SIMULATION, config(unreadable_to_us()), tmp_path)
    assert len(result.particles) == 600


@pytest.mark.parametrize(
    ("name", "ends"),
    [("90_fail_time_outside", ""), ("91_met_ends_early", "360 of 1440 min")],
)
def test_meteorology_that_ends_in_the_middle_is_a_failure(
    engine: HysplitEngine,
    unreadable_to_us: Callable[..., Path],
    tmp_path: Path,
    name: str,
    ends: str,
) -> None:
    given = case(name)
    settings = given.config(unreadable_to_us(), numpar=10)
    found = failure(engine, settings, tmp_path, given.simulation)
    assert found.reason is Reason.MET_COVERAGE
    assert ends in found.message
    assert "metpos" in found.log


def test_meteorology_that_ends_after_particles_left_the_domain_is_a_failure(
    engine: HysplitEngine, unreadable_to_us: Callable[..., Path], tmp_path: Path
) -> None:
    """hycs_std warns once only, and then of the particles that left: it does not say that its input ended."""
    records_per_time = 62
    given = case("30_edge")  # particles leave from -482 min on; the last at -782
    met_begins_at = 15 * records_per_time * (50 + 33 * 28)  # 1995-10-17 06 UTC, -720 min
    settings = given.config(unreadable_to_us(met_begins_at))
    found = failure(engine, settings, tmp_path, given.simulation)
    assert found.reason is Reason.MET_COVERAGE
    assert "720 of 1440 min" in found.message
    assert "no meteo" not in found.log


def test_a_met_file_cut_in_a_record_is_a_failure(
    engine: HysplitEngine, ngm: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "met"
    folder.mkdir()
    (folder / "oct1618.BIN").write_bytes(ngm.read_bytes()[:1_300_000])
    found = failure(engine, config(folder, n_hours=-4), tmp_path)
    assert found.reason in {Reason.MET_COVERAGE, Reason.MODEL_ERROR}


def test_a_full_work_disk_is_called_that(engine: HysplitEngine, ngm: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as folder:
        (folder / "filler").write_bytes(b"x" * (60 << 10))
        found = failure(engine, config(ngm.parent), folder)
    assert found.reason is Reason.DISK_FULL


def test_particles_are_whole_although_the_work_disk_fills_up_meanwhile(
    engine: HysplitEngine, ngm: Path, tmp_path: Path
) -> None:
    """hycs_std ignores write errors; its particles never touch the disk."""
    with small_disk(tmp_path / "disk") as folder:
        result = engine.run(SIMULATION, config(ngm.parent, n_hours=-24), folder)
        assert os.statvfs(folder).f_bavail <= 1
    assert len(result.particles) == 14400


@contextlib.contextmanager
def small_disk(folder: Path, kib: int = 64) -> Iterator[Path]:
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this machine does not let root mount a tmpfs")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_kill_for_want_of_memory_is_called_that(
    stub: Callable[[str], HysplitEngine], hysplit: Installation, ngm: Path, tmp_path: Path
) -> None:
    with memory_limit(24 << 20) as members:
        engine = stub(f"echo $$ > {members}; exec {hysplit.exe}")
        found = failure(engine, config(ngm.parent), tmp_path)
    assert found.reason is Reason.OUT_OF_MEMORY
    assert "want of memory" in found.message


@contextlib.contextmanager
def memory_limit(size_bytes: int) -> Iterator[Path]:
    """Make a control group; a process that writes its pid into the file gets no more memory than that."""
    root = Path("/sys/fs/cgroup")
    group = next(path for path in (root / "memory", root) if path.is_dir()) / f"stilt-{os.getpid()}"
    try:
        group.mkdir()
        limit = next(
            group / name
            for name in ("memory.limit_in_bytes", "memory.max")
            if (group / name).exists()
        )
        limit.write_text(str(size_bytes))
    except (OSError, StopIteration):
        with contextlib.suppress(OSError):
            group.rmdir()
        pytest.skip("this machine does not let us limit memory with control groups")
    try:
        yield group / "cgroup.procs"
    finally:
        wait_until(lambda: not (group / "cgroup.procs").read_text(), "the group is empty")
        group.rmdir()


def test_hysplit_dies_with_the_process_that_started_it(
    hysplit: Installation, ngm: Path, tmp_path: Path
) -> None:
    script = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]);"
        "from tests.hysplit.test_failures import *;"
        "settings = config(Path(sys.argv[3]), n_hours=-24, numpar=200);"
        "HysplitEngine(sys.argv[2]).run(SIMULATION, settings, Path(sys.argv[4]))"
    )
    repository = Path(__file__).parents[2]
    arguments = [repository, hysplit.exe.parent, ngm.parent, tmp_path]
    with subprocess.Popen([sys.executable, "-c", script, *map(str, arguments)]) as parent:
        try:
            model = the_only(lambda: [pid for pid in running() if _parent(pid) == parent.pid])
        finally:
            parent.kill()
    wait_until(lambda: model not in running(), "hycs_std has died")


def test_an_exception_in_the_parent_ends_hysplit(
    engine: HysplitEngine, ngm: Path, tmp_path: Path
) -> None:
    class Alarm(Exception):  # noqa: N818
        pass

    def ring(*_: object) -> None:
        assert own_children()
        raise Alarm

    def pull() -> None:
        pid = the_only(own_children)
        wait_until(lambda: is_at_work(pid), "hycs_std has worked for a while")
        os.kill(os.getpid(), signal.SIGUSR2)

    before = signal.signal(signal.SIGUSR2, ring)
    puller = threading.Thread(target=pull)
    puller.start()
    try:
        with pytest.raises(Alarm):
            engine.run(SIMULATION, config(ngm.parent, n_hours=-24, numpar=200), tmp_path)
    finally:
        puller.join()
        signal.signal(signal.SIGUSR2, before)


def test_blanks_and_letters_of_any_language_in_every_path(
    hysplit: Installation, ngm: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "données 'météo' \"$HOME\" æøå"
    folder.mkdir()
    shutil.copy(ngm, folder)
    shutil.copytree(hysplit.exe.parent, folder / "mein HYSPLIT")
    workdir = folder / "work of the day"
    workdir.mkdir()
    engine = HysplitEngine(str(folder / "mein HYSPLIT"))
    assert len(engine.run(SIMULATION, config(folder), workdir).particles) == 600


# Programs that end as hycs_std can, but not on demand

ROWS = "for i in $(seq 1 %d); do printf '%%10.0f.%%9.0f.%%11.4f%%11.4f\\n' -$i 1 -90 40; done"
OPEN = "exec 3<>PARTICLE_STILT.DAT; echo header >&3;"
COMPLETE = "echo ' Complete Hysplit'"
COLUMNS = ["time", "indx", "long", "lati"]

STUBS = {
    "exit status": (
        f"{OPEN} {ROWS % 60} >&3; echo ' *ERROR* prfsig: bad level'; {COMPLETE}; exit 3",
        Reason.MODEL_ERROR,
        r"status 3: \*ERROR\* prfsig: bad level",
    ),
    "Fortran error": (
        "echo 'At line 5 of file metinp.f' >&2; echo 'Fortran runtime error: End of file' >&2; exit 2",
        Reason.MODEL_ERROR,
        "status 2: Fortran runtime error: End of file",
    ),
    "not complete": (f"{OPEN} {ROWS % 60} >&3", Reason.MODEL_ERROR, "Complete Hysplit"),
    "cut in a line": (
        f"{OPEN} {ROWS % 60} >&3; printf '     -60.   ' >&3; {COMPLETE}",
        Reason.TRUNCATED,
        "inside of a line, after 60 rows",
    ),
    "cut between lines": (
        f"{OPEN} {ROWS % 30} >&3; {COMPLETE}",
        Reason.TRUNCATED,
        "end 30 of 60 min",
    ),
    "no rows": (f"{OPEN} {COMPLETE}", Reason.NO_PARTICLES, "no particles"),
    "no file": (COMPLETE, Reason.NO_PARTICLES, "no particles"),
    "all left at once": (
        f"{OPEN} echo 'WARNING metpos: off spatial domain of all grids' >WARNING; {COMPLETE}",
        Reason.NO_PARTICLES,
        "stayed in the domain",
    ),
    "garbage": (
        f"{OPEN} {ROWS % 5} >&3; echo 'not numbers at all' >&3; sleep 100",
        Reason.TRUNCATED,
        "row 6 of PARTICLE_STILT.DAT",
    ),
    "disk": (
        "echo 'Fortran runtime error: No space left on device' >&2; exit 2",
        Reason.DISK_FULL,
        "No space left",
    ),
    "memory": (
        "echo ' *ERROR* advpnt: memory allocation -  5014'; exit 132",
        Reason.OUT_OF_MEMORY,
        "memory allocation",
    ),
    "interval": (
        "echo ' *ERROR* metset: meteorological data time interval varies'; exit 132",
        Reason.MET_INTERVAL,
        "interval varies",
    ),
    "gap": (
        f"{OPEN} {ROWS % 30} >&3; echo ' WARNING metpos: too much time between files -  5' >WARNING; {COMPLETE}",
        Reason.MET_COVERAGE,
        "ends early, particles end 30 of 60 min",
    ),
    "kills itself": ("kill -KILL $$", Reason.KILLED, "SIGKILL"),
    "letters": (r"printf '\377\376 ERROR \200'; exit 1", Reason.MODEL_ERROR, "status 1"),
}


@pytest.fixture
def stub(hysplit: Installation, tmp_path: Path) -> Callable[[str], HysplitEngine]:
    """An engine whose hycs_std is a shell script."""

    def make(script: str) -> HysplitEngine:
        folder = tmp_path / "stub"
        folder.mkdir()
        for table in hysplit.tables:
            (folder / table.name).symlink_to(table)
        (folder / NAME).write_text(f"#!/bin/bash\n{script}\n")
        (folder / NAME).chmod(0o755)
        return HysplitEngine(str(folder))

    return make


@pytest.mark.parametrize("end", STUBS.values(), ids=STUBS)
def test_every_end_has_its_reason(
    stub: Callable[[str], HysplitEngine], ngm: Path, tmp_path: Path, end: tuple[str, Reason, str]
) -> None:
    script, reason, message = end
    settings = config(ngm.parent, varsiwant=COLUMNS, hnf_plume=False)
    with pytest.raises(TransportError, match=message) as caught:
        stub(script).run(SIMULATION, settings, tmp_path)
    assert caught.value.reason is reason


NO_PROGRAMS = {
    "text": (b"these are not the bytes of a program", "is not a program"),
    "nothing": (b"", "is not a program"),
    "another machine's": (
        b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\x16\x00" + bytes(40),
        "is a program for another kind of machine",
    ),
}


@pytest.mark.parametrize(("content", "message"), NO_PROGRAMS.values(), ids=NO_PROGRAMS)
def test_a_program_that_is_none_is_found_before_any_simulation(
    stub: Callable[[str], HysplitEngine], ngm: Path, tmp_path: Path, content: bytes, message: str
) -> None:
    engine = stub("")
    (tmp_path / "stub" / NAME).write_bytes(content)
    with pytest.raises(EnvironmentFailure, match=message) as caught:
        engine.prepare(config(ngm.parent))
    assert "noexec" in caught.value.hint


def test_a_program_that_goes_away_meanwhile_is_the_surroundings_fault(
    stub: Callable[[str], HysplitEngine], ngm: Path, tmp_path: Path
) -> None:
    engine = stub("")
    engine.prepare(config(ngm.parent))
    (tmp_path / "stub" / NAME).unlink()
    with pytest.raises(EnvironmentFailure, match="can't be started"):
        engine.run(SIMULATION, config(ngm.parent), tmp_path)


def test_children_of_the_program_are_ended_with_it(
    stub: Callable[[str], HysplitEngine], ngm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleeper = tmp_path / "main" / "sleeper"

    def clock() -> float:
        """The time is up when the child is there."""
        return time.monotonic() + (2000.0 if sleeper.exists() else 0.0)

    monkeypatch.setattr(process, "time", SimpleNamespace(monotonic=clock, sleep=time.sleep))
    engine = stub("sleep 1000 & echo $! >new; mv new sleeper; wait")
    found = failure(engine, config(ngm.parent, execution={"timeout": 1000}), tmp_path)
    assert found.reason is Reason.TIMEOUT
    child = Path("/proc") / sleeper.read_text().strip()
    wait_until(lambda: not (child / "fd").exists(), "the child has ended")


def test_a_program_that_never_stops_talking_does_not_fill_the_memory(
    stub: Callable[[str], HysplitEngine], ngm: Path, tmp_path: Path
) -> None:
    found = failure(
        stub("echo first words; yes blah | head -c 20000000; echo last words; exit 4"),
        config(ngm.parent),
        tmp_path,
    )
    assert len(found.log) < 300_000
    assert found.log.startswith("first words")
    assert "last words" in found.log


def test_what_the_environment_says_to_fortran_is_not_passed_on(
    stub: Callable[[str], HysplitEngine], ngm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GFORTRAN_LIST_SEPARATOR", ";")
    assert "LIST_SEPARATOR" not in failure(stub("env; exit 1"), config(ngm.parent), tmp_path).log
