"""R source as a tree. As in R itself everything that is done is a call: ``a + b`` is ``+`` of a and b.

Precedence is that of R's own grammar (``?Syntax``), from ``?`` and assignments to ``::``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stilt.migrate.r_tokens import Token, tokenise
from stilt.migrate.r_values import NA, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_WORDS: dict[str, Any] = {
    "TRUE": True,
    "FALSE": False,
    "NULL": None,
    "NA": NA,
    "NA_real_": NA,
    "NA_integer_": NA,
    "NA_character_": NA,
    "Inf": float("inf"),
    "NaN": float("nan"),
}
# Operator to how strongly it binds what is left and right of it; weaker on the right is "from right to left".
_BINARY = {
    "?": (1, 2),
    "=": (4, 3),
    "<-": (6, 5),
    "<<-": (6, 5),
    ":=": (6, 5),
    "->": (7, 8),
    "->>": (7, 8),
    "~": (9, 10),
    "|": (11, 12),
    "||": (11, 12),
    "&": (13, 14),
    "&&": (13, 14),
    **dict.fromkeys(("==", "!=", "<", ">", "<=", ">="), (17, 18)),
    "+": (19, 20),
    "-": (19, 20),
    "*": (21, 22),
    "/": (21, 22),
    "|>": (23, 24),
    ":": (25, 26),
    "^": (30, 27),
}
_SPECIAL = (23, 24)  # %in%, %>%, ...
_UNARY = {"-": 27, "+": 27, "!": 15, "~": 10, "?": 2}
_POSTFIX = {"(", "[", "[[", "$", "@", "::", ":::"}
ASSIGNMENTS = ("<-", "<<-", "=", ":=")
_DEEPEST = 150


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, a text, ``TRUE``, ``NULL``, ``NA``."""

    value: Any
    line: int


@dataclass(frozen=True, slots=True)
class Name:
    """A variable."""

    name: str
    line: int


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a call, or a parameter; ``value`` is None in ``x[1, ]`` and for a parameter without default."""

    label: str | None
    value: Node | None


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments; operators, brackets, ``if`` and ``for`` are calls as well."""

    function: Node
    arguments: tuple[Argument, ...]
    line: int

    @property
    def name(self) -> str:
        """The function's name; empty where it is itself computed."""
        return self.function.name if isinstance(self.function, Name) else ""

    def nodes(self) -> list[Node]:
        """Return the arguments that are given, without their labels."""
        return [argument.value for argument in self.arguments if argument.value is not None]


@dataclass(frozen=True, slots=True)
class Function:
    """A function that the script defines."""

    parameters: tuple[Argument, ...]
    body: Node
    line: int


@dataclass(frozen=True, slots=True)
class Broken:
    """A stretch of source that is no R, or none that is understood."""

    why: str
    line: int


Node = Literal | Name | Call | Function | Broken


def walk(node: Node) -> Iterator[Node]:
    """Give a node and all below it."""
    waiting: list[Node] = [node]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, Call):
            waiting += [node.function, *node.nodes()]
        elif isinstance(node, Function):
            waiting.append(node.body)


def parse(source: str) -> list[Node]:
    """Return the statements of a script; what cannot be parsed is one :class:`Broken` to the end of its line."""
    return _Parser(tokenise(source)).script()


