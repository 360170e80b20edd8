"""Every refusal says what is wrong, where, and what to do next."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stilt.backends.slurm import commands, requeue, submit
from stilt.backends.slurm.answers import Limits
from stilt.backends.slurm.arrays import split
from stilt.backends.slurm.commands import SlurmError
from stilt.backends.slurm.refusals import LIMITS, SETTINGS, refusal
from stilt.backends.slurm.requeue import requeue_self
from stilt.backends.slurm.script import Script
from stilt.backends.slurm.submit import Submission, await_limits
from stilt.config.schema import Execution
from stilt.foundations.errors import EnvironmentFailure, InputError
from stilt.foundations.paths import Layout
from tests.slurm.cluster import wrapped
from tests.slurm.jobs import slurm_project

if TYPE_CHECKING:
    from tests.slurm.cluster import Cluster

SCRIPT = Script(
    name="stilt-1-0",
    batch="1",
    part=split(1, None, None)[0],
    cpus=1,
    logs=Path("/p/slurm/logs/1"),
    project=Path("/p"),
    output=Path("/p/output"),
    python="python",
    max_requeues=0,
    setup=(),
    options={},
)


@pytest.mark.parametrize(("sign", "advice"), SETTINGS.items())
def test_a_setting_that_sbatch_refuses_is_wrong_input(sign: str, advice: str):
    error = refusal(SlurmError(f"sbatch: {sign.title()}", transient=False), SCRIPT, ())
    assert isinstance(error, InputError)
    assert sign in error.message.lower()
    assert error.hint.startswith(advice)


@pytest.mark.parametrize(("sign", "advice"), LIMITS.items())
def test_a_limit_that_is_reached_is_no_fault_of_the_settings(sign: str, advice: str):
    error = refusal(SlurmError(f"sbatch: {sign}", transient=False), SCRIPT, ("17",))
    assert isinstance(error, EnvironmentFailure)
    assert "earlier arrays of this batch are in the queue: 17" in error.message
    assert error.hint.startswith(advice)


def test_a_controller_that_stays_away_leaves_work_that_the_next_run_looks_for():
    error = refusal(SlurmError("sbatch: Socket timed out"), SCRIPT, ())
    assert error.exit_code == 4
    assert "`stilt run` looks for the job stilt-1-0" in error.hint


def test_what_sbatch_says_for_other_reasons_is_shown_as_it_is():
    error = refusal(SlurmError("sbatch: the moon is full", transient=False), SCRIPT, ())
    assert (error.exit_code, error.message) == (4, "sbatch: the moon is full")
    assert "run the same command again" in error.hint


def test_limits_that_nobody_tells(monkeypatch: pytest.MonkeyPatch):
    def silent() -> Limits:
        raise SlurmError("scontrol show config: no answer")

    monkeypatch.setattr(submit, "WAITS_S", ())
    monkeypatch.setattr(commands, "show_limits", silent)
    with pytest.raises(SlurmError, match="no answer") as caught:
        await_limits(print)
    assert caught.value.exit_code == 4
    assert "the work is registered" in caught.value.hint


def test_a_cluster_without_arrays():
    submission = Submission(Layout.of("/p"), "1", 1, 1, Execution())
    with pytest.raises(EnvironmentFailure, match="no job arrays") as caught:
        submission.scripts(Limits(max_array_size=0))
    assert "--backend local" in caught.value.hint


def test_errors_survive_pickling():
    given = SlurmError("a", "b", transient=False, code="SBATCH_REFUSED")
    error = pickle.loads(pickle.dumps(given))  # noqa: S301 - our own
    assert (error.message, error.hint, error.transient) == ("a", "b", False)
    assert error.code == "SBATCH_REFUSED"


@pytest.mark.parametrize(
    ("surroundings", "words"),
    [
        ({}, "no array task"),
        ({"SLURM_JOB_ID": "7"}, "no array task"),
        (
            {"SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "0", "SLURM_RESTART_COUNT": "3"},
            "this was restart 3 of at most 3",
        ),
    ],
)
def test_a_task_that_does_not_requeue_says_why(surroundings: dict[str, str], words: str):
    assert words in requeue_self(3, surroundings)


def test_a_task_that_finds_no_slurm_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PATH", str(tmp_path))
    words = requeue_self(3, {"SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "0"})
    assert words == "not requeued: backend slurm: there is no sbatch on PATH"


def test_a_task_tries_again_while_the_controller_is_busy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    scontrol = tmp_path / "scontrol"
    busy = "slurm_requeue error: Unable to contact slurm controller (connect failure)"
    scontrol.write_text(
        f"#!/bin/sh\n[ -e {tmp_path}/mark ] && exit 0\n: > {tmp_path}/mark\necho '{busy}' >&2; exit 1\n"
    )
    scontrol.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(requeue, "WAITS_S", (0.0,))
    words = requeue_self(3, {"SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "0"})
    assert words == "requeued: restart 1 of at most 3"


@pytest.mark.slurm
def test_a_backend_asked_for_without_a_number_of_tasks(cluster: Cluster, tmp_path: Path):
    run = slurm_project(tmp_path, cluster, [5], workers=1)
    config = tmp_path / "config.yaml"
    config.write_text(config.read_text().partition("execution:")[0])
    answer = run.stilt("run", "--backend", "slurm")
    assert answer.code == 2
    assert "execution.n_workers is missing" in answer.err
    assert "--n-workers" in answer.err
    assert not run.project.output.exists()


@pytest.mark.slurm
@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("a\\b", "there is a backslash in it"),
        ("a\tb", "there is a line break or a control character in it"),
        (os.fsdecode(b"a\xe9b"), "has a name that is not UTF-8"),
    ],
)
def test_a_folder_that_slurm_cannot_print_to(
    name: str, what: str, cluster: Cluster, tmp_path: Path
):
    run = slurm_project(tmp_path / name, cluster, [5], workers=1)
    answer = run.stilt("run")
    assert answer.code == 2
    assert what in answer.err
    assert "-> rename " in answer.err
    assert run.project.batches() == []


@pytest.mark.slurm
def test_a_cancel_that_slurm_does_not_carry_out(cluster: Cluster, tmp_path: Path):
    run = slurm_project(tmp_path / "p", cluster, [5], workers=1, more=["hold: true"])
    (job,) = run.submit()
    refuses = {"scancel": "echo 'scancel: error: Access/permission denied' >&2; exit 1"}
    wrappers = wrapped(tmp_path / "w", cluster, refuses)
    answer = run.stilt("cancel", PATH=wrappers.env["PATH"])
    assert answer.code == 4
    assert f"scancel {job}" in answer.err
    assert "Access/permission denied" in answer.err
    assert "run `stilt cancel` again" in answer.err
    assert run.project.fold().batches[run.project.batches()[0]].cancelled is None
    assert run.stilt("cancel").code == 0


@pytest.mark.slurm
def test_a_cancel_that_cannot_look_up_what_was_accepted(cluster: Cluster, tmp_path: Path):
    run = slurm_project(tmp_path / "p", cluster, [5], workers=1, more=["hold: true"])
    accepts = {"sbatch": '$real "$@" > /dev/null; kill -9 $PPID; exit 1'}
    assert run.stilt("run", PATH=wrapped(tmp_path / "a", cluster, accepts).env["PATH"]).code == -9
    silent = {"squeue": "echo 'squeue: error: Socket timed out' >&2; exit 1"}
    answer = run.stilt("cancel", PATH=wrapped(tmp_path / "s", cluster, silent).env["PATH"])
    assert answer.code == 4
    assert "Socket timed out" in answer.err
    assert "run `stilt cancel` again" in answer.err
    assert "1 task running or waiting" in run.stilt("cancel").out
