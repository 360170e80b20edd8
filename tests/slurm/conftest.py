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
            size = ("--cpus=8", "--memory=8000", "--min-job-age=1800", "--max-job-count=5000")
            running = stack.enter_context(started(*size))
        except RuntimeError as error:
            pytest.skip(f"no Slurm: {error}")
        yield running


@pytest.fixture(scope="session")
def out_of_time(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, SlurmProject]:
    """Projects whose tasks have less time than they need; that takes minutes, so they begin first.

    A life of a task has one simulation done and waits in the next one until its time is up, however fast
    the machine is. Of three minutes a task has more than half a minute before it is warned: a warning in
    the moment in which the worker begins would just end it.
    """
    kinds = {
        "requeued": (3, "time: 3", "max_requeues: 9"),
        "not requeued": (3, "time: 3", "max_requeues: 0"),
        "not warned": (5, "time: 1", "max_requeues: 0"),
    }
    begun = {}
    for kind, (count, *more) in kinds.items():
        folder = tmp_path_factory.mktemp("p")
        heights = [5 + number / 10 for number in range(count)]
        node = f"nodelist: {UNDISTURBED}"
        run = slurm_project(folder / "p", cluster, heights, workers=1, more=[*more, node])
        run.project.let_run(1)
        environment = {}
        if kind == "not warned":
            wrappers = wrapped(folder / "w", cluster, {"sbatch": UNWARNED})
            environment = {"PATH": wrappers.env["PATH"]}
        run.submit(**environment)
        begun[kind] = run
    return begun


@pytest.fixture(autouse=True)
def _begin_what_takes_long(request: pytest.FixtureRequest) -> None:
    """Submit the jobs that run out of time with the first test that has a cluster."""
    wanted = any("out_of_time" in item.fixturenames for item in request.session.items)
    if wanted and "cluster" in request.fixturenames:
        request.getfixturevalue("out_of_time")


@pytest.fixture(autouse=True)
def _jobs_end_with_their_test(
    request: pytest.FixtureRequest, _begin_what_takes_long: None
) -> Iterator[None]:
    """Whatever became of a test, its jobs are gone before the next one starts."""
    used = {"cluster", "small"}.intersection(request.fixturenames)
    clusters = [request.getfixturevalue(name) for name in used]
    live_before = [cluster.live() for cluster in clusters]
    yield
    for cluster, others in zip(clusters, live_before, strict=True):
        cluster.end_all_but(others)
