"""What a check found."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from msgspec import Struct

from stilt.foundations.errors import EnvironmentFailure, InputError, ProblemsError, StiltError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


class Weight(IntEnum):
    """How much a finding matters; the worst is the highest."""

    FINE = 0
    NOTE = 1
    WARNING = 2
    PROBLEM = 3


class Finding(Struct, frozen=True):
    """One thing that was looked at, and how it is.

    Attributes
    ----------
    area
        What was looked at: ``settings``, ``receptors``, ``met hrrr``, ...
    text
        What is, with places, numbers and times.
    hint
        What to do next, if anything.
    exit_code
        For a problem: 2 if the input is wrong, 4 if the surroundings are.
    simulations
        Ids of the simulations that it is about, where it is about some of them.
    code
        Of a problem or a warning: the kind of trouble, as ``stilt help CODE`` takes it.
    """

    weight: Weight
    area: str
    text: str
    hint: str = ""
    exit_code: int = 0
    simulations: tuple[str, ...] = ()
    code: str = ""


def fine(area: str, text: str) -> Finding:
    """Return that something is as it should be."""
    return Finding(Weight.FINE, area, text)


def note(area: str, text: str, hint: str = "") -> Finding:
    """Return something that one may want to know."""
    return Finding(Weight.NOTE, area, text, hint)


def no_effect(key: str, why: str) -> str:
    """Say that a setting changes nothing, though it counts in the digests of results."""
    return f"{key} has no effect: {why} (but results with it are others than without: it makes them stale)"


def warning(area: str, text: str, hint: str = "", *, code: str) -> Finding:
    """Return something that runs, but perhaps not as it is meant, or not to the end."""
    return Finding(Weight.WARNING, area, text, hint, code=code)


def wrong_input(
    area: str, text: str, hint: str = "", simulations: Sequence[str] = (), *, code: str
) -> Finding:
    """Return something in config, receptors or meteorology that makes simulations fail: all, or these."""
    wrong = InputError.exit_code
    return Finding(Weight.PROBLEM, area, text, hint, wrong, tuple(simulations), code)


def wrong_surroundings(area: str, text: str, hint: str = "", *, code: str) -> Finding:
    """Return something about the machine, the filesystem or Slurm that stops a run."""
    return Finding(Weight.PROBLEM, area, text, hint, EnvironmentFailure.exit_code, code=code)


def from_error(area: str, error: StiltError) -> Iterator[Finding]:
    """Yield an error as findings: one for each problem that it tells of."""
    code, wrong = error.code, error.exit_code
    if not isinstance(error, ProblemsError):
        yield Finding(Weight.PROBLEM, area, error.message, error.hint, wrong, code=code)
        return
    name = error.source.rpartition("/")[2]
    for problem in error.problems:
        yield Finding(Weight.PROBLEM, area, f"{name}: {problem}", "", wrong, code=code)


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings in the order in which they matter, those of equal weight as they were found."""
    return sorted(findings, key=lambda finding: -finding.weight)


def exit_code(findings: Iterable[Finding]) -> int:
    """Return 0, or that of the problems: 2 if any is in the input, else 4."""
    codes = {finding.exit_code for finding in findings if finding.weight is Weight.PROBLEM}
    return min(codes, default=0)
