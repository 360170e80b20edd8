"""A YAML file as plain data that still knows the line of every value.

YAML 1.1, which PyYAML reads, turns ``20:00`` into 1200, ``0123`` into 83 and a repeated key into the
last one. All three are refused here, because each has sent jobs somewhere with the wrong settings.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from stilt.foundations.errors import ProblemsError

if TYPE_CHECKING:
    from collections.abc import Iterator

Where = tuple[str | int, ...]

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MOST_NODES = 20_000
_MOST_DEPTH = 50
MOST_DIGITS = 40
MOST_CHARACTERS = 65_536
"""Of one text. A key has at most ``MOST_OF_A_KEY``."""

MOST_OF_A_KEY = 200
_TAG = "tag:yaml.org,2002:"
MEND = "mend it and try again"

_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_PLAIN_WORDS = {
    "found character that cannot start any token": "a tab cannot indent: use spaces",
    "mapping values are not allowed in this context": "a colon is not expected here: check the indentation, "
    "or put the text in quotes",
    "found undefined alias": "this *name has no &name before it: put the text in quotes",
    "but found another document": "only one YAML document is read: remove the '---'",
    "found unexpected end of stream": "a quote is not closed",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a file: where, and what."""

    line: int
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}" if self.line else self.text


@dataclass(slots=True)
class Document:
    """What a YAML file says.

    Attributes
    ----------
    data
        Mappings, lists, text, numbers, true/false and None.
    lines
        For every value its line, counted from 1.
    written
        For numbers and true/false the text they were written as.
    problems
        What makes single values unreadable; those values are left out of ``data``.
    """

    data: Any = None
    lines: dict[Where, int] = field(default_factory=dict)
    written: dict[Where, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def line(self, where: Where) -> int:
        """Return the line of a value, or of the mapping that it is missing from; 0 for the whole file."""
        while where and where not in self.lines:
            where = where[:-1]
        return self.lines[where] if where else 0

    def add(self, where: Where, text: str) -> None:
        """Note a problem with the value at a place."""
        self.problems.append(Problem(self.line(where), f"{show(where)}: {text}"))


def show(where: Where) -> str:
    """Write a place as ``$.execution.n_workers`` or ``$.setup[0]``."""
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where)


def read_document(raw: bytes, source: str) -> Document:
    """Parse the bytes of a YAML file.

    Raises
    ------
    ProblemsError
        If it is not UTF-8, not YAML, empty, or not a mapping: then there is nothing more to look at.
    """
    text = _decode(raw, source)
    try:
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError as error:
        raise ProblemsError(source, (_syntax_problem(error),), MEND, code="CONFIG_SYNTAX") from None
    if node is None or (isinstance(node, yaml.ScalarNode) and node.tag == _TAG + "null"):
        raise ProblemsError(
            source,
            ("the file is empty",),
            "`stilt init` writes one to start from",
            code="CONFIG_SYNTAX",
        )
    if not isinstance(node, yaml.MappingNode):
        kind = "a list" if isinstance(node, yaml.SequenceNode) else "a single value"
        found = f"line 1: expected `key: value` lines, found {kind}"
        raise ProblemsError(
            source, (found,), "`stilt init` writes one to start from", code="CONFIG_SYNTAX"
        )
    document = Document()
    builder = _Builder(document)
    document.data = builder.build(node, ())
    return document


def _decode(raw: bytes, source: str) -> str:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        found = f"line {line}: byte 0x{raw[error.start]:02x} is not UTF-8"
        raise ProblemsError(
            source, (found,), "save the file with UTF-8 encoding", code="FILE_NOT_TEXT"
        ) from None
    control = _CONTROL.search(raw)
    if control:
        line = raw.count(b"\n", 0, control.start()) + 1
        found = f"line {line}: control character {control[0]!r:.8}".replace("b'", "'")
        raise ProblemsError(
            source, (found,), "delete it; is this a text file?", code="FILE_NOT_TEXT"
        )
    return text


