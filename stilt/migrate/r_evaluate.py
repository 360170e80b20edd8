"""Evaluates expressions of R, as far as settings and receptors are made of them.

What is not followed raises :class:`UnreadableError`; nothing is guessed. What a script does to the world (files,
processes, the clock, random numbers) is never done or made up.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stilt.migrate import r_frames, r_functions, r_index, r_times, r_values
from stilt.migrate.r_arguments import Given, matched
from stilt.migrate.r_syntax import (
    ASSIGNMENTS,
    Argument,
    Broken,
    Call,
    Function,
    Literal,
    Name,
    Node,
)
from stilt.migrate.r_values import (
    NA,
    OPERATORS,
    Frame,
    Time,
    Unknown,
    UnreadableError,
    Vector,
    arithmetic,
    elements,
    items,
    scalar,
    scalars,
    single,
    text,
    truth,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

BUILTINS = {**r_functions.FUNCTIONS, **r_times.FUNCTIONS, **r_frames.FUNCTIONS}
_CONSTANTS = {
    "T": single(value=True),
    "F": single(value=False),
    "pi": single(3.141592653589793),
    "month.abb": Vector(
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    ),
}
_MOST_STEPS = 3_000_000
_MOST_ROUNDS = 50_000
_DEEPEST_CALL = 40
Special = "Callable[[Interpreter, Call, Scope], Any]"


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
            raise UnreadableError(f"{name} is not known: {value.why}, {value.where}", value)
        return value


@dataclass
class Closure:
    """A function of the script, and where it looks for variables."""

    function: Function
    scope: Scope


class _LeaveError(Exception):
    """``return``, ``break`` or ``next``."""

    def __init__(self, kind: str, value: Any = None) -> None:
        super().__init__(kind)
        self.kind = kind
        self.value = value


class Interpreter:
    """Evaluates nodes; what it does not have itself a subclass adds by :meth:`special`."""

    def __init__(self) -> None:
        self.steps = 0
        self._calls = 0

    def special(self, name: str) -> Callable[[Call, Scope], Any] | None:
        """Return what is done for a call in place of evaluating its arguments first."""
        method = _SPECIALS.get(name)
        return None if method is None else lambda call, scope: method(self, call, scope)

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
            function = Name(str(_word(function.arguments[1].value)), call.line)
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
        except _LeaveError as left:
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

    def assign(self, target: Node, value: Any, scope: Scope) -> None:
        """Put a value into a variable, or into a part of one: ``names(x)[2] <- "a"`` is done from the inside out."""
        if isinstance(target, Literal) and isinstance(target.value, str):
            target = Name(target.value, target.line)
        if isinstance(target, Name):
            scope.variables[target.name] = value
            return
        if (
            not isinstance(target, Call)
            or not target.arguments
            or target.arguments[0].value is None
        ):
            raise UnreadableError("something is assigned to what is no variable")
        inner = target.arguments[0].value
        try:
            base = self.evaluate(inner, scope)
        except UnreadableError as error:
            if isinstance(inner, Name) and scope.find(inner.name) is None:
                raise UnreadableError(f"{inner.name} is not known") from None
            raise error from None
        self.assign(inner, self._replaced(target, base, value, scope), scope)

    def _replaced(self, target: Call, base: Any, value: Any, scope: Scope) -> Any:
        arguments = target.arguments[1:]
        if target.name == "$":
            return r_index.replace_member(base, _word(arguments[0].value), value)
        if target.name == "[[":
            return r_index.replace_element(base, self._index(arguments, base, scope), value)
        if target.name == "[":
            return r_index.replace_subset(base, self._index(arguments, base, scope), value)
        if target.name in {"names", "colnames"} and not arguments:
            return r_functions.with_names(base, value)
        if (
            target.name == "attr"
            and arguments
            and text(self.evaluate(_node(arguments[0]), scope)) == "tzone"
        ):
            return Vector([Time(item.seconds, text(value)) for item in scalars(base)])
        if target.name in {"rownames", "row.names"} and isinstance(base, Frame):
            return base
        raise UnreadableError(f"{target.name}(...) <- is not evaluated")

    def _index(self, arguments: tuple[Argument, ...], base: Any, scope: Scope) -> list[Any]:
        if any(isinstance(a.value, Call) and a.value.name == ":=" for a in arguments):
            raise UnreadableError(":= of data.table")
        plain = [a for a in arguments if a.label != "drop"]
        if not plain:
            return [r_index.ALL]
        _ = base
        return [r_index.ALL if a.value is None else self.evaluate(a.value, scope) for a in plain]


def _word(node: Node | None) -> str:
    if isinstance(node, Literal) and isinstance(node.value, str):
        return node.value
    if isinstance(node, Name):
        return node.name
    raise UnreadableError("a computed name")


def _node(argument: Argument) -> Node:
    if argument.value is None:
        raise UnreadableError("an argument is left out")
    return argument.value


def _parts(call: Call, formals: tuple[str, ...]) -> dict[str, Any]:
    """Return the arguments of a special form as nodes, by name."""
    return matched(formals, [(a.label, a.value) for a in call.arguments if a.value is not None])


def _block(run: Interpreter, call: Call, scope: Scope) -> Any:
    value = None
    for node in call.nodes():
        value = run.evaluate(node, scope)
    return value


def _assign(run: Interpreter, call: Call, scope: Scope) -> Any:
    target, node = call.nodes()
    value = run.evaluate(node, scope)
    if call.name == "<<-":
        root = target
        while isinstance(root, Call) and root.nodes():
            root = root.nodes()[0]
        outer = scope.outer or scope
        name = _word(root)
        scope = outer.find(name) or _outermost(outer)
    run.assign(target, value, scope)
    return value


def _outermost(scope: Scope) -> Scope:
    while scope.outer is not None:
        scope = scope.outer
    return scope


def _if(run: Interpreter, call: Call, scope: Scope) -> Any:
    condition, yes, *no = call.nodes()
    if truth(run.evaluate(condition, scope)):
        return run.evaluate(yes, scope)
    return run.evaluate(no[0], scope) if no else None


def loop_values(value: Any) -> list[Any]:
    """Return what ``for`` goes through."""
    return elements(r_functions.stripped(value))


def _for(run: Interpreter, call: Call, scope: Scope) -> Any:
    variable, values, body = call.nodes()
    for value in loop_values(run.evaluate(values, scope)):
        run.assign(variable, value, scope)
        try:
            run.evaluate(body, scope)
        except _LeaveError as left:
            if left.kind == "break":
                break
            if left.kind != "next":
                raise


def _while(run: Interpreter, call: Call, scope: Scope) -> Any:
    *condition, body = call.nodes()
    rounds = 0
    while not condition or truth(run.evaluate(condition[0], scope)):
        rounds += 1
        if rounds > _MOST_ROUNDS:
            raise UnreadableError("it goes round too often")
        try:
            run.evaluate(body, scope)
        except _LeaveError as left:
            if left.kind == "break":
                break
            if left.kind != "next":
                raise


def _leave(run: Interpreter, call: Call, scope: Scope) -> Any:
    nodes = call.nodes()
    raise _LeaveError(call.name, run.evaluate(nodes[0], scope) if nodes else None)


def _inner(run: Interpreter, call: Call, scope: Scope) -> Any:
    """Return the first argument: parentheses, ``invisible``, ``suppressWarnings``, ``I``."""
    return run.evaluate(call.nodes()[0], scope) if call.nodes() else None


def _and(run: Interpreter, call: Call, scope: Scope) -> Any:
    left, right = call.nodes()
    first = truth(run.evaluate(left, scope))
    if first == (call.name == "||"):
        return single(first)
    return single(truth(run.evaluate(right, scope)))


def _operator(run: Interpreter, call: Call, scope: Scope) -> Any:
    values = [run.evaluate(node, scope) for node in call.nodes()]
    if len(values) == 1 and call.name in {"-", "+"}:
        return arithmetic("*", single(-1), values[0]) if call.name == "-" else values[0]
    left, right = values
    return arithmetic(call.name, left, right)


def _not(run: Interpreter, call: Call, scope: Scope) -> Any:
    values = scalars(run.evaluate(call.nodes()[0], scope))
    return Vector([value if value is NA else not (value + 0) for value in values])


def _range(run: Interpreter, call: Call, scope: Scope) -> Any:
    start, end = (scalar(run.evaluate(node, scope)) for node in call.nodes())
    return run.apply("seq", [("from", single(start)), ("to", single(end))], call.line)


def _member(run: Interpreter, call: Call, scope: Scope) -> Any:
    base, name = call.nodes()
    return r_index.member(run.evaluate(base, scope), _word(name))


def _element(run: Interpreter, call: Call, scope: Scope) -> Any:
    base = run.evaluate(_node(call.arguments[0]), scope)
    index = run._index(call.arguments[1:], base, scope)  # noqa: SLF001 - of this module
    if call.name == "[[":
        return r_index.element(base, index)
    kept = any(
        a.label == "drop" and a.value is not None and not truth(run.evaluate(a.value, scope))
        for a in call.arguments
    )
    return r_index.subset(base, index, drop=not kept)


def _masked(frame: Frame, scope: Scope) -> Scope:
    """Return a scope in which a frame's columns are variables."""
    return Scope(
        {name: r_index.column_vector(column) for name, column in frame.columns.items()}, scope
    )


