"""Workers that begin at the same time on one machine leave each other's folders alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.foundations.writers import this_writer
from stilt.worker import scratch

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from portalocker import LockFlags


def test_a_folder_is_left_alone_by_others_while_its_lock_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, looks = scratch.lock, []

    def lock(descriptor: int, flags: LockFlags) -> None:
        if not looks:
            looks.append(descriptor)  # what the other tries itself is not looked at again
            scratch._remove_stale(tmp_path, this_writer("worker"))
        real(descriptor, flags)

    monkeypatch.setattr(scratch, "lock", lock)
    folder = scratch.make_scratch(str(tmp_path))
    scratch._remove_stale(tmp_path, this_writer("worker"))
    assert looks
    assert folder.is_dir()
    scratch.remove_scratch(folder)
    assert not folder.exists()


def test_the_folder_of_a_worker_that_is_gone_is_removed(tmp_path: Path) -> None:
    folder = scratch.make_scratch(str(tmp_path))
    lock = scratch._HELD.pop(folder)
    scratch._remove_stale(tmp_path, this_writer("worker"))
    assert folder.is_dir()
    scratch.os.close(lock)
    scratch._remove_stale(tmp_path, this_writer("worker"))
    assert not folder.exists()
