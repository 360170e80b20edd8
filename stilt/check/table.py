"""Findings as a table for a terminal: worst first, wrapped to its width."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.check.finding import Weight, worst_first
from stilt.foundations.errors import with_code
from stilt.foundations.page import Page
from stilt.foundations.quantities import counted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stilt.check.finding import Finding

_WORDS = {
    Weight.PROBLEM: ("problem", "red"),
    Weight.WARNING: ("warning", "yellow"),
    Weight.NOTE: ("note", "cyan"),
    Weight.FINE: ("ok", "green"),
}
_WIDEST_AREA = 24


def render(findings: Iterable[Finding], width: int, *, colour: bool = False) -> str:
    """Return the table.

    Parameters
    ----------
    findings
        In any order.
    width
        Of the terminal, in characters.
    colour
        Whether to write colours.
    """
    page = Page(width, colour=colour)
    ordered = worst_first(findings)
    areas = min(max((len(finding.area) for finding in ordered), default=0), _WIDEST_AREA)
    for finding in ordered:
        word, style = _WORDS[finding.weight]
        texts = [with_code(finding.text, finding.code)]
        if finding.hint and finding.weight > Weight.NOTE:
            texts.append(f"-> {finding.hint}")
        head = ((word.ljust(7), style), f"  {finding.area}")
        page.beside(head, texts, len("problem") + areas + 4)
    return page.text().rstrip("\n")


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