def _frame_of(run: Interpreter, call: Call, scope: Scope) -> Frame:
    frame = run.evaluate(_node(call.arguments[0]), scope)
    if not isinstance(frame, Frame):
        raise UnreadableError(f"{call.name} of something else than a data frame")
    return frame


def _filter(run: Interpreter, call: Call, scope: Scope) -> Any:
    """``subset`` and ``filter``: rows for which everything is TRUE; ``NA`` is not."""
    frame = _frame_of(run, call, scope)
    inner = _masked(frame, scope)
    kept = list(range(len(frame)))
    selected: Any = None
    for argument in call.arguments[1:]:
        if argument.label == "select":
            selected = argument
            continue
        if argument.label not in {None, "subset"}:
            raise UnreadableError(f"{call.name}: the argument {argument.label} is not followed")
        tests = scalars(run.evaluate(_node(argument), inner))
        if len(tests) not in {1, len(frame)}:
            raise UnreadableError(f"{call.name}: a condition of another length")
        kept = [i for i in kept if (test := tests[i % len(tests)]) is not NA and test]
    found = r_index.pick_rows(frame, Vector([i + 1 for i in kept]))
    return found if selected is None else _select_from(run, found, (selected,), scope)


def _select(run: Interpreter, call: Call, scope: Scope) -> Any:
    """Dplyr's ``select``: columns by name, to be renamed, or to be left out."""
    return _select_from(run, _frame_of(run, call, scope), call.arguments[1:], scope)


