"""R source as tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
    (?P<space>[ \t\r\f\ufeff\u00a0]+ | \#[^\n]*)
  | (?P<newline>\n | ;)
  | (?P<number>0[xX][0-9a-fA-F]+L? | (?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?L?)
  | (?P<raw>[rR](?P<quote>["'])(?P<dashes>-*)\((?P<body>.*?)\)(?P=dashes)(?P=quote))
  | (?P<text>"(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*')
  | (?P<name>(?:[^\W\d_]|\.(?![0-9]))[\w.]* | `[^`\n]*`)
  | (?P<operator><<-|->>|<-|->|%[^%\n]*%|\|>|\|\||&&|==|!=|<=|>=|:::|::|:=|\[\[|
      [-+*/^<>=!&|~?:$@,(){}\[\]\\])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(
    r"\\(?:x(?P<hex>[0-9a-fA-F]{1,2})|[uU]\{?(?P<code>[0-9a-fA-F]{1,6})\}?|(?P<char>.))", re.DOTALL
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_LAST_CODE = 0x10FFFF


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
        if match and match["raw"]:
            tokens.append(Token("text", match["body"], line))
        elif kind != "space":
            tokens.append(Token(str(kind), _value(str(kind), piece), line))
        line += piece.count("\n")
        place += len(piece)
    return tokens


def _value(kind: str, piece: str) -> str:
    if kind == "text":
        return _ESCAPE.sub(_unescaped, piece[1:-1])
    return piece.strip("`") if kind == "name" else piece


def _unescaped(match: re.Match[str]) -> str:
    code = match["hex"] or match["code"]
    if code is None:
        return _ESCAPES.get(match["char"], match["char"])
    return chr(min(int(code, 16), _LAST_CODE))
