"""What Slurm prints is read for what it says, and an answer that is none is not taken for one."""

from __future__ import annotations

import pytest

from stilt.backends.slurm import commands
from stilt.backends.slurm.answers import (
    JobId,
    Limits,
    QueuedTask,
    first_word,
    last_words,
    parse_job_id,
    parse_limits,
    parse_squeue,
)

HEADER = "ARRAY_JOB_ID|ARRAY_TASK_ID|STATE|NODELIST|START_TIME|USER|REASON|4f1d|NAME\n"


@pytest.mark.parametrize(
    ("text", "job"),
    [
        ("1234\n", JobId("1234")),
        ("1234;cluster-2\n", JobId("1234", "cluster-2")),
        ("Submitted batch job 1\n", JobId("1")),
        ("Submitted batch job 77 on cluster c2\n", JobId("77", "c2")),
        ("*** Welcome to HPC 2026 ***\nquota: 100\n1234\n", JobId("1234")),
        ("1234\nYou have used 17 of 100 hours\n", JobId("1234")),
        ("\n  1234  \n\n", JobId("1234")),
        ("", None),
        ("sbatch: error: Batch job submission failed\n", None),
        ("job 1234 was accepted\n", None),
    ],
)
def test_the_job_id_is_found_among_banners(text: str, job: JobId | None):
    assert parse_job_id(text) == job


def test_a_queue_is_read_line_by_line():
    text = HEADER + (
        "12|3|RUNNING|n1|1795339457|ann|None|4f1d|stilt-1\n"
        "12|4|PENDING||N/A|ann|JobArrayTaskLimit|4f1d|stilt-1\n"
        "13|N/A|CANCELLED by 1000|n[1-2]|1795339457|bob|None|4f1d|a|b|c\n"
        "14|0|PENDING||N/A|eve|None|4f1d|of two lines\n"
        "12|3|COMPLETED||N/A|ann|None|stilt-1\n"
        "12|3|COMPLETED||N/A|ann|None|4f1e|stilt-1\n"
        "slurm_load_jobs: garbage\n"
    )
    assert parse_squeue("banner\n" + text, "4f1d") == (
        QueuedTask("12", 3, "RUNNING", "n1", 1795339457.0, "ann", "", "stilt-1"),
        QueuedTask("12", 4, "PENDING", "", None, "ann", "JobArrayTaskLimit", "stilt-1"),
        QueuedTask("13", None, "CANCELLED", "n[1-2]", 1795339457.0, "bob", "", "a|b|c"),
        QueuedTask("14", 0, "PENDING", "", None, "eve", "", "of two lines"),
    )


def test_a_program_in_place_of_squeue_that_prints_what_it_always_prints_is_read():
    text = "ARRAY_JOB_ID|ARRAY_TASK_ID|STATE|NODELIST|START_TIME|USER|REASON|NAME\n12|3|RUNNING|n1|1|ann|None|a|b\n"
    assert parse_squeue(text, "4f1d") == (
        QueuedTask("12", 3, "RUNNING", "n1", 1.0, "ann", "", "a|b"),
    )


def test_an_empty_queue_is_an_answer_and_no_text_is_none():
    assert parse_squeue(HEADER, "4f1d") == ()
    assert parse_squeue("", "4f1d") is None
    assert (
        parse_squeue("slurm_load_jobs error: Unable to contact slurm controller\n", "4f1d") is None
    )


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ("CANCELLED by 1000", "CANCELLED"),
        ("COMPLETED+", "COMPLETED"),
        ("RUNNING", "RUNNING"),
        ("", ""),
    ],
)
def test_only_the_first_word_of_a_state_counts(state: str, word: str):
    assert first_word(state) == word


def test_limits_are_read_from_the_configuration():
    text = (
        "Configuration data as of 2026-11-22T09:18:11\n"
        "ClusterName             = stilt\n"
        "MaxArraySize            = 101\n"
        "MaxJobCount             = 300\n"
        "PrivateData             = jobs,usage\n"
    )
    assert parse_limits(text) == Limits("stilt", 101, 300, private_jobs=True)
    assert parse_limits("") == Limits()


def test_what_sbatch_said_is_shown_without_its_prefixes():
    text = "sbatch: error: invalid partition specified: x\nsbatch: error: Batch job submission failed\n"
    assert last_words(text) == "invalid partition specified: x / Batch job submission failed"


def test_slurms_commands_see_the_environment_of_a_login_shell():
    leaking = {
        "SLURM_JOB_ID": "1",
        "SLURM_ARRAY_TASK_ID": "3",
        "SLURMD_NODENAME": "n1",
        "SBATCH_ARRAY_INX": "9",
        "SBATCH_PARTITION": "other",
        "SQUEUE_FORMAT": "%i",
        "SCANCEL_STATE": "RUNNING",
    }
    kept = {"SLURM_CONF": "/etc/x", "SLURM_CLUSTERS": "c1", "PATH": "/bin", "PYTHONPATH": "/mine"}
    assert commands.environment({**leaking, **kept}) == kept