def _select_from(
    run: Interpreter, frame: Frame, arguments: tuple[Argument, ...], scope: Scope
) -> Frame:
    found: dict[str, list[Any]] = {}
    dropped: set[str] = set()
    for argument in arguments:
        node = _node(argument)
        names = [node] if not (isinstance(node, Call) and node.name == "c") else node.nodes()
        for name in names:
            if isinstance(name, Call) and name.name == "-":
                inner = name.nodes()[0]
                dropped |= {
                    _word(n) for n in (inner.nodes() if isinstance(inner, Call) else [inner])
                }
            else:
                column = _word(name)
                label = argument.label if argument.label not in {None, "select"} else column
                found[str(label)] = items(r_index.pick_columns(frame, single(column)))[0].values
    _ = run, scope
    return Frame(
        found or {name: column for name, column in frame.columns.items() if name not in dropped}
    )


def _mutate(run: Interpreter, call: Call, scope: Scope) -> Any:
    """``mutate`` (each sees the columns made before it) and ``transform`` (each sees the frame as it was)."""
    frame = found = _frame_of(run, call, scope)
    for argument in call.arguments[1:]:
        if argument.label is None or argument.label.startswith("."):
            raise UnreadableError(f"{call.name} with these arguments")
        inner = _masked(found if call.name == "mutate" else frame, scope)
        if call.name == "mutate":
            inner.variables["n"] = Closure(
                Function((), Literal(len(frame), call.line), call.line), scope
            )
        found = r_index.replace_member(found, argument.label, run.evaluate(_node(argument), inner))
    return found


def _arrange(run: Interpreter, call: Call, scope: Scope) -> Any:
    """Dplyr's ``arrange``, with ``desc`` of numbers and times."""
    frame = _frame_of(run, call, scope)
    inner = _masked(frame, scope)
    found = frame
    order = list(range(len(frame)))
    for argument in reversed(call.arguments[1:]):
        node = _node(argument)
        down = isinstance(node, Call) and node.name == "desc"
        key = run.evaluate(node.nodes()[0] if isinstance(node, Call) and down else node, inner)
        keys = scalars(run.apply("c", [(None, key)], call.line))
        run.apply("sort", [(None, key)], call.line)  # refuses what has no order of its own
        order.sort(key=keys.__getitem__, reverse=down)
    return r_index.pick_rows(found, Vector([i + 1 for i in order]))