class _Parser:
    """A parser by precedence: each operator says how strongly it binds what is beside it."""

    def __init__(self, tokens: list[Token]) -> None:
        end = tokens[-1].line if tokens else 1
        self._tokens = [*tokens, Token("end", "", end)]
        self._at = 0
        self._lines_end = [
            True
        ]  # in braces a line's end ends a statement, in parentheses it does not
        self._depth = 0

    def script(self) -> list[Node]:
        found: list[Node] = []
        while self._skip_lines().kind != "end":
            start = self._at
            try:
                statement = self._expression(0)
                self._end_of_statement()
            except UnreadableError as error:
                self._recover(start)
                statement = Broken(str(error), self._tokens[start].line)
            found.append(statement)
        return found

    def _recover(self, start: int) -> None:
        """Go on in the line after the one that could not be parsed."""
        self._lines_end, self._depth = [True], 0
        self._at = max(self._at, start + 1)
        while self._tokens[self._at].kind not in {"newline", "end"}:
            self._at += 1

    def _end_of_statement(self) -> None:
        token = self._tokens[self._at]
        if token.kind not in {"newline", "end"}:
            raise UnreadableError(f"{token.value!r} is not expected there")

    def _skip_lines(self) -> Token:
        while self._tokens[self._at].kind == "newline":
            self._at += 1
        return self._tokens[self._at]

    def _peek(self) -> Token:
        return self._tokens[self._at] if self._lines_end[-1] else self._skip_lines()

    def _take(self) -> Token:
        token = self._peek()
        if token.kind == "end":
            raise UnreadableError("the script ends within it")
        self._at += 1
        return token

    def _takes(self, value: str) -> bool:
        token = self._peek()
        if token.kind != "operator" or token.value != value:
            return False
        self._at += 1
        return True

    def _expect(self, value: str) -> None:
        if not self._takes(value):
            raise UnreadableError(f"{self._peek().value!r} stands where {value!r} is expected")

    def _expression(self, weakest: int) -> Node:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise UnreadableError("it is nested too deeply")
        left = self._primary()
        while True:
            token = self._peek()
            if token.kind != "operator":
                break
            if token.value in _POSTFIX:
                left = self._postfix(left)
                continue
            powers = _SPECIAL if token.value.startswith("%") else _BINARY.get(token.value)
            if powers is None or powers[0] < weakest:
                break
            self._at += 1
            self._skip_lines()
            right = self._expression(powers[1])
            left = _binary(token, left, right)
        self._depth -= 1
        return left

    def _primary(self) -> Node:
        token = self._take()
        if token.kind in {"number", "text"}:
            value = _number(token.value) if token.kind == "number" else token.value
            return Literal(value, token.line)
        if token.kind == "name":
            return self._word(token)
        if token.value in _UNARY:
            inner = self._expression(_UNARY[token.value])
            return _call(token.value, token.line, inner)
        if token.value == "(":
            return _call("(", token.line, self._within("("))
        if token.value == "{":
            return self._block(token.line)
        if token.value == "\\":
            return self._function(token.line)
        raise UnreadableError(f"{token.value!r} is not expected there")

    def _within(self, opening: str) -> Node:
        """Parse one expression in parentheses, whose opening one is taken already."""
        self._lines_end.append(False)
        inner = self._expression(0)
        self._expect(")" if opening == "(" else "]")
        self._lines_end.pop()
        return inner

    def _word(self, token: Token) -> Node:
        if token.value in _WORDS:
            return Literal(_WORDS[token.value], token.line)
        parts: dict[str, Callable[[int], Node]] = {
            "function": self._function,
            "if": self._if,
            "for": self._for,
            "while": self._while,
            "repeat": lambda line: _call("repeat", line, self._body()),
            "break": lambda line: _call("break", line),
            "next": lambda line: _call("next", line),
        }
        if token.value in parts:
            return parts[token.value](token.line)
        return Name(token.value, token.line)

    def _while(self, line: int) -> Node:
        self._expect("(")
        condition = self._within("(")
        return _call("while", line, condition, self._body())

    def _body(self) -> Node:
        self._skip_lines()
        return self._expression(3)

    def _if(self, line: int) -> Node:
        self._expect("(")
        condition = self._within("(")
        parts = [condition, self._body()]
        here = self._at
        if self._skip_lines() == Token("name", "else", self._tokens[self._at].line):
            self._at += 1
            parts.append(self._body())
        else:
            self._at = here
        return _call("if", line, *parts)

    def _for(self, line: int) -> Node:
        self._expect("(")
        self._lines_end.append(False)
        variable = self._take()
        if variable.kind != "name" or self._take().value != "in":
            raise UnreadableError("for is not followed by (NAME in ...)")
        values = self._expression(0)
        self._expect(")")
        self._lines_end.pop()
        return _call("for", line, Name(variable.value, line), values, self._body())

    def _block(self, line: int) -> Node:
        self._lines_end.append(True)
        found: list[Node] = []
        self._skip_lines()
        while not self._takes("}"):
            found.append(self._expression(0))
            if self._peek().value != "}":
                self._end_of_statement()
            self._skip_lines()
        self._lines_end.pop()
        return _call("{", line, *found)

    def _function(self, line: int) -> Node:
        self._expect("(")
        parameters = self._arguments(")")
        for parameter in parameters:
            if parameter.label is None and not isinstance(parameter.value, Name):
                raise UnreadableError("a parameter without a name")
        named = tuple(
            Argument(p.value.name, None) if p.label is None and isinstance(p.value, Name) else p
            for p in parameters
        )
        return Function(named, self._body(), line)

    def _arguments(self, closing: str) -> tuple[Argument, ...]:
        """Parse arguments up to and with the closing bracket."""
        self._lines_end.append(False)
        found: list[Argument] = []
        while not self._takes(closing):
            if self._takes(","):
                found.append(Argument(None, None))
                continue
            found.append(self._argument())
            if not self._takes(","):
                self._expect(closing)
                break
            if self._peek().value == closing and closing == "]":
                found.append(Argument(None, None))  # x[1, ]: all columns
        self._lines_end.pop()
        return tuple(found)

    def _argument(self) -> Argument:
        token, at = self._peek(), self._at + 1
        while at < len(self._tokens) - 1 and self._tokens[at].kind == "newline":
            at += 1
        after = self._tokens[min(at, len(self._tokens) - 1)]
        if token.kind in {"name", "text"} and after.value == "=" and after.kind == "operator":
            self._take()
            self._take()
            empty = self._peek().kind == "operator" and self._peek().value in {",", ")", "]"}
            return Argument(token.value, None if empty else self._expression(5))
        return Argument(None, self._expression(5))

    def _postfix(self, left: Node) -> Node:
        token = self._take()
        if token.value == "(":
            return Call(left, self._arguments(")"), token.line)
        if token.value in {"[", "[["}:
            arguments = self._arguments("]")
            if token.value == "[[":
                self._expect("]")
            return Call(
                Name(token.value, token.line), (Argument(None, left), *arguments), token.line
            )
        member = self._take()
        if member.kind not in {"name", "text"} and member.value != "(":
            raise UnreadableError(f"{member.value!r} after {token.value!r}")
        right: Node = (
            self._within("(") if member.value == "(" else Literal(member.value, member.line)
        )
        return _call(token.value, token.line, left, right)


