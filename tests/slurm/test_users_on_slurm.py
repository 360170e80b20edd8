"""Two users of one group whose jobs Slurm runs, and a stranger: each job runs, and is cancelled, as its own user."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.projects import FOOTPRINT
from tests.slurm.jobs import SlurmProject, slurm_project
from tests.users import User, needs_setpriv, open_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.slurm.cluster import Cluster

pytestmark = [
    pytest.mark.slurm,
    needs_setpriv,
    pytest.mark.skipif(shutil.which("useradd") is None, reason="needs useradd"),
]
NAMES = [f"stilt-{name}-{os.getpid()}" for name in ("alice", "bob", "carl")]
GROUP = f"stilt-lab-{os.getpid()}"


def administer(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture(scope="module")
def people(cluster: Cluster) -> Iterator[tuple[User, User, User]]:
    """Alice and bob of one group, and carl, as accounts of this machine: Slurm runs no job of a mere number."""
    with ExitStack() as stack:
        folder = stack.enter_context(open_folder())
        administer("groupadd", "--system", GROUP)
        stack.callback(administer, "groupdel", GROUP)
        for name in NAMES:
            group = "nogroup" if name == NAMES[-1] else GROUP
            administer("useradd", "--system", "--no-create-home", "--gid", group, name)
            stack.callback(administer, "userdel", name)
        env = {name: cluster.env[name] for name in ("PATH", "SLURM_CONF")}
        accounts = map(pwd.getpwnam, NAMES)
        alice, bob, carl = (User(each.pw_uid, each.pw_gid, folder, env) for each in accounts)
        yield alice, bob, carl


@pytest.fixture
def shared(people: tuple[User, User, User], cluster: Cluster) -> Iterator[SlurmProject]:
    """A project of alice's, in a folder of the group."""
    alice, *_ = people
    run = slurm_project(
        alice.root / "p", cluster, [5, 50], workers=1, settings=f"footprints: {{fine: {FOOTPRINT}}}"
    )
    config = run.project.path / "config.yaml"
    config.write_text(config.read_text().replace("footprints: {}\n", ""))
    for path in (run.project.path, *run.project.path.iterdir()):
        os.chown(path, alice.number, alice.group)
    run.project.path.chmod(0o2775)
    yield run
    shutil.rmtree(run.project.path)


def owners(folder: Path, pattern: str) -> set[str]:
    """Return who owns the files that a pattern names."""
    return {path.owner() for path in folder.rglob(pattern)}


def test_jobs_of_a_group_go_on_with_each_others_work(
    people: tuple[User, User, User], shared: SlurmProject
) -> None:
    alice, bob, carl = people
    project = shared.project.path
    code, said = alice.stilt(project, "run", "--wait")
    assert code == 0, said
    assert owners(project / "output", "*.parquet") == {NAMES[0]}
    code, said = bob.stilt(project, "run", "--wait", "--no-skip")
    assert code == 0, said
    assert owners(project / "output", "fake_*.parquet") == {NAMES[1]}
    assert {path.group() for path in (project / "output").rglob("*")} == {GROUP}
    code, said = alice.stilt(project, "verify")
    assert code == 0, said
    code, said = carl.stilt(project, "run", "--no-skip")
    assert code == 4, said
    assert {name for (name,) in shared.cluster.jobs("%u")} & set(NAMES) == set(NAMES[:2])
    assert alice.stilt(project, "archive")[0] == 0


def test_what_is_queued_is_handed_over_once_and_cancelled_by_its_owner_only(
    people: tuple[User, User, User], shared: SlurmProject
) -> None:
    alice, bob, carl = people
    config = shared.project.path / "config.yaml"
    config.write_text(config.read_text().replace("execution:\n", "execution:\n  hold: true\n"))
    assert alice.stilt(shared.project.path, "run")[0] == 0
    (job,) = shared.jobs()
    code, said = bob.stilt(shared.project.path, "run")
    assert (code, "2 queued or running" in said) == (0, True), said
    assert shared.jobs() == [job]
    for user, problem in ((bob, f"of {NAMES[0]}, not "), (carl, "cannot be written")):
        code, said = user.stilt(shared.project.path, "cancel")
        assert (code in {4, 5}, problem in said) == (True, True), said
        assert set(shared.cluster.states(job).values()) == {"PENDING"}
    assert alice.stilt(shared.project.path, "cancel")[0] == 0
    assert set(shared.cluster.states(job).values()) == {"CANCELLED"}


def test_a_job_compiles_anew_what_somebody_else_has_compiled(
    people: tuple[User, User, User], shared: SlurmProject
) -> None:
    alice, bob, _ = people
    home = alice.root / "tools"
    home.mkdir()
    os.chown(home, alice.number, alice.group)
    project, kept = shared.project.path, {"STILT_HOME": str(home)}
    assert alice.stilt(project, "run", "--wait", **kept)[0] == 0
    assert owners(home, "*.machine") == {NAMES[0]}
    for trust in ("", NAMES[0]):
        code, said = bob.stilt(project, "run", "--wait", "--no-skip", **kept, STILT_TRUST=trust)
        assert code == 0, said
        words = max(project.rglob("task-*.out"), key=lambda path: path.stat().st_mtime).read_text()
        refused = f"belongs to {NAMES[0]}: it is compiled anew" in words
        assert refused == (not trust), words
