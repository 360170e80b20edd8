"""A topic as it is shown: drawn on a terminal, as it stands in a pipe."""

from __future__ import annotations

import re
from textwrap import fill
from typing import TYPE_CHECKING

from stilt.guide.topics import PARTS, summaries

if TYPE_CHECKING:
    from stilt.guide.topics import Topic

WIDEST = 100
"""Columns of a line of the guide on a wide terminal: longer ones are hard to read."""


_COLOURS = {"markdown.code": "cyan", "markdown.h1": "bold underline", "markdown.h2": "bold"}
"""In place of the library's, which paint a background that only dark terminals have."""


def contents(width: int) -> str:
    """Return the list of topics, for a terminal of so many columns."""
    about = summaries()
    longest = max(map(len, about))
    blocks = [
        "\n".join([f"{part}:", *(_entry(name, about[name], longest, width) for name in names)])
        for part, names in PARTS.items()
    ]
    how = fill("Read one: stilt help TOPIC. What an error's code means: stilt help CODE", width)
    return "\n\n".join([*blocks, how])


def _entry(name: str, about: str, longest: int, width: int) -> str:
    """Return the lines of one topic in the list."""
    return fill(
        about,
        width,
        initial_indent=f"  {name.ljust(longest)}  ",
        subsequent_indent=" " * (longest + 4),
    )


def plain(topic: Topic) -> str:
    """Return a topic as plain text: its Markdown without marks that only a page's layout needs."""
    text = re.sub(r"(?<!`)<!--.*?-->\n?", "", topic.text, flags=re.DOTALL)
    return re.sub(r"\[([^\]]+)\]\(([\w-]+)\.md(#[\w-]+)?\)", _named_link, text)


def _named_link(link: re.Match[str]) -> str:
    """Say a link to another topic as the command that shows it."""
    words, name = link[1], link[2]
    return f"{words} (stilt help {name})"


def drawn(topic: Topic, width: int) -> str:
    """Return a topic drawn for a terminal of so many columns."""
    from io import StringIO

    from rich.console import Console
    from rich.markdown import Markdown
    from rich.theme import Theme

    page = StringIO()
    console = Console(
        file=page,
        width=min(width, WIDEST),
        force_terminal=True,
        color_system="standard",
        theme=Theme(_COLOURS),
    )
    console.print(Markdown(plain(topic), code_theme="ansi_light", hyperlinks=False))
    return page.getvalue()