def _call(name: str, line: int, *arguments: Node) -> Call:
    return Call(Name(name, line), tuple(Argument(None, node) for node in arguments), line)


def _binary(token: Token, left: Node, right: Node) -> Node:
    if token.value in {"->", "->>"}:
        return _call("<-" if token.value == "->" else "<<-", left.line, right, left)
    if token.value in {"|>", "%>%"}:
        return _piped(token, left, right)
    return _call(token.value, left.line, left, right)


def _piped(token: Token, left: Node, right: Node) -> Node:
    """Return ``left |> f(x)`` as ``f(left, x)``, and ``left %>% f(x, .)`` as ``f(x, left)``."""
    if isinstance(right, Name):
        return _call(right.name, left.line, left)
    if not isinstance(right, Call):
        raise UnreadableError(f"{token.value} into something that is no call")
    marks = {"."} if token.value == "%>%" else {"_"}
    there = [isinstance(a.value, Name) and a.value.name in marks for a in right.arguments]
    if any(there):
        arguments = tuple(
            Argument(argument.label, left) if marked else argument
            for argument, marked in zip(right.arguments, there, strict=True)
        )
        return Call(right.function, arguments, left.line)
    return Call(right.function, (Argument(None, left), *right.arguments), left.line)


def _number(text: str) -> float | int:
    """Return a number as R holds it: whole only with an ``L`` behind it."""
    digits = text.rstrip("L")
    value = float(int(digits, 16)) if digits.lower().startswith("0x") else float(digits)
    return int(value) if digits != text and value.is_integer() else value