def _with(run: Interpreter, call: Call, scope: Scope) -> Any:
    return run.evaluate(call.nodes()[1], _masked(_frame_of(run, call, scope), scope))


def _function_of(run: Interpreter, node: Node, scope: Scope) -> Any:
    """Return a function that is handed to another: one of the script's, or R's by its name."""
    if isinstance(node, Name) and scope.find(node.name) is None:
        return node.name
    if isinstance(node, Literal) and isinstance(node.value, str):
        return node.value
    return run.evaluate(node, scope)


def _lapply(run: Interpreter, call: Call, scope: Scope) -> Any:
    parts = _parts(call, ("X", "FUN", "...", "FUN.VALUE"))
    values = run.evaluate(parts["X"], scope)
    function = _function_of(run, parts["FUN"], scope)
    more = run.given(tuple(Argument(label, node) for label, node in parts["..."]), scope)
    found = [run.apply(function, [(None, value), *more], call.line) for value in elements(values)]
    names = values.names if isinstance(values, Vector) else None
    if isinstance(values, Frame):
        names = list(values.columns)
    if call.name in {"lapply", "map"}:
        return Vector(found, names, is_list=True)
    return _simplified(found)


def _simplified(found: list[Any]) -> Vector:
    if not found or any(
        not isinstance(value, Vector) or len(value) != 1 or value.is_list for value in found
    ):
        raise UnreadableError("sapply of more than single values")
    return Vector(r_values.combined([r_functions.stripped(value).values[0] for value in found]))


def _do_call(run: Interpreter, call: Call, scope: Scope) -> Any:
    what, arguments = call.nodes()[:2]
    values = run.evaluate(arguments, scope)
    names = (
        list(values.columns) if isinstance(values, Frame) else getattr(values, "names", None)
    ) or [None] * len(items(values))
    given = [(name or None, value) for name, value in zip(names, elements(values), strict=True)]
    return run.apply(_function_of(run, what, scope), given, call.line)


def _exists(run: Interpreter, call: Call, scope: Scope) -> Any:
    if len(call.arguments) != 1:
        raise UnreadableError("exists with more arguments")
    name = text(run.evaluate(call.nodes()[0], scope))
    found = scope.find(name)
    if found is None and name in BUILTINS:
        raise UnreadableError(f"exists of a function of R's, {name}")
    return single(found is not None)


def _assign_by_name(run: Interpreter, call: Call, scope: Scope) -> Any:
    parts = _parts(call, ("x", "value", "envir"))
    value = run.evaluate(parts["value"], scope)
    target = scope
    if "envir" in parts:
        where = parts["envir"]
        if not (isinstance(where, Name) and where.name == ".GlobalEnv") and not (
            isinstance(where, Call) and where.name == "globalenv"
        ):
            raise UnreadableError("assign to another environment")
        target = _outermost(scope)
    target.variables[text(run.evaluate(parts["x"], scope))] = value
    return value


_SPECIALS: Mapping[str, Callable[[Interpreter, Call, Scope], Any]] = {
    **dict.fromkeys(ASSIGNMENTS, _assign),
    **dict.fromkeys(OPERATORS, _operator),
    "{": _block,
    "(": _inner,
    "if": _if,
    "for": _for,
    "while": _while,
    "repeat": _while,
    **dict.fromkeys(("return", "break", "next"), _leave),
    **dict.fromkeys(("&&", "||"), _and),
    "!": _not,
    ":": _range,
    "$": _member,
    "[[": _element,
    "[": _element,
    **dict.fromkeys(
        ("invisible", "suppressWarnings", "suppressMessages", "I", "force", "try", "tryCatch"),
        _inner,
    ),
    **dict.fromkeys(("subset", "filter"), _filter),
    "select": _select,
    **dict.fromkeys(("mutate", "transform"), _mutate),
    "arrange": _arrange,
    "with": _with,
    **dict.fromkeys(("lapply", "sapply", "vapply", "map"), _lapply),
    "do.call": _do_call,
    "exists": _exists,
    "assign": _assign_by_name,
}
