"""No inodes left is not "no space left": check, doctor and run say which it is, and what to do."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.projects import make_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def mounted(folder: Path, options: str) -> Iterator[Path]:
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder]
    if os.geteuid() or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small tmpfs needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture
def without_inodes(tmp_path: Path) -> Iterator[Path]:
    for folder in mounted(tmp_path / "disk", "size=1m,nr_inodes=4"):
        for name in ("a", "b", "c"):
            (folder / name).touch()
        yield folder


@pytest.fixture
def without_space(tmp_path: Path) -> Iterator[Path]:
    for folder in mounted(tmp_path / "disk", "size=64k"):
        (folder / "ballast").write_bytes(bytes(60_000))
        (folder / "more").write_bytes(bytes(4_096))
        yield folder


@pytest.mark.parametrize("command", ["check", "doctor", "run"])
def test_a_disk_without_inodes_lacks_files_and_not_space(
    command: str, without_inodes: Path, tmp_path: Path
) -> None:
    project = make_project(tmp_path / "project", [5], settings=f"output: {without_inodes}/out")
    answer = project.stilt(command, COLUMNS="500")
    said = " ".join((answer.out + answer.err).split())
    assert answer.code == 4, said
    assert f"no more files can be made in {without_inodes}: no inodes left" in said
    assert "remove files there" in said
    assert "make room" not in said


@pytest.mark.parametrize("command", ["check", "doctor"])
def test_a_disk_without_space_lacks_space_and_not_files(
    command: str, without_space: Path, tmp_path: Path
) -> None:
    project = make_project(tmp_path / "project", [5], settings=f"output: {without_space}/out")
    answer = project.stilt(command, COLUMNS="500")
    said = " ".join((answer.out + answer.err).split())
    assert answer.code == 4, said
    assert f"No space left on device in {without_space}" in said
    assert "inodes" not in said
