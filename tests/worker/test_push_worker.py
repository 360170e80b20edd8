"""``stilt push-worker``: one chunk, one segment, and an exit code that says how it ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stilt.backends.local import LocalBackend
from stilt.commands.run import Request, run
from stilt.foundations.writers import age_of_process
from stilt.log.events import Started
from stilt.log.reader import read_segment
from stilt.worker.push_worker import slurm_deadline
from tests.engines import Behaviour, runs
from tests.projects import PATIENCE_S, Project, make_project, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from stilt.backends.interface import HandOver

HandedOver = tuple[Project, list[str]]


@pytest.fixture
def hand_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., HandedOver]:
    """Register a batch and start nothing; returns the project and the arguments of task 0."""

    def closed(_: LocalBackend, handed: HandOver) -> int:
        handed.log.close()
        return 0

    monkeypatch.setattr(LocalBackend, "wait", closed)

    def hand(heights: Sequence[float], settings: str = "", max_fails: int = 0) -> HandedOver:
        project = make_project(tmp_path / "project", heights, settings=settings)
        run(Request(project.path, n_workers=1, max_fails=max_fails), lambda _: None)
        (batch,) = project.batches()
        return project, ["push-worker", "--batch", batch, "--task", "0"]

    return hand


def chunk_of(project: Project) -> Path:
    return next(
        path for path in project.output.glob("chunks/*/*.json") if path.name != "batch.json"
    )


def started(project: Project) -> list[str]:
    """Return the simulations that workers began, in order, repeats included."""
    return [
        event.sim
        for path in sorted(project.output.glob("log/*/worker*.log"))
        for event in read_segment(path).events
        if isinstance(event, Started)
    ]


def test_all_done_is_0_and_some_failed_is_1(hand_over) -> None:
    project, task = hand_over([5, 6])
    assert project.stilt(*task).code == 0
    again = project.stilt(*task)
    assert again.code == 0
    assert "0 left" in again.out
    assert len(runs(project.runs_file)) == 2


def test_what_failed_in_this_batch_is_not_tried_again_by_it(hand_over) -> None:
    project, task = hand_over([5, Behaviour.MODEL_ERROR])
    assert project.stilt(*task).code == 1
    assert project.stilt(*task).code == 1
    assert len(runs(project.runs_file, "begin")) == 2


def test_a_chunk_can_be_named_by_its_file_from_anywhere(hand_over, tmp_path: Path) -> None:
    project, _ = hand_over([5])
    project.path = tmp_path
    assert (
        project.stilt("push-worker", "--chunk", str(chunk_of(Project(tmp_path / "project")))).code
        == 0
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_a_stop_signal_is_75_with_what_was_in_flight_interrupted(hand_over, number: int) -> None:
    project, task = hand_over([5] * 4)
    process = project.start(*task, "--cpus", "2", FAKE_SLEEP="3600", FAKE_MODEL="1")
    wait_until(lambda: len(runs(project.runs_file, "model")) == 2, "two models run")
    process.send_signal(number)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 75
    assert Counter(project.outcomes().values()) == {"interrupted": 2}
    assert set(project.reasons().values()) == {signal.Signals(number).name}
    assert project.processes() == []
    assert project.leftovers() == []
    (life,) = project.fold().batches[project.batches()[0]].tasks.values()
    assert life.closed == signal.Signals(number).name
    assert project.stilt(*task).code == 0
    assert Counter(project.outcomes().values()) == {"complete": 4}


def test_a_signal_to_every_process_at_once_fails_nothing(hand_over) -> None:
    """As a scheduler does at the time limit and on cancelling."""
    project, task = hand_over([5] * 2)
    process = project.start(*task, "--cpus", "2", FAKE_SLEEP="3600", FAKE_MODEL="1")
    wait_until(lambda: len(runs(project.runs_file, "model")) == 2, "two models run")
    for pid in project.processes():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 75
    assert Counter(project.outcomes().values()) == {"interrupted": 2}


def test_a_worker_killed_and_started_again_does_the_rest_once(hand_over) -> None:
    project, task = hand_over([5] * 6)
    project.let_run(2)
    process = project.start(*task)
    wait_until(lambda: len(runs(project.runs_file, "begin")) == 3, "two are done, one runs")
    process.kill()
    process.communicate()
    wait_until(lambda: not project.processes(), "its pool has ended")
    project.let_run(None)
    done = [sim for sim, outcome in project.outcomes().items() if outcome == "complete"]
    assert project.stilt(*task).code == 0
    assert Counter(project.outcomes().values()) == {"complete": 6}
    begun = Counter(started(project))
    assert all(begun[sim] == 1 for sim in done)


def test_a_killed_pool_process_fails_its_simulation_and_no_other(hand_over) -> None:
    project, task = hand_over([5] * 4)
    project.let_run(0)
    process = project.start(*task, "--cpus", "2")
    wait_until(lambda: len(runs(project.runs_file, "begin")) == 2, "two run")
    sim, pid, _ = project.runs_file.read_text().splitlines()[0].split()
    os.kill(int(pid), signal.SIGKILL)
    project.let_run(None)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert project.reasons() == {sim: "KILLED"}
    assert "SIGKILL" in project.fold().sims[sim].message
    assert Counter(project.outcomes().values()) == {"complete": 3, "failed": 1}


@pytest.mark.parametrize("what", ["chunk", "settings", "manifest"])
@pytest.mark.parametrize("injury", ["truncated", "cut by a byte", "edited", "not text", "missing"])
def test_a_damaged_batch_is_5_and_nothing_is_run(hand_over, what: str, injury: str) -> None:
    project, task = hand_over([5, 6])
    folder = project.output / "chunks" / project.batches()[0]
    path = {
        "chunk": chunk_of(project),
        "settings": next(folder.glob("config-*.yaml")),
        "manifest": folder / "batch.json",
    }[what]
    data = path.read_bytes()
    path.unlink()
    if injury == "truncated":
        path.write_bytes(data[: len(data) // 2])
    elif injury == "cut by a byte":
        path.write_bytes(data.rstrip()[:-1])
    elif injury == "not text":
        path.write_bytes(data.replace(b"fake", b"f\xffke"))
    elif injury == "edited":
        path.write_bytes(data.replace(b"5", b"7").replace(b"{", b"[", 1))
    answer = project.stilt(*task)
    assert answer.code == 5
    assert path.name in answer.err
    assert "Traceback" not in answer.err
    assert "stilt run" in answer.err
    assert runs(project.runs_file, "begin") == []


def test_todays_config_is_not_read(hand_over) -> None:
    project, task = hand_over([5])
    (project.path / "config.yaml").write_text("")
    assert project.stilt(*task, "--output", str(project.output)).code == 0


def test_an_engine_that_does_not_work_here_is_4_and_costs_no_simulation(hand_over) -> None:
    project, task = hand_over([5, 6])
    answer = project.stilt(*task, FAKE_BROKEN="1")
    assert answer.code == 4
    assert "the fake engine is broken" in answer.err
    assert set(project.outcomes().values()) <= {"interrupted"}
    assert project.stilt(*task).code == 0


def test_no_simulation_is_started_that_cannot_end_in_time(hand_over) -> None:
    project, task = hand_over([5] * 3)
    past = str(int(time.time()) - 10)
    answer = project.stilt(*task, SLURM_JOB_END_TIME=past)
    assert answer.code == 75
    assert "3 left (time)" in answer.out
    assert runs(project.runs_file, "begin") == []
    assert "1 task ended without beginning a simulation (time)" in project.stilt("status").out


@pytest.mark.parametrize("ahead_s", [-2 * 86_400, -600, 0, 3600])
def test_a_deadline_is_a_difference_on_one_clock(monkeypatch, ahead_s: int) -> None:
    """Slurm's clock is the controller's, and the node's may be hours ahead of it or days behind."""
    began = time.time() - age_of_process(os.getppid()) - ahead_s
    monkeypatch.setenv("SLURM_JOB_START_TIME", str(int(began)))
    monkeypatch.setenv("SLURM_JOB_END_TIME", str(int(began) + 86_400))
    left = slurm_deadline() - time.time()
    assert left == pytest.approx(86_400 - age_of_process(os.getppid()), abs=2)


