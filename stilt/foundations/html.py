"""Small pieces of HTML for a notebook: whatever they are given is shown as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.foundations.text import as_html, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

CELL = "text-align:left;vertical-align:top;padding:1px 12px 1px 0;overflow-wrap:anywhere"
ROWS_SHOWN = 12


def said(text: object, most: int = 300) -> str:
    """Return a text as HTML, printable and cut."""
    return as_html(shown(str(text), most))


def box(title: str, *parts: str) -> str:
    """Return what an object shows of itself: its name, and parts that are HTML already."""
    return f"<div style='max-width:60em'><b>{said(title)}</b>{''.join(parts)}</div>"


def facts(rows: Iterable[tuple[object, object]]) -> str:
    """Return a table of names and what there is to say of them; those with nothing to say are left out."""
    lines = [
        f"<tr><th style='{CELL};overflow-wrap:break-word;font-weight:normal;opacity:.7'>{said(name)}</th>"
        f"<td style='{CELL}'>{said(value)}</td></tr>"
        for name, value in rows
        if value not in {"", None}
    ]
    return f"<table>{''.join(lines)}</table>" if lines else ""


def grid(header: Sequence[object], rows: Sequence[Sequence[object]]) -> str:
    """Return a table with a header; of many rows the first, and how many there are more."""
    head = "".join(f"<th style='{CELL}'>{said(name)}</th>" for name in header)
    body = "".join(
        "<tr>" + "".join(f"<td style='{CELL}'>{said(cell)}</td>" for cell in row) + "</tr>"
        for row in rows[:ROWS_SHOWN]
    )
    more = f"<p>and {len(rows) - ROWS_SHOWN:,} more</p>" if len(rows) > ROWS_SHOWN else ""
    return f"<table><tr>{head}</tr>{body}</table>{more}"


def note(text: str) -> str:
    """Return a line in smaller print."""
    return f"<p style='margin:4px 0;opacity:.8'>{said(text)}</p>"
