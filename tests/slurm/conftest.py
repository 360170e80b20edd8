"""One private Slurm for the whole session."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.slurm.cluster import started

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.slurm.cluster import Cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Four nodes with more CPUs than the machine has, so that tests can have jobs at the same time."""
    with ExitStack() as stack:
        try:
            running = stack.enter_context(started("--cpus=8", "--memory=8000"))
        except RuntimeError as error:
            pytest.skip(f"no Slurm: {error}")
        yield running
