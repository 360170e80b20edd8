"""R source as tokens: what is needed to read settings, not to run programs."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
    (?P<space>[ \t\r\f]+ | \#[^\n]*)
  | (?P<newline>\n | ;)
  | (?P<number>0[xX][0-9a-fA-F]+L? | (?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?L?)
  | (?P<text>"(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*')
  | (?P<name>[A-Za-z.][A-Za-z0-9._]* | `[^`\n]*`)
  | (?P<operator><<-|<-|->|%[^%\n]*%|\|>|\|\||&&|==|!=|<=|>=|::|\[\[|\]\]|[-+*/^<>=!&|~?:$@,(){}\[\]\\])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of source.

    Attributes
    ----------
    kind
        ``number``, ``text``, ``name``, ``operator``, ``newline`` or ``odd`` (what is none of them).
    """

    kind: str
    value: str
    line: int


def tokenise(source: str) -> list[Token]:
    """Cut R source into tokens, without blanks and comments."""
    tokens: list[Token] = []
    place, line = 0, 1
    while place < len(source):
        match = _TOKEN.match(source, place)
        piece = match[0] if match else source[place]
        kind = match.lastgroup if match else "odd"
        if kind not in {None, "space"}:
            tokens.append(Token(str(kind), _value(str(kind), piece), line))
        line += piece.count("\n")
        place += len(piece)
    return tokens


def _value(kind: str, piece: str) -> str:
    if kind == "text":
        return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), piece[1:-1], flags=re.DOTALL)
    return piece.strip("`") if kind == "name" else piece