FORWARD = """
import sys, time
from pathlib import Path
from types import SimpleNamespace
from stilt.worker import loop, simulate
put_on = Path(sys.argv[1])
def forward(clock):
    return lambda: clock() + (3600.0 if put_on.exists() else 0.0)
clocks = {"time": forward(time.time), "monotonic": forward(time.monotonic)}
loop.time = simulate.time = SimpleNamespace(**vars(time) | clocks)
from stilt.cli import main
main(sys.argv[2:])
"""
"""A worker for which an hour passes in the moment in which a file is made."""


def test_what_simulations_took_so_far_says_what_the_next_one_will_take(
    hand_over, tmp_path: Path
) -> None:
    project, task = hand_over([5] * 4)
    project.let_run(0)
    in_two_hours = str(int(time.time()) + 7200)
    forward = [sys.executable, "-c", FORWARD, str(tmp_path / "put on"), *task]
    process = project.begin(forward, SLURM_JOB_END_TIME=in_two_hours)
    wait_until(lambda: runs(project.runs_file, "begin"), "the first one runs")
    (tmp_path / "put on").touch()
    project.let_run(None)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 75, err
    assert "1 done, 0 failed, 3 left (time)" in out
    assert list(project.outcomes().values()) == ["complete"]


def test_a_task_that_is_ended_by_being_requeued_says_so_all_the_same(
    hand_over, tmp_path: Path
) -> None:
    """Slurm ends it as soon as it is in the queue again."""
    project, task = hand_over([5])
    scontrol = tmp_path / "programs" / "scontrol"
    scontrol.parent.mkdir()
    scontrol.write_text("#!/bin/sh\nkill -TERM $PPID $$\n")
    scontrol.chmod(0o755)
    answer = project.stilt(
        *(*task, "--max-requeues", "3"),
        PATH=f"{scontrol.parent}:{os.environ['PATH']}",
        SLURM_JOB_END_TIME=str(int(time.time()) - 10),
        SLURM_ARRAY_JOB_ID="7",
        SLURM_ARRAY_TASK_ID="0",
    )
    assert answer.code == 75, answer.err
    assert answer.out.endswith("requeued: restart 1 of at most 3\n")


