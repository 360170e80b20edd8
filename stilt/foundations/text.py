"""Text from files and programs, made fit to be shown: no control characters, and not without end.

What a log, a model, a scheduler or another user's project says may hold escape sequences, which a terminal obeys (it
sets titles, writes to the clipboard, answers into the next command line), line breaks that feign lines of our own, and
megabytes. So whoever puts such text on a page calls ``shown`` or ``printable``; and all that the program writes goes
through a ``PrintableStream``, so that a place which forgets to shows escapes, and nothing worse.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

MOST_SHOWN = 1000
"""Characters of one message, name or quoted value that are shown."""

_OF_OURS = re.compile(
    r"\n|\t|\r|\x1b\[(?:(?:[0-9]{1,3}(?:;[0-9]{1,3}){0,5})?m|[0-9]{0,4}[ABGHJK]|\?(?:7|25|1049)[hl])"
)
"""What stilt and its libraries write to a terminal on purpose: line ends, colours, moves of the cursor."""


def printable(text: str) -> str:
    """Return a text with control characters, line breaks and what has no shape of its own as escapes."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def printable_lines(text: str) -> str:
    """Return a text of several lines with each of them printable; tabs stay."""
    return "\n".join(
        "\t".join(map(printable, line.split("\t")))
        for line in text.replace("\r\n", "\n").split("\n")
    )


def cut(text: str, most: int = MOST_SHOWN) -> str:
    """Return a text in at most so many characters; where something is missing, it says how long it was."""
    if len(text) <= most:
        return text
    end = _end(text)
    return text[: most - len(end)] + end


def _end(text: str) -> str:
    return f"... ({len(text):,} characters)"


def shown(text: str, most: int = MOST_SHOWN) -> str:
    """Return a text from a file or a program as it is shown: printable, and cut."""
    visible = printable(text[:most])  # what is cut off may be megabytes
    if len(text) <= most and len(visible) <= most:
        return visible
    end = _end(text)
    return visible[: most - len(end)] + end


def as_html(text: str) -> str:
    """Return a text as HTML shows it: printable, and none of it markup."""
    from html import escape

    return escape(printable_lines(text))


def json_text(content: object, indent: int = 2) -> str:
    """Return a value as JSON in which characters that are not printable are escaped, as JSON may.

    Bytes of a file's name that are not UTF-8, which JSON has no way to write, are as ``printable`` shows them.
    """
    import msgspec

    try:
        encoded = msgspec.json.encode(content)
    except UnicodeEncodeError:
        encoded = msgspec.json.encode(_without_surrogates(msgspec.to_builtins(content)))
    text = msgspec.json.format(encoded, indent=indent).decode()
    return "\n".join(
        line if line.isprintable() else "".join(map(_escaped_for_json, line))
        for line in text.split("\n")
    )


def _without_surrogates(content: Any) -> Any:
    if isinstance(content, str):
        return content.encode(errors="backslashreplace").decode()
    if isinstance(content, dict):
        return {_without_surrogates(key): _without_surrogates(of) for key, of in content.items()}
    if isinstance(content, list | tuple):
        return [_without_surrogates(each) for each in content]
    return content


def _escaped_for_json(char: str) -> str:
    import json

    return char if char.isprintable() else json.dumps(char)[1:-1]


class PrintableStream:
    """A text stream that hands on only what is printable, line ends, tabs, and on a terminal what stilt draws with.

    Parameters
    ----------
    stream
        Where it goes.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.is_terminal = stream.isatty()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text, with all else escaped; return how many characters it had."""
        self._stream.write(text if text.isprintable() else self._harmless(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write texts one after the other."""
        for line in lines:
            self.write(line)

    @property
    def buffer(self) -> PrintableBytes:
        """The stream for who writes bytes: they are taken for UTF-8."""
        return PrintableBytes(self)

    def _harmless(self, text: str) -> str:
        if not self.is_terminal:
            return printable_lines(text)
        parts = []
        start = 0
        for match in _OF_OURS.finditer(text):
            parts += [printable(text[start : match.start()]), match[0]]
            start = match.end()
        return "".join([*parts, printable(text[start:])])


class PrintableBytes:
    """The binary side of a ``PrintableStream``."""

    def __init__(self, stream: PrintableStream) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, data: bytes) -> int:
        """Write bytes as the text that they are."""
        self._stream.write(bytes(data).decode(errors="backslashreplace"))
        return len(data)
