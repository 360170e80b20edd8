"""Evaluates expressions of R, as far as settings and receptors are made of them.

What is not followed raises :class:`UnreadableError`; nothing is guessed. What a script does to the world (files,
processes, the clock, random numbers) is never done or made up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stilt.migrate import r_frames, r_functions, r_index, r_texts, r_times
from stilt.migrate.r_arguments import Given, matched
from stilt.migrate.r_syntax import (
    Argument,
    Broken,
    Call,
    Function,
    Literal,
    Name,
    Node,
)
from stilt.migrate.r_values import (
    Frame,
    Time,
    Unknown,
    UnreadableError,
    Vector,
    scalars,
    single,
    text,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

Form = Callable[["Interpreter", Call, "Scope"], Any]
BUILTINS = {**r_functions.FUNCTIONS, **r_texts.FUNCTIONS, **r_times.FUNCTIONS, **r_frames.FUNCTIONS}
_CONSTANTS = {
    "T": single(value=True),
    "F": single(value=False),
    "pi": single(3.141592653589793),
    "month.abb": Vector(
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    ),
}
_MOST_STEPS = 1_000_000
_DEEPEST_CALL = 40


@dataclass
class Scope:
    """Variables: those of the script, or of a function that is being called (then ``outer`` is where it was made)."""

    variables: dict[str, Any] = field(default_factory=dict)
    outer: Scope | None = None

    def find(self, name: str) -> Scope | None:
        """Return the nearest scope that has a variable of that name."""
        scope: Scope | None = self
        while scope is not None and name not in scope.variables:
            scope = scope.outer
        return scope

    def get(self, name: str) -> Any:
        """Return the value of a variable."""
        scope = self.find(name)
        if scope is None:
            raise UnreadableError(f"{name} is not known")
        value = scope.variables[name]
        if isinstance(value, Unknown):
            raise UnreadableError(f"{name} is not known since {value.where}", value)
        return value


@dataclass
class Closure:
    """A function of the script, and where it looks for variables."""

    function: Function
    scope: Scope


class LeaveError(Exception):
    """``return``, ``break`` or ``next``."""

    def __init__(self, kind: str, value: Any = None) -> None:
        super().__init__(kind)
        self.kind = kind
        self.value = value


class Interpreter:
    """Evaluates nodes.

    Parameters
    ----------
    forms
        Functions that get their arguments as they are written: ``if``, ``<-``, ``subset``, ...
    """

    def __init__(self, forms: Mapping[str, Form]) -> None:
        self.steps = 0
        self._forms = forms
        self._calls = 0

    def special(self, name: str) -> Callable[[Call, Scope], Any] | None:
        """Return what is done for a call in place of evaluating its arguments first."""
        form = self._forms.get(name)
        return None if form is None else lambda call, scope: form(self, call, scope)

    def evaluate(self, node: Node, scope: Scope) -> Any:
        """Return the value of an expression.

        Raises
        ------
        UnreadableError
            If it is more than is followed here.
        """
        self.steps += 1
        if self.steps > _MOST_STEPS:
            raise UnreadableError("it takes too many steps")
        if isinstance(node, Literal):
            return None if node.value is None else single(node.value)
        if isinstance(node, Name):
            if node.name in _CONSTANTS and scope.find(node.name) is None:
                return _CONSTANTS[node.name]
            return scope.get(node.name)
        if isinstance(node, Function):
            return Closure(node, scope)
        if isinstance(node, Broken):
            raise UnreadableError(node.why)
        return self._call(node, scope)

    def _call(self, call: Call, scope: Scope) -> Any:
        function = call.function
        if isinstance(function, Literal) and isinstance(function.value, str):
            function = Name(function.value, function.line)
        if isinstance(function, Call) and function.name in {"::", ":::"}:
            function = Name(str(word_of(function.arguments[1].value)), call.line)
        if not isinstance(function, Name):
            return self.apply(
                self.evaluate(function, scope), self.given(call.arguments, scope), call.line
            )
        found = scope.find(function.name)
        if found is not None and isinstance(found.variables[function.name], Closure):
            return self.apply(
                found.variables[function.name],
                self.given(call.arguments, scope, late=True),
                call.line,
            )
        special = self.special(function.name)
        if special is not None:
            return special(call, scope)
        return self.apply(function.name, self.given(call.arguments, scope), call.line)

    def given(self, arguments: tuple[Argument, ...], scope: Scope, *, late: bool = False) -> Given:
        """Evaluate arguments. ``late``: one that cannot be followed is only trouble where it is used."""
        found: Given = []
        for argument in arguments:
            if isinstance(argument.value, Name) and argument.value.name == "...":
                found += scope.get("...")
            elif argument.value is not None:
                try:
                    found.append((argument.label, self.evaluate(argument.value, scope)))
                except UnreadableError as error:
                    if not late:
                        raise
                    found.append((argument.label, Unknown(str(error), argument.value.line)))
        return found

    def apply(self, function: Any, given: Given, line: int) -> Any:
        """Call a function of the script, or one of R's by its name."""
        if isinstance(function, Closure):
            return self._apply_closure(function, given, line)
        if not isinstance(function, str):
            raise UnreadableError("it calls something that is no function")
        if function not in BUILTINS:
            raise UnreadableError(f"{function}(...) is not evaluated")
        formals, run = BUILTINS[function]
        try:
            return run(matched(formals, given))
        except UnreadableError as error:
            raise UnreadableError(f"{function}(...): {error}", error.cause) from None
        except (
            IndexError,
            KeyError,
            TypeError,
            ValueError,
            AttributeError,
            ZeroDivisionError,
            OverflowError,
        ) as error:
            raise UnreadableError(f"{function}(...) with these arguments ({error})") from None

    def _apply_closure(self, closure: Closure, given: Given, line: int) -> Any:
        parameters = {
            parameter.label or "": parameter.value for parameter in closure.function.parameters
        }
        inner = Scope(matched(list(parameters), given), closure.scope)
        for name, usual in parameters.items():
            if name not in inner.variables:
                inner.variables[name] = self._usual(name, usual, inner, line)
        self._calls += 1
        try:
            if self._calls > _DEEPEST_CALL:
                raise UnreadableError("functions call each other too deeply")
            return self.evaluate(closure.function.body, inner)
        except LeaveError as left:
            if left.kind != "return":
                raise UnreadableError(f"{left.kind} outside of a loop") from None
            return left.value
        finally:
            self._calls -= 1

    def _usual(self, name: str, usual: Node | None, scope: Scope, line: int) -> Any:
        if usual is None:
            return Unknown(f"the argument {name} is not given", line)
        try:
            return self.evaluate(usual, scope)
        except UnreadableError as error:
            return Unknown(str(error), line)

    def assign(self, target: Node, value: Any, scope: Scope, holder: Scope | None = None) -> None:
        """Put a value into a variable, or into a part of one: ``names(x)[2] <- "a"`` is done from the inside out.

        ``holder`` has the variable where that is another scope, as for ``<<-``.
        """
        holder = holder or scope
        if isinstance(target, Literal) and isinstance(target.value, str):
            target = Name(target.value, target.line)
        if isinstance(target, Name):
            holder.variables[target.name] = value
            return
        if (
            not isinstance(target, Call)
            or not target.arguments
            or target.arguments[0].value is None
        ):
            raise UnreadableError("something is assigned to what is no variable")
        inner = target.arguments[0].value
        try:
            base = self.evaluate(inner, holder)
        except UnreadableError as error:
            if isinstance(inner, Name) and scope.find(inner.name) is None:
                raise UnreadableError(f"{inner.name} is not known") from None
            raise error from None
        self.assign(inner, self._replaced(target, base, value, scope), scope, holder)

    def _replaced(self, target: Call, base: Any, value: Any, scope: Scope) -> Any:
        arguments = target.arguments[1:]
        if target.name == "$":
            return r_index.replace_member(base, word_of(arguments[0].value), value)
        if target.name == "[[":
            return r_index.replace_element(base, self.index(arguments, scope), value)
        if target.name == "[":
            return r_index.replace_subset(base, self.index(arguments, scope), value)
        if target.name in {"names", "colnames"} and not arguments:
            return r_functions.with_names(base, value)
        if (
            target.name == "attr"
            and arguments
            and text(self.evaluate(node_of(arguments[0]), scope)) == "tzone"
        ):
            return Vector([Time(item.seconds, text(value)) for item in scalars(base)])
        if target.name in {"rownames", "row.names"} and isinstance(base, Frame):
            return base
        raise UnreadableError(f"{target.name}(...) <- is not evaluated")

    def index(self, arguments: tuple[Argument, ...], scope: Scope) -> list[Any]:
        """Evaluate what stands in brackets."""
        if any(isinstance(a.value, Call) and a.value.name == ":=" for a in arguments):
            raise UnreadableError(":= of data.table")
        plain = [a for a in arguments if a.label != "drop"]
        if not plain:
            return [r_index.ALL]
        return [r_index.ALL if a.value is None else self.evaluate(a.value, scope) for a in plain]


def word_of(node: Node | None) -> str:
    """Return a name that is written as it is: of a column, of a function."""
    if isinstance(node, Literal) and isinstance(node.value, str):
        return node.value
    if isinstance(node, Name):
        return node.name
    raise UnreadableError("a computed name")


def node_of(argument: Argument) -> Node:
    """Return the expression of an argument."""
    if argument.value is None:
        raise UnreadableError("an argument is left out")
    return argument.value
