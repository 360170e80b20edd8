"""Another distribution that has a package of our name: PYSTILT's, each of which overwrites files of the other."""

from __future__ import annotations

import os

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - pathlib costs more than all of this
WAY_OUT = "make a fresh environment and install one of them: to uninstall one takes away files of the other"


def pystilt_beside(package: str = PACKAGE) -> str:
    """Return the name of PYSTILT's metadata beside a package, empty where there is none: one listing of a folder."""
    try:
        names = os.listdir(os.path.dirname(package))  # noqa: PTH120, PTH208
    except OSError:
        return ""
    return next((name for name in names if name.lower().startswith("pystilt-")), "")


def warn_of_pystilt() -> None:
    """Say that files of both lie over each other, where they do."""
    if found := pystilt_beside():
        from stilt.foundations.remarks import remark

        remark(f"{words(found)}; {WAY_OUT}")


def words(found: str) -> str:
    """Say what is wrong with that."""
    return f"{found} is installed beside stilt-hpc, and both have a package stilt: files of one lie over the other's"
