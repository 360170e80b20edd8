"""The members of an ensemble in one file, of which a config picks one (``mets.NAME.member``)."""

from __future__ import annotations

from stilt.met.dataset.levels import DatasetError


def picked(numbers: list[int], asked: int | None) -> int | None:
    """Return the place of the member to read: of the only one, or that with the number that is asked for; else None.

    Raises
    ------
    DatasetError
        If the one that is asked for is not among several.
    """
    if len(numbers) == 1:
        return 0
    if asked is not None and asked not in numbers:
        raise DatasetError(f"it has {said(numbers)}, and the config's member says {asked}")
    return None if asked is None else numbers.index(asked)


def said(numbers: list[int]) -> str:
    """Tell people which members there are."""
    return f"{len(numbers)} members ({min(numbers)} to {max(numbers)})"


def to_be_picked(numbers: list[int]) -> str:
    """Tell people that one is to be picked, and how."""
    pick = f"of which one is to be picked: put `member: {min(numbers)}`, say, beside directory"
    return f"has {said(numbers)}, {pick} in the config"
