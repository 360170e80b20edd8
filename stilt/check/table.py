"""Findings as a table for a terminal: worst first, wrapped to its width."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from stilt.check.finding import Weight, worst_first
from stilt.foundations.quantities import counted
from stilt.foundations.text import cut, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from stilt.check.finding import Finding

_WORDS = {
    Weight.PROBLEM: ("problem", "red"),
    Weight.WARNING: ("warning", "yellow"),
    Weight.NOTE: ("note", "cyan"),
    Weight.FINE: ("ok", "green"),
}
_NARROW = 72
"""Below this the text stands under the area, not beside it."""

_NARROWEST = 30
_WIDEST_AREA = 24


def render(
    findings: Iterable[Finding], width: int, paint: Callable[[str, str], str] | None = None
) -> str:
    """Return the table.

    Parameters
    ----------
    findings
        In any order.
    width
        Of the terminal, in characters.
    paint
        Colours a text; none where colours are not wanted.
    """
    ordered = worst_first(findings)
    areas = min(max((len(finding.area) for finding in ordered), default=0), _WIDEST_AREA)
    beside = width >= _NARROW
    indent = len("problem") + areas + 4 if beside else 2
    room = max(width - indent, _NARROWEST)
    lines: list[str] = []
    for finding in ordered:
        word, colour = _WORDS[finding.weight]
        head = (
            f"{paint(word.ljust(7), colour) if paint else word.ljust(7)}  {printable(finding.area)}"
        )
        text = _wrap(finding.text, room)
        if finding.hint and finding.weight > Weight.NOTE:
            text += _wrap(f"-> {finding.hint}", room)
        if beside:
            head += " " * (areas - len(finding.area) + 2) + text.pop(0)
        lines += [head, *(" " * indent + line for line in text)]
    return "\n".join(lines)


def _wrap(text: str, width: int) -> list[str]:
    """Break at blanks only: a path is to be copied whole."""
    lines = textwrap.wrap(cut(text), width, break_long_words=False, break_on_hyphens=False)
    return list(map(printable, lines)) or [""]


def summary(findings: Iterable[Finding]) -> str:
    """Return the last line: what the findings come to."""
    counts = dict.fromkeys(Weight, 0)
    for finding in findings:
        counts[finding.weight] += 1
    problems, warnings = counts[Weight.PROBLEM], counts[Weight.WARNING]
    if problems:
        return f"{counted(problems, 'problem')}, {counted(warnings, 'warning')}: mend these first"
    if warnings:
        return f"{counted(warnings, 'warning')}: `stilt run` would start"
    return "nothing stands in the way of `stilt run`"
