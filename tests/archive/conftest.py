"""A finished project, with one simulation that touched nothing and one that failed."""

import shutil

import pytest

from tests.engines import Behaviour
from tests.projects import FOOTPRINT, Project, make_project

HEIGHTS = (*range(5, 45, 5), Behaviour.EMPTY, Behaviour.MODEL_ERROR)
FAR = "{xmin: -113, xmax: -111, ymin: 40, ymax: 41, xres: 0.25, yres: 0.25, time_integrate: true}"


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    made = make_project(
        tmp_path_factory.mktemp("archive") / "a project",
        HEIGHTS,
        footprints=f"{{near: {FOOTPRINT}, far: {FAR}}}",
    )
    assert made.stilt("run", "--cpus", "2").code == 1  # one failed
    return made


@pytest.fixture
def project(finished, tmp_path):
    """Return a copy that the test may do with as it likes."""
    shutil.copytree(finished.path, tmp_path / "copy", symlinks=True)
    return Project(tmp_path / "copy")
