"""The assignments of an R script, evaluated as far as settings need it.

No R is run. What is not understood is kept by name with its line, so that it can be reported if it turns
out to be a setting.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stilt.migrate import r_functions
from stilt.migrate.r_tokens import Token, tokenise
from stilt.migrate.r_values import (
    NA,
    Frame,
    UnreadableError,
    Vector,
    arithmetic,
    as_list,
    sequence,
    vector,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_CONSTANTS = {
    "T": True,
    "TRUE": True,
    "F": False,
    "FALSE": False,
    "NULL": None,
    "NA": NA,
    "NA_real_": NA,
    "NA_integer_": NA,
    "NA_character_": NA,
    "pi": 3.141592653589793,
}
_OPENING, _CLOSING = {"(", "[", "{", "[["}, {")", "]", "}", "]]"}
_POWERS = [{"||", "|"}, {"&&", "&"}, {"==", "!=", "<", ">", "<=", ">="}, {"+", "-"}, {"*", "/"}]
_CONTINUING = {",", "+", "-", "*", "/", "^", "<-", "=", "==", "|", "||", "&", "&&", "~", "(", "|>"}
_DEEPEST_SOURCE = 5
_EMPTY_HOOKS = (
    ["function", "(", ")", "{", "output", "}"],
    ["function", "(", ")", "{", "return", "(", "output", ")", "}"],
)
"""What R-STILT comes with."""


@dataclass
class Script:
    """What a script assigns.

    Attributes
    ----------
    values
        Name to value.
    unread
        Name to the line and reason of an assignment that could not be evaluated.
    hooks
        Name to the line of a function that does more than return its input.
    applied
        The function that ``stilt_apply`` is told to run, and the line; empty where it is not named.
    """

    values: dict[str, Any] = field(default_factory=dict)
    unread: dict[str, tuple[int, str]] = field(default_factory=dict)
    hooks: dict[str, int] = field(default_factory=dict)
    applied: tuple[str, int] = ("", 0)


def read_script(path: Path, folder: Path) -> Script:
    """Evaluate a script; files that it sources or reads are looked for in ``folder``."""
    script = Script()
    _run_file(script, path, folder, 0)
    return script


def _run_file(script: Script, path: Path, folder: Path, depth: int) -> None:
    tokens = tokenise(path.read_text("utf-8", errors="replace"))
    _run(script, tokens, folder, depth)


def _run(script: Script, tokens: Sequence[Token], folder: Path, depth: int) -> None:
    for statement in statements(tokens):
        name, expression = assignment(statement)
        if name is not None:
            _assign(script, name, expression, folder)
        elif statement[0].value == "source":
            _source(script, statement, folder, depth)
        elif statement[0].value == "if":
            _run_if(script, statement, folder, depth)
        elif statement[0].value == "stilt_apply":
            _apply(script, statement)


def _apply(script: Script, statement: Sequence[Token]) -> None:
    words = [token.value for token in statement if token.kind != "newline"]
    if "FUN" in words[:-2]:
        script.applied = (words[words.index("FUN") + 2], statement[0].line)


def statements(tokens: Sequence[Token]) -> list[list[Token]]:
    """Divide tokens at the ends of lines that end a statement."""
    found: list[list[Token]] = []
    current: list[Token] = []
    depth = 0
    for token in tokens:
        if token.kind == "newline":
            if depth == 0 and current and current[-1].value not in _CONTINUING:
                found.append(current)
                current = []
            elif depth and current and _within_braces(current):
                current.append(token)
            continue
        if token.kind == "operator":
            depth += (token.value in _OPENING) + (token.value == "[[")
            depth -= (token.value in _CLOSING) + (token.value == "]]")
        current.append(token)
    if current:
        found.append(current)
    return found


def _within_braces(tokens: Sequence[Token]) -> bool:
    """Tell whether the innermost open bracket is a brace, where the ends of lines matter."""
    open_: list[str] = []
    for token in tokens:
        if token.kind == "operator" and token.value in _OPENING:
            open_.append(token.value)
        elif token.kind == "operator" and token.value in _CLOSING and open_:
            open_.pop()
    return bool(open_) and open_[-1] == "{"


def assignment(statement: Sequence[Token]) -> tuple[str | None, Sequence[Token]]:
    """Return name and expression of ``name <- expression``; None if the statement is something else."""
    if statement[2:] and statement[0].kind == "name" and statement[1].value in {"<-", "=", "<<-"}:
        return statement[0].value, statement[2:]
    return None, statement


def _assign(script: Script, name: str, expression: Sequence[Token], folder: Path) -> None:
    script.unread.pop(name, None)
    if expression[0].value == "function":
        body = [token.value for token in expression if token.kind != "newline"]
        if body not in _EMPTY_HOOKS:
            script.hooks[name] = expression[0].line
        return
    chained, rest = assignment(expression)
    if chained is not None:
        _assign(script, chained, rest, folder)
        expression = [expression[0]]
    try:
        script.values[name] = _Parser(expression, script.values, folder).whole()
    except (UnreadableError, RecursionError) as error:
        script.values.pop(name, None)
        script.unread[name] = (expression[0].line, str(error))


def _source(script: Script, statement: Sequence[Token], folder: Path, depth: int) -> None:
    """Read the file that ``source('...')`` names, if it is there."""
    try:
        argument = _Parser(statement[2:-1], script.values, folder).whole()
    except UnreadableError:
        return
    path = folder / str(argument)
    if depth < _DEEPEST_SOURCE and path.is_file() and path.name != "dependencies.r":
        _run_file(script, path, folder, depth + 1)


def _run_if(script: Script, statement: Sequence[Token], folder: Path, depth: int) -> None:
    """Follow an ``if`` whose condition can be evaluated."""
    end = _closing(statement, 1)
    try:
        condition = _Parser(statement[2:end], script.values, folder).whole()
    except UnreadableError:
        return
    body = list(statement[end + 1 :])
    if condition is not True or not body:
        return
    if body[0].value == "{":
        body = body[1 : _closing(body, 0)]
    _run(script, body, folder, depth)


def _closing(tokens: Sequence[Token], start: int) -> int:
    depth = 0
    for index in range(start, len(tokens)):
        if tokens[index].kind == "operator":
            depth += tokens[index].value in _OPENING
            depth -= tokens[index].value in _CLOSING
        if depth == 0:
            return index
    return len(tokens)


class _Parser:
    """Evaluates one expression by recursive descent."""

    def __init__(self, tokens: Sequence[Token], values: dict[str, Any], folder: Path) -> None:
        self._tokens = [token for token in tokens if token.kind != "newline"]
        self._values = values
        self._folder = folder
        self._at = 0

    def whole(self) -> Any:
        """Return the value of all tokens together."""
        value = self._binary(0)
        if self._at < len(self._tokens):
            raise UnreadableError(f"{self._tokens[self._at].value!r} is not understood")
        return value

    def _peek(self) -> str:
        if self._at >= len(self._tokens):
            return ""
        token = self._tokens[self._at]
        return token.value if token.kind == "operator" else ""

    def _take(self) -> Token:
        if self._at >= len(self._tokens):
            raise UnreadableError("it ends too early")
        self._at += 1
        return self._tokens[self._at - 1]

    def _expect(self, value: str) -> None:
        if self._take().value != value:
            raise UnreadableError(f"there is no {value!r} where one is expected")

    def _binary(self, level: int) -> Any:
        if level == len(_POWERS):
            return self._range()
        value = self._binary(level + 1)
        while self._peek() in _POWERS[level]:
            operator = self._take().value
            value = arithmetic(operator, value, self._binary(level + 1))
        return value

    def _range(self) -> Any:
        value = self._unary()
        while self._peek() == ":" or self._peek().startswith("%"):
            operator = self._take().value
            right = self._unary()
            if operator == ":":
                value = sequence(value, right, 1 if right >= value else -1)
            else:
                value = arithmetic(operator, value, right)
        return value

    def _unary(self) -> Any:
        if self._peek() in {"-", "+"}:
            sign = self._take().value
            return arithmetic(sign, 0, self._unary())
        if self._peek() == "!":
            self._take()
            return not self._unary()
        return self._power()

    def _power(self) -> Any:
        value = self._postfix()
        if self._peek() == "^":
            self._take()
            return arithmetic("^", value, self._unary())
        return value

    def _postfix(self) -> Any:
        value = self._primary()
        while self._peek() in {"[", "[[", "$"}:
            opening = self._take().value
            if opening == "$":
                value = _member(value, self._take().value)
                continue
            index = self._binary(0)
            self._expect("]]" if opening == "[[" else "]")
            value = _element(value, index)
        return value

    def _primary(self) -> Any:
        token = self._take()
        if token.kind == "number":
            return _number(token.value)
        if token.kind == "text":
            return token.value
        if token.value == "(":
            value = self._binary(0)
            self._expect(")")
            return value
        if token.kind != "name":
            raise UnreadableError(f"{token.value!r} is not understood")
        if self._peek() == "::":
            self._take()
            token = self._take()
        if self._peek() == "(":
            return self._call(token.value)
        if token.value in _CONSTANTS:
            return _CONSTANTS[token.value]
        if token.value not in self._values:
            raise UnreadableError(f"{token.value} is not known")
        return self._values[token.value]

    def _call(self, name: str) -> Any:
        self._expect("(")
        plain: list[Any] = []
        named: dict[str, Any] = {}
        while self._peek() != ")":
            label = self._label()
            value = self._binary(0)
            if label is None:
                plain.append((None, value))
            else:
                named[label] = value
                plain.append((label, value))
            if self._peek() == ",":
                self._take()
        self._expect(")")
        return r_functions.call(name, plain, named, self._folder)

    def _label(self) -> str | None:
        following = self._tokens[self._at + 1 : self._at + 2]
        if (
            following
            and following[0].value == "="
            and self._tokens[self._at].kind in {"name", "text"}
        ):
            label = self._take().value
            self._take()
            return label
        return None


def _number(text: str) -> float | int:
    digits = text.rstrip("L")
    if digits.lower().startswith("0x"):
        return int(digits, 16)
    return float(digits) if any(mark in digits for mark in ".eE") else int(digits)


def _member(value: Any, name: str) -> Any:
    if isinstance(value, Frame):
        if name not in value.columns:
            raise UnreadableError(f"there is no column {name!r}")
        return vector(list(value.columns[name]))
    if isinstance(value, Vector):
        return value.get(name)
    raise UnreadableError(f"${name} of a single value")


def _element(value: Any, index: Any) -> Any:
    if isinstance(index, str):
        return _member(value, index)
    values = as_list(value)
    if (
        isinstance(index, bool)
        or not isinstance(index, int | float)
        or not 1 <= index <= len(values)
    ):
        raise UnreadableError("an index that is no position")
    return values[int(index) - 1]
