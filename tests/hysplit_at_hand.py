"""NOAA's hycs_std for tests: installed once, or the reason why they are skipped.

Whoever runs the tests with HYSPLIT accepts NOAA's terms of use, which ``stilt hysplit install`` names. ``native`` needs
nothing of it where its ground has a roughness of its own.
"""

from __future__ import annotations

import os
from functools import lru_cache

import pytest

from stilt.foundations.errors import EnvironmentFailure
from stilt.transport.hysplit.install import install
from stilt.transport.hysplit.locate import Installation, locate


def need_hysplit() -> Installation:
    """Return the installed program; the calling test is skipped where it cannot be installed."""
    if why := _why_not(os.environ.get("STILT_HOME", "")):
        pytest.skip(f"hycs_std is not available: {why}")
    return locate()


@lru_cache(maxsize=8)
def _why_not(_home: str) -> str:
    try:
        install()
        locate()
    except EnvironmentFailure as error:
        return error.message
    return ""


def settings_of(model: str) -> str:
    """Return the lines of config.yaml that name an engine; of hycs_std only where it is at hand."""
    if model == "hysplit":
        need_hysplit()
        return "model: hysplit\n"
    return f"model: {model}\nroughness: 0.1\n"