def test_what_simulations_took_with_other_settings_does_not_keep_a_task_from_beginning(
    hand_over, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stilt.commands.run._likely_wall_s", lambda _: 3600.0)
    project, task = hand_over([5] * 4)
    before_that = str(int(time.time()) + 3000)
    answer = project.stilt(*task, SLURM_JOB_END_TIME=before_that)
    assert answer.code == 0, answer.out
    assert set(project.outcomes().values()) == {"complete"}


def test_a_full_work_disk_stops_the_worker_and_not_every_receptor(hand_over) -> None:
    project, task = hand_over([Behaviour.DISK_FULL] + [5] * 20)
    answer = project.stilt(*task)
    assert answer.code == 4
    assert "no space left" in answer.err
    assert len(runs(project.runs_file, "begin")) <= 3
    assert project.stilt("run", "--backend", "local", FAKE_HEAL=str(project.path)).code == 0


def test_two_lives_of_a_task_at_once_do_no_harm(hand_over) -> None:
    """As after a requeue, when the first life is not dead yet."""
    project, task = hand_over([5] * 4)
    project.let_run(0)
    both = [project.start(*task) for _ in range(2)]
    wait_until(lambda: len(runs(project.runs_file, "begin")) == 2, "both are at the first one")
    project.let_run(None)
    for process in both:
        process.communicate(timeout=PATIENCE_S)
    assert [process.returncode for process in both] == [0, 0]
    assert Counter(project.outcomes().values()) == {"complete": 4}
    assert project.leftovers() == []


def test_peak_memory_is_that_of_the_simulation_not_of_an_earlier_one(hand_over) -> None:
    project, task = hand_over([Behaviour.BIG_MEMORY, 5])
    assert project.stilt(*task).code == 0
    big, small = (project.fold().sims[sim].peak_rss_bytes for sim in sorted(project.outcomes()))
    assert big > 300e6
    assert small < big - 100e6


def test_the_work_directory_of_a_failure_is_kept_on_request(hand_over) -> None:
    project, task = hand_over([5, Behaviour.MODEL_ERROR])
    project.stilt(*task, STILT_KEEP_WORK="1")
    (kept,) = project.leftovers()
    assert kept.name.startswith("stilt-kept-")
    assert (kept / "PARTICLE.DAT").exists()


def test_a_worker_with_nothing_to_do_says_so_in_the_log(hand_over) -> None:
    project, task = hand_over([5])
    project.stilt(*task)
    project.stilt(*task)
    (batch,) = project.fold().batches.values()
    assert (batch.tasks[0].attempt, batch.tasks[0].closed) == (2, "finished")


def test_what_cannot_be_printed_stops_no_work(hand_over) -> None:
    """As where the disk of the task's own output is full."""
    project, task = hand_over([5, 6])
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "stilt", *task]
        code = subprocess.run(
            command,
            cwd=project.path,
            env=project.environment(),
            stdout=full,
            stderr=full,
            check=False,
        ).returncode
    assert code == 0
    assert Counter(project.outcomes().values()) == {"complete": 2}


