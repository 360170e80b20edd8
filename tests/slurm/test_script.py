"""The batch script: what sbatch and bash read out of it is what went in."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stilt.backends.slurm.arrays import split
from stilt.backends.slurm.script import ArrayPart, Script, render, task_output, time_limit_s
from stilt.foundations.errors import InputError
from tests.slurm.cluster import await_that

if TYPE_CHECKING:
    from tests.slurm.cluster import Cluster

PLAIN = Script(
    name="stilt-0001-abc-0",
    batch="0001-abc",
    part=ArrayPart(0, 0, 12, 4),
    cpus=2,
    logs=Path("/p/slurm/logs/0001-abc"),
    project=Path("/p"),
    output=Path("/p/output"),
    python="/usr/bin/python3",
    max_requeues=5,
    setup=("module load netcdf",),
    options={"partition": "debug", "mem": "2G", "exclusive": True, "hold": False, "nice": 5},
)

HOSTILE = [
    "with space",
    "quo'te",
    'double "quote"',
    "$(touch PWNED)",
    "`touch PWNED`",
    "; touch PWNED",
    "# comment",
    "#SBATCH --wrap=touch",
    "x --array=9",
    "percent %a %%",
    "ünïcödé ☃",
    "a\\b",
    "-x",
    "&& touch PWNED",
    "packjob",
    "a\u2028b",
]
BREAKING = ["a\nb", "a\r\nb", "a\rb", "\n#SBATCH --array=9", "a\x00b", "a\x1bb"]


def test_a_whole_script():
    assert render(PLAIN).splitlines() == [
        "#!/bin/bash",
        "#SBATCH --partition=debug",
        "#SBATCH --mem=2G",
        "#SBATCH --exclusive",
        "#SBATCH --nice=5",
        "#SBATCH --job-name=stilt-0001-abc-0",
        "#SBATCH --array=0-11%4",
        "#SBATCH --cpus-per-task=2",
        "#SBATCH --output=/p/slurm/logs/0001-abc/task-%a.out",
        "#SBATCH --open-mode=append",
        "#SBATCH --requeue",
        "#SBATCH --signal=B:USR1@120",
        "STILT_TASK=$((0 + SLURM_ARRAY_TASK_ID))",
        "module load netcdf",
        (
            "exec /usr/bin/python3 -P -m stilt push-worker /p --output /p/output "
            '--batch 0001-abc --cpus 2 --max-requeues 5 --task "$STILT_TASK"'
        ),
    ]


@pytest.mark.parametrize(
    ("given", "forbidden"),
    [
        ({"no-requeue": True}, True),
        ({"requeue": False}, True),
        ({"no-requeue": False}, False),
        ({"requeue": True}, False),
    ],
)
def test_a_user_who_forbids_requeueing_is_heard(given: dict[str, bool], forbidden: bool):
    lines = render(replace(PLAIN, options=given)).splitlines()
    assert ("#SBATCH --no-requeue" in lines) == forbidden
    assert ("#SBATCH --requeue" in lines) != forbidden


@pytest.mark.parametrize("value", BREAKING)
@pytest.mark.parametrize("place", ["option", "setup", "logs"])
def test_what_could_add_a_line_is_refused(value: str, place: str):
    script = {
        "option": replace(PLAIN, options={"partition": value}),
        "setup": replace(PLAIN, setup=(value,)),
        "logs": replace(PLAIN, logs=Path("/p") / value),
    }[place]
    with pytest.raises(InputError, match="line break"):
        render(script)


@pytest.mark.parametrize(
    "key", ["array", "arr", "wrap", "parsable", "a b", "", "x=y", "-p", "x\ny"]
)
def test_keys_that_are_stilts_own_or_no_option_are_refused(key: str):
    with pytest.raises(InputError, match="cannot be handed on"):
        render(replace(PLAIN, options={key: "1"}))


@pytest.mark.parametrize("value", HOSTILE)
def test_bash_reads_each_path_as_one_word_and_runs_nothing(value: str, tmp_path: Path):
    folder = tmp_path / value
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    python.chmod(0o755)
    text = render(
        replace(
            PLAIN,
            project=folder,
            output=folder / "out",
            python=str(python),
            setup=(),
            logs=tmp_path,
        )
    )
    done = subprocess.run(
        ["bash", "-c", text],
        env={"SLURM_ARRAY_TASK_ID": "7", "PATH": "/usr/bin:/bin"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    words = done.stdout.rstrip("\n").split("\n")
    assert words[words.index("push-worker") + 1] == str(folder)
    assert words[words.index("--output") + 1] == str(folder / "out")
    assert words[-2:] == ["--task", "7"]
    assert not list(tmp_path.glob("**/PWNED"))


@pytest.mark.slurm
@pytest.mark.parametrize("value", HOSTILE)
def test_sbatch_reads_each_value_as_one_word(value: str, cluster: Cluster, tmp_path: Path):
    text = render(
        replace(PLAIN, options={"comment": value, "mem": 10, "hold": True}, logs=tmp_path, setup=())
    )
    script = tmp_path / "submit.sh"
    script.write_text(text)
    job = cluster.run("sbatch", "--parsable", str(script)).strip()
    shown = cluster.run("squeue", "-h", f"--jobs={job}", "-o", "%i|%k")
    cluster.run("scancel", job)
    assert shown.rstrip("\n") == f"{job}_[0-11%4]|{value}"


@pytest.mark.slurm
def test_tasks_print_where_they_should(cluster: Cluster, tmp_path: Path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho I am index $SLURM_ARRAY_TASK_ID\n")
    python.chmod(0o755)
    part = ArrayPart(1, 5, 2)
    plain = replace(PLAIN, python=str(python), part=part, setup=(), options={"mem": 10})
    folders = [tmp_path / value for value in HOSTILE if "\\" not in value]
    for folder in folders:
        folder.mkdir()
        script = folder / "submit.sh"
        script.write_text(render(replace(plain, logs=folder)))
        cluster.run("sbatch", str(script))
    for output in (task_output(folder, 6, first=5) for folder in folders):
        await_that(output.exists, f"{output} is written")
        await_that(output.read_text, f"{output} has text")
        assert output.read_text() == "I am index 1\n"


def test_a_path_that_slurm_cannot_number_files_in_is_refused():
    with pytest.raises(InputError, match="backslash"):
        render(replace(PLAIN, logs=Path("/p/a\\b")))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("20", 1200),
        (20, 1200),
        ("20:30", 1230),
        ("01:20:30", 4830),
        ("1-0", 86400),
        ("1-02", 93600),
        ("1-02:03", 93780),
        ("1-02:03:04", 93784),
        ("UNLIMITED", None),
        (0, None),
        ("00:00:00", None),
        ("", None),
        (None, None),
    ],
)
def test_time_limits_are_read_as_sbatch_does(text: object, seconds: int | None):
    assert time_limit_s(text) == seconds


def test_the_worker_is_told_when_its_time_ends():
    text = render(replace(PLAIN, time_limit_s=1200))
    assert 'export SLURM_JOB_END_TIME="${SLURM_JOB_END_TIME:-$(($(date +%s) + 1200))}"' in text


@pytest.mark.parametrize(
    ("tasks", "size", "parallelism", "expected"),
    [
        (12, 1001, 4, [(0, 12, 4, None)]),
        (12, 1001, None, [(0, 12, None, None)]),
        (1, 1001, 4, [(0, 1, 4, None)]),
        (11, 11, None, [(0, 11, None, None)]),
        (12, 11, None, [(0, 6, None, None), (6, 6, None, None)]),
        (40, 11, 10, [(0, 10, 3, None), (10, 10, 3, None), (20, 10, 2, None), (30, 10, 2, None)]),
        (40, 11, 2, [(0, 10, 1, None), (10, 10, 1, None), (20, 10, 1, 0), (30, 10, 1, 1)]),
        (3, 1, 1, [(0, 1, 1, None), (1, 1, 1, 0), (2, 1, 1, 1)]),
        (40, None, 2, [(0, 40, 2, None)]),
    ],
)
def test_arrays_respect_the_limit_and_share_the_throttle(
    tasks: int,
    size: int | None,
    parallelism: int | None,
    expected: list[tuple[int, int, int | None, int | None]],
):
    parts = split(tasks, size, parallelism)
    assert [(part.first, part.tasks, part.parallelism, part.after) for part in parts] == expected
    assert [part.number for part in parts] == list(range(len(parts)))
