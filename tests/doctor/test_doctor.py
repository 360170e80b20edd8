"""``stilt doctor`` says what a filesystem and a machine really do, and leaves nothing behind."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from portalocker.exceptions import LockException

from stilt.check.finding import Weight
from stilt.doctor import executed, filesystem, machine
from stilt.doctor.mounts import mount_of

MOUNTS = r"""
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 21 0:40 / /home rw,nosuid shared:2 - nfs4 server:/home rw,vers=4.2,local_lock=none
31 21 0:41 / /scratch rw - lustre 10.0.0.1@o2ib:/scratch rw,localflock
32 21 0:42 / /old rw - nfs server:/old rw,vers=3,local_lock=all
33 30 0:43 / /home/my\040data rw - fuse.glusterfs localhost:/vol rw
34 21 0:44 / /home rw - tmpfs tmpfs rw,size=10k
garbage
"""


@pytest.mark.parametrize(
    ("folder", "kind", "is_shared", "has_own_locks"),
    [
        ("/etc", "ext4", False, False),
        ("/scratch/me", "lustre", True, True),
        ("/scratches", "ext4", False, False),
        ("/old", "nfs", True, True),
        ("/home/my data/project", "fuse.glusterfs", True, False),
        ("/home/me", "tmpfs", False, False),  # mounted over the nfs4 that was there
    ],
)
def test_the_mount_of_a_folder_is_found(folder, kind, is_shared, has_own_locks):
    mount = mount_of(Path(folder), MOUNTS)
    assert (mount.kind, mount.is_shared, mount.has_own_locks) == (kind, is_shared, has_own_locks)


def test_a_sound_folder_is_called_so_and_left_as_it_was(stilt, tmp_path):
    answer = stilt("doctor", tmp_path, "--json")
    findings = json.loads(answer.stdout)
    assert answer.returncode == 0, answer.stderr
    told = [
        found["text"] for found in findings if found["area"] in {"filesystem", "locks", "clock"}
    ]
    for what in (
        "created exclusively",
        "durable after",
        "renamed into place",
        "any script",
        "lock",
    ):
        assert any(what in text for text in told), what
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_can_not_be_written_is_a_problem(stilt):
    answer = stilt("doctor", "/proc")
    assert answer.returncode == 4
    assert "/proc cannot be written to" in answer.stdout
    assert "output: in config.yaml" in answer.stdout


def test_a_full_disk_is_a_problem(stilt, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk]
    if os.geteuid() or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small tmpfs needs root")
    try:
        (disk / "ballast").write_bytes(b"\0" * 60_000)
        answer = stilt("doctor", disk)
    finally:
        subprocess.run(["umount", "-l", disk], check=True)
    assert answer.returncode == 4
    assert "No space left on device" in " ".join(answer.stdout.split())
    assert "it is in memory" in " ".join(answer.stdout.split())


def say(findings, area):
    return [found for found in findings if found.area == area]


def test_a_filesystem_without_locks_is_worth_a_note(tmp_path, monkeypatch):
    def refuse(*_arguments):
        raise LockException("No locks available")

    monkeypatch.setattr("portalocker.lock", refuse)
    (found,) = say(filesystem.examine(tmp_path), "locks")
    assert (found.weight, "No locks available" in found.text) == (Weight.NOTE, True)


def test_locks_that_exclude_nobody_are_worth_a_note(tmp_path, monkeypatch):
    monkeypatch.setattr("portalocker.lock", lambda *_: None)
    monkeypatch.setattr("portalocker.unlock", lambda *_: None)
    (found,) = say(filesystem.examine(tmp_path), "locks")
    assert (found.weight, "excludes no other process" in found.text) == (Weight.NOTE, True)


def test_a_clock_that_is_off_is_worth_a_warning(tmp_path, monkeypatch):
    real = filesystem.time.time
    monkeypatch.setattr(filesystem.time, "time", lambda: real() + 300)
    (found,) = say(filesystem.examine(tmp_path), "clock")
    assert found.weight is Weight.WARNING
    assert re.search(r"\b(29\d|300) s behind", found.text), "300 s, less what it took to look"


@pytest.mark.parametrize(
    ("script", "weight", "words"),
    [
        ("echo 'ClusterName = hpc'; echo 'MaxArraySize = 1001'; echo 'MaxJobCount = 10000'",
         Weight.FINE, "cluster hpc: arrays of up to 1,001 tasks"),
        ("echo 'Unable to contact slurm controller' >&2; exit 1", Weight.WARNING, "Unable to contact"),
        (None, Weight.NOTE, "there is none on this machine"),
    ],
    ids=["answers", "is away", "absent"],
)  # fmt: skip
def test_slurm_is_asked_for_its_limits(tmp_path, monkeypatch, script, weight, words):
    monkeypatch.setenv("PATH", str(tmp_path))
    if script:
        for name in ("scontrol", "sbatch", "squeue", "scancel"):
            (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
            (tmp_path / name).chmod(0o755)
    found = next(machine.examine_slurm())
    assert found.weight is weight
    assert words in found.text


def test_the_machine_is_described():
    found = list(machine.examine())
    assert any("cores" in one.text and "memory" in one.text for one in found)
    assert say(found, "scratch")


def told_of_executed(stilt, project, **env):
    answer = stilt("doctor", project, "--json", **env)
    assert answer.returncode == 0, answer.stderr
    return [found for found in json.loads(answer.stdout) if found["area"] == "executed"]


def test_who_could_write_to_what_runs_is_told(stilt, tmp_path, monkeypatch):
    project, hysplit, home = tmp_path / "p", tmp_path / "hysplit", tmp_path / "home"
    for folder in (project, hysplit, home / "kernels"):
        folder.mkdir(parents=True)
    (project / "config.yaml").write_text("{}")
    (hysplit / "hycs_std").touch()
    monkeypatch.setenv("STILT_HYSPLIT", str(hysplit))
    monkeypatch.setenv("STILT_HOME", str(home))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    before = told_of_executed(stilt, project)
    for path in (project / "config.yaml", hysplit, home / "kernels"):
        path.chmod(0o777)
    after = [found for found in told_of_executed(stilt, project) if found not in before]
    texts = {found["weight"]: [] for found in after}
    for found in after:
        texts[found["weight"]].append(found["text"])
    (program,) = texts[Weight.WARNING]
    assert f"HYSPLIT {hysplit}/hycs_std runs as you, and others can write {hysplit}" == program
    assert any(
        f"compiled code in {home}/kernels is not used" in text for text in texts[Weight.NOTE]
    )
    assert any(f"others can write {project}/config.yaml" in text for text in texts[Weight.NOTE])


def test_nothing_is_told_where_nobody_else_can_write(monkeypatch, tmp_path):
    monkeypatch.setattr(executed, "exposure", lambda _: "")
    (found,) = executed.examine(tmp_path)
    assert found.weight == Weight.FINE