def test_a_task_that_the_batch_does_not_have_is_refused(hand_over) -> None:
    project, task = hand_over([5])
    answer = project.stilt(*task[:-1], "7")
    assert answer.code == 2
    assert "tasks 0 to 0" in answer.err


def test_a_simulation_that_hangs_for_ever_is_ended_and_the_others_go_on(
    hand_over, tmp_path: Path
) -> None:
    """Beyond what its engine allows itself: the engine hangs too."""
    project, task = hand_over([Behaviour.HANG, 5, 6], settings="execution: {timeout: 0.5}")
    process = project.begin([sys.executable, "-c", FORWARD, str(tmp_path / "put on"), *task])
    wait_until(lambda: runs(project.runs_file, "begin"), "the first one hangs")
    (tmp_path / "put on").touch()
    process.communicate(timeout=PATIENCE_S)
    assert sorted(project.outcomes().values()) == ["complete", "complete", "failed"]
    assert list(project.reasons().values()) == ["TIMEOUT"]


@pytest.fixture
def small_memory() -> Iterator[Path]:
    """A control group that may use 700 MB; skipped where none can be made."""
    own = [line.split(":") for line in Path("/proc/self/cgroup").read_text().splitlines()]
    paths = [path for _, controllers, path in own if controllers == "memory"]
    group = (
        Path("/sys/fs/cgroup/memory")
        / (paths[0].lstrip("/") if paths else "")
        / f"stilt-{os.getpid()}"
    )
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text("700M")
    except OSError as error:
        pytest.skip(f"no control group with a memory limit can be made here: {error.strerror}")
    yield group
    for pid in (group / "cgroup.procs").read_text().split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    wait_until(lambda: not (group / "cgroup.procs").read_text(), "its processes have ended")
    group.rmdir()


