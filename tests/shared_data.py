"""The shared folder: meteorology and reference results that are too large, or not ours, to keep in the repository.

It lies beside the checkout (``../shared``) or where ``STILT_SHARED`` says. Tests that need it are skipped with a
reason where it is absent.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


def shared_folder() -> Path | None:
    """Return the shared folder, or None where there is none."""
    named = os.environ.get("STILT_SHARED")
    folder = Path(named) if named else REPOSITORY.parent / "shared"
    return folder.resolve() if folder.is_dir() else None


def shared(*parts: str) -> Path:
    """Return a path in the shared folder; skip the calling test (or module) where it does not exist."""
    folder = shared_folder()
    if folder is None:
        pytest.skip("no shared folder (../shared or STILT_SHARED)", allow_module_level=True)
    path = folder.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"the shared folder has no {'/'.join(parts)}", allow_module_level=True)
    return path
