"""The real hycs_std, where the tests of this area need it."""

from tests.hysplit.conftest import hysplit

__all__ = ["hysplit"]