def test_what_the_out_of_memory_killer_took_is_told_from_another_kill(
    hand_over, small_memory: Path
) -> None:
    project, task = hand_over([Behaviour.BIG_MEMORY, 5, Behaviour.KILL_CHILD])
    command = (
        f"echo $$ > {small_memory}/cgroup.procs && exec {sys.executable} -m stilt {' '.join(task)}"
    )
    process = project.begin(["bash", "-c", command], FAKE_MEGABYTES="2000")
    process.communicate(timeout=PATIENCE_S)
    assert sorted(project.outcomes().values()) == ["complete", "failed", "failed"]
    assert sorted(project.reasons().values()) == ["KILLED", "OUT_OF_MEMORY"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A filesystem of half a megabyte."""
    if os.getuid() != 0:
        pytest.skip("mounting a tmpfs needs root")
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a tmpfs is not allowed here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_output_disk_stops_the_run_and_the_next_one_goes_on(
    tmp_path: Path, small_disk: Path
) -> None:
    project = make_project(
        tmp_path / "project", [5] * 40, settings=f"output: {small_disk}/out", n_hours=-24
    )
    (small_disk / "ballast").write_bytes(bytes(400 * 1024))
    answer = project.stilt("run", "--cpus", "2")
    assert answer.code == 4
    assert "space" in answer.err
    assert "Traceback" not in answer.err
    ended = len(runs(project.runs_file))
    assert ended < 40, "it does not go through all receptors"
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    assert project.stilt("run", "--cpus", "2").code == 0
    particles = list((small_disk / "out").rglob("*.parquet"))
    assert len(particles) == 40
    assert list((small_disk / "out").rglob(".tmp-*")) == []


def test_a_work_disk_without_room_for_a_folder_stops_the_worker_and_fails_nothing(
    hand_over, small_disk: Path
) -> None:
    project, task = hand_over([5] * 8, settings=f"execution: {{scratch: {small_disk}}}")
    mount = [
        "mount",
        "-o",
        "remount,nr_inodes=2",
        str(small_disk),
    ]  # itself and the worker's folder
    subprocess.run(mount, check=True)
    answer = project.stilt(*task)
    assert answer.code == 4
    assert f"the work directory {small_disk}" in answer.err
    assert "No space left" in answer.err
    assert set(project.outcomes().values()) <= {"interrupted"}


def test_a_disk_that_fills_while_footprints_are_written_is_named_as_such(
    tmp_path: Path, small_disk: Path
) -> None:
    project = make_project(tmp_path / "project", [5] * 40, settings=f"output: {small_disk}/out")
    (small_disk / "ballast").write_bytes(bytes(256 * 1024))
    answer = project.stilt("run", "--cpus", "1")
    assert answer.code == 4
    assert set(project.reasons().values()) <= {"DISK_FULL"}


def test_a_read_only_output_is_one_line_before_anything_runs(
    tmp_path: Path, small_disk: Path
) -> None:
    project = make_project(tmp_path / "project", [5], settings=f"output: {small_disk}/out")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    answer = project.stilt("run")
    assert answer.code == 4
    assert len(answer.err.strip().splitlines()) <= 2
    assert "Read-only" in answer.err
    assert runs(project.runs_file, "begin") == []


def test_a_file_where_a_folder_of_outputs_should_be_stops_the_run(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", [5] * 20)
    output = project.path / "output"
    output.mkdir()
    (output / "particles").write_text("not a folder\n")
    answer = project.stilt("run", "--cpus", "1")
    assert answer.code == 4
    assert f"{output}/particles" in answer.err
    assert "failed" not in project.outcomes().values()


def test_an_output_that_becomes_read_only_stops_the_run(tmp_path: Path, small_disk: Path) -> None:
    project = make_project(tmp_path / "project", [5] * 20, settings=f"output: {small_disk}/out")
    project.let_run(1)
    process = project.start("run", "--cpus", "1")
    wait_until(lambda: len(runs(project.runs_file, "begin")) == 2, "one is done, another runs")
    particles = str(small_disk / "out" / "particles")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", particles], check=True)
    try:
        project.let_run(None)
        _, err = process.communicate(timeout=PATIENCE_S)
    finally:
        subprocess.run(["umount", "-l", particles], check=True)
    assert process.returncode == 4
    assert "Read-only" in err
    assert "Traceback" not in err
    assert len(runs(project.runs_file, "begin")) < 20
    # the one that was just publishing may have met the mount itself
    assert project.leftovers() == []