def _syntax_problem(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
    problem = _PLAIN_WORDS.get(problem, problem)
    if mark is None:
        return f"not valid YAML: {problem}"
    return f"line {mark.line + 1}, column {mark.column + 1}: not valid YAML: {problem}"


class _Builder:
    """Turns YAML nodes into plain data, noting lines and refusing what misleads."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._open: set[int] = set()
        self._nodes = 0

    def build(self, node: yaml.Node, where: Where, line: int | None = None) -> Any:
        """Return the data of a node; ``line`` is that of its key."""
        self._document.lines[where] = line or node.start_mark.line + 1
        self._nodes += 1
        if id(node) in self._open or self._nodes > _MOST_NODES:
            why = "contains itself" if id(node) in self._open else "is far too large"
            self._document.add(where, f"{why} (through *aliases)")
            return None
        if len(where) > _MOST_DEPTH:
            self._document.add(where[:1], f"is nested more than {_MOST_DEPTH} deep")
            return None
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, where)
            if isinstance(node, yaml.SequenceNode):
                return [self.build(item, (*where, i)) for i, item in enumerate(node.value)]
            return self._scalar(node, where) if isinstance(node, yaml.ScalarNode) else None
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.MappingNode, where: Where) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for key, value, line in self._pairs(node, where):
            place = (*where, key)
            if key == "<<":
                merged.update(self._merge(value, where))
            elif key in own:
                first = self._document.line(place)
                self._document.problems.append(
                    Problem(line, f"{show(place)}: a second time; the first is in line {first}")
                )
            else:
                own[key] = self.build(value, place, line)
        return {**merged, **own}

    def _pairs(self, node: yaml.MappingNode, where: Where) -> Iterator[tuple[str, yaml.Node, int]]:
        for key, value in node.value:
            line = key.start_mark.line + 1
            if isinstance(key, yaml.ScalarNode) and len(key.value) > MOST_OF_A_KEY:
                found = f"{show(where)}: a key of {len(key.value):,} characters"
                self._document.problems.append(Problem(line, found))
            elif isinstance(key, yaml.ScalarNode):
                yield key.value, value, line
            else:
                problem = Problem(line, f"{show(where)}: a key must be a plain word")
                self._document.problems.append(problem)

    def _merge(self, node: yaml.Node, where: Where) -> dict[str, Any]:
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        line = self._document.lines[where]
        merged: dict[str, Any] = {}
        for part in reversed(nodes):
            if isinstance(part, yaml.MappingNode):
                merged.update(self.build(part, where, line) or {})
            else:
                self._document.add(where, "<< must name mappings")
        return merged

    def _scalar(self, node: yaml.ScalarNode, where: Where) -> Any:
        kind = node.tag.removeprefix(_TAG)
        text = node.value
        if len(text) > MOST_CHARACTERS:
            self._document.add(where, f"{len(text):,} characters are more than any setting has")
            return None
        if kind in {"str", "timestamp"}:
            return text
        if kind == "null":
            return None
        if kind == "bool":
            self._document.written[where] = text
            return text.lower() in {"yes", "true", "on"}
        if kind in {"int", "float"}:
            self._document.written[where] = text
            return self._number(text, kind, where)
        self._document.add(where, f"the tag {node.tag} is not understood: write a plain value")
        return None

    def _number(self, text: str, kind: str, where: Where) -> int | float | str:
        digits = text.replace("_", "").lower()
        if len(digits) > MOST_DIGITS:
            self._document.add(where, f"a number of {len(digits):,} digits is out of range")
            return text
        if ":" in digits:
            found = f"the number {_sexagesimal(digits):g}"
            self._document.add(
                where,
                f'YAML reads {text} as {found}: write "{text}" for a text; a number has no colon',
            )
            return text
        if re.fullmatch(r"[-+]?0[0-9]+", digits):
            found = f'write "{text}" for a text, {int(digits)} for a number'
            self._document.add(where, f"YAML reads {text} as an octal number: {found}")
            return text
        if kind == "int":
            return int(digits, 0)
        return float(digits.replace(".inf", "inf").replace(".nan", "nan"))


def _sexagesimal(digits: str) -> float:
    total = 0.0
    for part in digits.lstrip("+-").split(":"):
        total = total * 60 + float(part)
    return -total if digits.startswith("-") else total
