"""Values in config.yaml that would like to be lines, options or commands: refused, or harmless."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from stilt.log.index import OutputIndex
from tests.slurm.cluster import await_that
from tests.slurm.jobs import SlurmProject, slurm_project

if TYPE_CHECKING:
    from pathlib import Path

    from tests.slurm.cluster import Cluster

pytestmark = pytest.mark.slurm

MARK = "PWNED"
BREAKING = [
    "x\n#SBATCH --array=0-9",
    f"x\ntouch {MARK}",
    f"x\r\ntouch {MARK}\r",
]
HARMLESS = [
    f"$(touch {MARK})",
    f"`touch {MARK}`",
    f"'; touch {MARK}; '",
    f'" ; touch {MARK} ; "',
    "#SBATCH --array=0-9",
    "x --array=0-9 --wrap=touch",
]
STRINGS = ("partition", "account", "comment", "qos", "reservation", "scratch")


def execution(values: dict[str, str]) -> list[str]:
    return [f"{key}: {json.dumps(value)}" for key, value in values.items()]


def assert_nothing_executed(run: SlurmProject) -> None:
    assert not list(run.project.path.parent.rglob(MARK))


@pytest.mark.parametrize("value", BREAKING)
def test_what_breaks_a_line_is_refused_in_every_string(
    value: str, cluster: Cluster, tmp_path: Path
):
    more = [*execution(dict.fromkeys(STRINGS, value)), f"setup: [{json.dumps(value)}]"]
    settings = f"output: {json.dumps(value)}"
    run = slurm_project(tmp_path, cluster, [5], workers=1, more=more, settings=settings)
    answer = run.stilt("run")
    assert answer.code == 2
    for key in (*(f"execution.{name}" for name in STRINGS), "execution.setup", "output"):
        assert key in answer.err, answer.err
    assert {path.name for path in run.project.path.iterdir()} == {
        "config.yaml",
        "receptors.csv",
        "scratch",
    }


def test_what_looks_like_a_command_is_a_value_like_others(cluster: Cluster, tmp_path: Path):
    """Also as the name of the project's folder, of its output and of its scratch folder."""
    runs = []
    for number, value in enumerate(HARMLESS):
        folder = tmp_path / f"{number} {value}"
        scratch = folder / f"scratch {value}"
        scratch.mkdir(parents=True)
        strings = {"comment": value, "account": value, "scratch": str(scratch)}
        settings = f"output: {json.dumps(value)}"
        run = slurm_project(
            folder, cluster, [5], workers=1, more=execution(strings), settings=settings
        )
        answer = run.stilt("run")
        assert answer.code == 0, answer.err
        runs.append((run, OutputIndex(folder / value / "log")))
    for run, log in runs:
        await_that(lambda log=log: _outcomes(log) == ["complete"], f"{log.log_dir} is complete")
        assert_nothing_executed(run)


def _outcomes(log: OutputIndex) -> list[str]:
    return [state.outcome for state in log.fold().sims.values()]


@pytest.mark.parametrize("value", HARMLESS[-2:])
def test_what_looks_like_an_option_of_sbatch_is_a_partition_that_is_not_there(
    value: str, cluster: Cluster, tmp_path: Path
):
    run = slurm_project(tmp_path, cluster, [5], workers=1, more=execution({"partition": value}))
    answer = run.stilt("run")
    assert answer.code == 2
    assert "invalid partition" in answer.err
    assert_nothing_executed(run)
