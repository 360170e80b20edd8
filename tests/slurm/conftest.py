"""One private Slurm for the whole session."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.slurm.cluster import started, wrapped
from tests.slurm.jobs import slurm_project

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.slurm.cluster import Cluster
    from tests.slurm.jobs import SlurmProject

UNWARNED = 'set -- --signal=B:URG@1 --export=ALL,SLURM_JOB_END_TIME=9999999999 "$@"'
"""Neither the signal before the limit nor the limit reaches the worker."""

UNDISTURBED = "n4"
"""A node that no test sets down, for the jobs that run beside the tests."""


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Four nodes with more CPUs than the machine has, so that tests can have jobs at the same time.

    Ended jobs stay in its memory for as long as tests ask about them, so that it must hold many.
    """
    with ExitStack() as stack:
        try:
            size = ("--cpus=8", "--memory=8000", "--min-job-age=300", "--max-job-count=5000")
            running = stack.enter_context(started(*size))
        except RuntimeError as error:
            pytest.skip(f"no Slurm: {error}")
        yield running


@pytest.fixture(scope="session")
def out_of_time(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, SlurmProject]:
    """Projects whose tasks have less time than they need; that takes minutes, so they begin first."""
    kinds = {
        "requeued": 3,
        "not requeued": 0,
        "not warned": 0,
    }
    begun = {}
    for kind, requeues in kinds.items():
        more = ["time: 1", f"max_requeues: {requeues}", f"nodelist: {UNDISTURBED}"]
        folder = tmp_path_factory.mktemp("p")
        heights = [5 + number / 10 for number in range(5)]
        run = slurm_project(folder / "p", cluster, heights, workers=1, more=more)
        environment = {"FAKE_SLEEP": "9"}
        if kind == "not warned":
            wrappers = wrapped(folder / "w", cluster, {"sbatch": UNWARNED})
            environment = {"FAKE_SLEEP": "25", "PATH": wrappers.env["PATH"]}
        run.submit(**environment)
        begun[kind] = run
    return begun


@pytest.fixture(autouse=True)
def _begin_what_takes_long(request: pytest.FixtureRequest) -> None:
    """Submit the jobs that run out of time with the first test that has a cluster."""
    wanted = any("out_of_time" in item.fixturenames for item in request.session.items)
    if wanted and "cluster" in request.fixturenames:
        request.getfixturevalue("out_of_time")
