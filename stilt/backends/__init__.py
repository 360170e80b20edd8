"""Where workers run: on this machine, or as tasks of a Slurm array."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stilt.backends.interface import Backend


def backend_named(name: str) -> Backend:
    """Return the backend of that name; its module is imported when it is asked for."""
    if name == "slurm":
        from stilt.backends.slurm.backend import SlurmBackend

        return SlurmBackend()
    from stilt.backends.local import LocalBackend

    return LocalBackend()
