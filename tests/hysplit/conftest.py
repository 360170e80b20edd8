"""The real hycs_std, for the tests of this area."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.hysplit_at_hand import need_hysplit
from tests.met.conftest import analyses
from tests.shared_data import shared

if TYPE_CHECKING:
    from pathlib import Path

    from stilt.transport.hysplit.locate import Installation

__all__ = ["analyses"]


@pytest.fixture(scope="session")
def hysplit() -> Installation:
    """The installed program; the test is skipped where it cannot be installed."""
    return need_hysplit()


@pytest.fixture(scope="session")
def ngm() -> Path:
    """NOAA's sample meteorology, 1995-10-16 00 UTC to 1995-10-18 22 UTC."""
    return shared("data", "oct1618.BIN")
