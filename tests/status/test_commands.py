"""`stilt status`, `stilt log` and `stilt logs` as a person types them."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time

import pytest

from stilt.log.events import Closed
from stilt.status.failed import failures, render
from stilt.status.opened import open_project
from tests.status.conftest import DEAD, T0, done, sim_id, started


@pytest.fixture
def ended(project_log):
    """A project of four simulations: two complete, one failed, one stopped."""
    batch = project_log.batch("0001-a", [[1, 2, 3, 4]], project_total=4)
    project_log.worker(
        batch,
        0,
        *(event for n in range(1, 5) for event in [started(n, at=n)]),
        done(1, at=20),
        done(2, at=21),
        done(3, "failed", at=22, reason="TIMEOUT"),
        done(4, "interrupted", at=23),
        Closed(at=T0 + 40, why="SIGTERM"),
        who=DEAD,
    )
    log = project_log.layout.output / "logs" / "2024-07-01" / f"{sim_id(3)}.log"
    log.parent.mkdir(parents=True)
    log.write_text("".join(f"line {n}\n" for n in range(100)))
    return project_log


def test_status_of_a_small_project_is_light(ended) -> None:
    project = ended.layout.project
    code = (
        "import sys; from stilt.cli import main\n"
        f"try: main(['status', {str(project)!r}])\n"
        "except SystemExit: print(*sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"numpy", "pandas", "xarray", "numba", "pyarrow", "netCDF4", "rich", "arlmet"}
    assert not heavy & set(shown.stdout.split())


def test_failures_are_listed_with_reason_node_message_and_log(ended, stilt) -> None:
    shown = stilt("status", "--failed", ended.layout.project).stdout
    assert f"{sim_id(3)}  TIMEOUT" in shown
    assert "because of TIMEOUT" in shown
    assert str(ended.layout.output / "logs" / "2024-07-01" / f"{sim_id(3)}.log") in shown
    assert "1 simulation failed" in shown
    (failure,) = json.loads(stilt("status", "--failed", "--json", ended.layout.project).stdout)
    assert (failure["sim"], failure["reason"]) == (sim_id(3), "TIMEOUT")


def test_cancel_says_that_what_runs_is_no_job(project_log, stilt) -> None:
    batch = project_log.batch("0001-a", [[1, 2]], project_total=2)
    worker = project_log.worker(batch, 0, started(1))
    told = "no job of this project is queued or running; a run without Slurm is at work: Ctrl-C"
    assert told in stilt("cancel", project_log.layout.project).stdout
    worker.append(done(1), done(2), Closed(at=T0 + 40), sync=True)
    ended = stilt("cancel", project_log.layout.project).stdout
    assert ended == "nothing to cancel: no job of this project is queued or running\n"


@pytest.mark.parametrize("is_asked_for", [True, False])
def test_failures_of_what_was_taken_out_are_told_apart(ended, is_asked_for) -> None:
    ended.ask_for(1, 2, *([3] if is_asked_for else []))
    (failure,) = failures(open_project(ended.layout.project))
    assert failure.taken_out != is_asked_for
    shown = render([failure], 100)
    assert ("not asked for any more: its receptor" in shown) != is_asked_for
    end = "" if is_asked_for else ", 1 of them not asked for any more"
    assert shown.endswith(f"1 simulation failed{end}\n")


def test_watch_ends_when_nothing_runs_any_more(ended, stilt) -> None:
    shown = stilt("status", "--watch", ended.layout.project)
    assert shown.returncode == 0
    assert shown.stdout.count("2 simulations to do and nothing running") == 1


def test_watch_is_no_json(ended, stilt) -> None:
    shown = stilt("status", "--watch", "--json", ended.layout.project)
    assert shown.returncode == 2
    assert "--watch is a screen" in shown.stderr


def test_a_folder_that_is_no_project_is_named(stilt, tmp_path) -> None:
    shown = stilt("status", tmp_path)
    assert shown.returncode == 2
    assert str(tmp_path) in shown.stderr
    assert "stilt init" in shown.stderr


def test_replay_takes_a_moment(ended, stilt) -> None:
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(T0 + 20))
    shown = json.loads(
        stilt("log", "replay", "--json", "--until", moment, ended.layout.project).stdout
    )
    assert (shown["complete"], shown["running"], shown["as_of"]) == (1, 3, f"{moment}Z")


def test_replay_refuses_what_is_no_time(ended, stilt) -> None:
    shown = stilt("log", "replay", "--until", "yesterday", ended.layout.project)
    assert shown.returncode == 2
    assert "'yesterday' is no time" in shown.stderr
    assert "2026-11-20T18:00" in shown.stderr


def test_replay_of_one_simulation_is_its_history(ended, stilt) -> None:
    shown = stilt("log", "replay", "--sim", sim_id(3), ended.layout.project).stdout
    assert shown.startswith(f"{sim_id(3)}: failed\n")
    assert "started" in shown
    assert "failed TIMEOUT after 20 s, 256 MiB" in shown
    told = json.loads(
        stilt("log", "replay", "--json", "--sim", sim_id(3), ended.layout.project).stdout
    )
    assert [event["event"] for event in told["events"]] == ["started", "done"]


def test_replay_of_an_unknown_simulation_says_so(ended, stilt) -> None:
    shown = stilt("log", "replay", "--sim", "nobody", ended.layout.project)
    assert shown.returncode == 2
    assert "'nobody'" in shown.stderr
    assert "stilt log show" in shown.stderr


def test_show_lists_every_event_in_the_order_of_time(ended, stilt) -> None:
    lines = stilt("log", "show", ended.layout.project).stdout.splitlines()
    assert sum("started" in line for line in lines) == 4
    assert any("registered task 0: 4 simulations" in line for line in lines)
    assert any(
        f"failed {sim_id(3)} after 20 s: TIMEOUT: because of TIMEOUT" in line for line in lines
    )
    assert lines[-1].endswith("ends: SIGTERM")
    assert [line[:19] for line in lines] == sorted(line[:19] for line in lines)


def test_show_follows_what_is_written(project_log) -> None:
    batch = project_log.batch("0001-a", [[1, 2]], project_total=2)
    writer = project_log.worker(batch, 0, started(1))
    seen = []
    with subprocess.Popen(
        [sys.executable, "-m", "stilt", "log", "show", "--follow", project_log.layout.project],
        stdout=subprocess.PIPE,
        text=True,
    ) as follower:
        try:
            for line in follower.stdout:
                seen.append(line)
                if "started" in line:
                    writer.append(done(1), sync=True)
                if "complete" in line:
                    break
        finally:
            follower.kill()
    assert len(seen) == len(set(seen))


def test_logs_show_the_history_and_the_models_last_words(ended, stilt) -> None:
    shown = stilt("logs", sim_id(3), ended.layout.project, "-n", "3").stdout
    assert "failed TIMEOUT" in shown
    assert shown.endswith("line 97\nline 98\nline 99\n")
    assert "line 1\n" in stilt("logs", sim_id(3), ended.layout.project, "-n", "0").stdout


def test_logs_take_a_part_of_an_id_that_only_one_has(ended, stilt) -> None:
    assert stilt("logs", "_40.77_3", ended.layout.project).stdout.startswith(sim_id(3))
    several = stilt("logs", "_40.77_", ended.layout.project)
    assert several.returncode == 2
    assert "4 simulations have '_40.77_' in their id" in several.stderr
    none = stilt("logs", "tower", ended.layout.project)
    assert none.returncode == 2
    assert "stilt log show" in none.stderr


def test_logs_refuse_a_number_of_lines_below_zero(ended, stilt) -> None:
    shown = stilt("logs", sim_id(3), ended.layout.project, "-n", "-5")
    assert shown.returncode == 2
    assert "-5" in shown.stderr


def test_logs_show_what_the_slurm_task_printed(project_log, stilt) -> None:
    from stilt.log.events import Submitting
    from stilt.log.writer import SegmentWriter

    batch = project_log.batch("0001-a", [[1], [2], [3]], project_total=3, backend="slurm")
    project_log.worker(batch, 2, done(3, "failed", reason="KILLED"), Closed(at=T0 + 40), who=DEAD)
    SegmentWriter(project_log.layout.log_dir, batch, 1, DEAD).append(
        Submitting(batch=batch, token=f"{batch}-0", at=T0, first_task=0, tasks=2),
        Submitting(batch=batch, token=f"{batch}-1", at=T0, first_task=2, tasks=1),
    )
    folder = project_log.layout.slurm_logs(batch)
    folder.mkdir(parents=True)
    (folder / "task-2+0.out").write_text("module load failed\n")
    assert "module load failed" in stilt("logs", sim_id(3), project_log.layout.project).stdout


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_watch_redraws_in_place_and_leaves_the_terminal_as_it_was(project_log, stop) -> None:
    batch = project_log.batch("0001-a", [[1, 2]], project_total=2)
    writer = project_log.worker(batch, 0, started(1))
    mine, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    plain = {k: v for k, v in os.environ.items() if k not in {"COLUMNS", "LINES"}}
    watcher = subprocess.Popen(
        [sys.executable, "-m", "stilt", "status", "--watch", project_log.layout.project],
        stdout=its,
        stdin=its,
        env={**plain, "TERM": "xterm-256color"},
    )
    os.close(its)
    written = ""
    stopped = False
    try:
        with contextlib.suppress(OSError):
            while part := os.read(mine, 65536).decode():
                if not written:
                    writer.append(done(1), started(2), sync=True)
                elif not stopped and "1 complete" in re.sub(r"\x1b\[\d*m", "", written):
                    watcher.send_signal(stop)
                    stopped = True
                written += part
        code = watcher.wait()
    finally:
        os.close(mine)
        watcher.kill()
        watcher.wait()
    assert code == 0
    assert written.startswith("\x1b[?1049h\x1b[?25l\x1b[?7l"), (
        "the other screen, no cursor, no wrapping"
    )
    assert "\x1b[2J" not in written, "clearing the screen flickers"
    assert "\x1b[?7h\x1b[?25h\x1b[?1049l" in written, "all of it is as it was"
    assert written.rstrip().endswith(str(project_log.layout.project).rsplit("/", 1)[1] + "'")
