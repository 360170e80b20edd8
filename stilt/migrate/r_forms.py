"""What R does with arguments as they are written: control, assignment, brackets, columns as variables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stilt.migrate import r_functions, r_index, r_values
from stilt.migrate.r_arguments import matched
from stilt.migrate.r_arithmetic import OPERATORS, arithmetic
from stilt.migrate.r_evaluate import (
    BUILTINS,
    Closure,
    Interpreter,
    LeaveError,
    Scope,
    node_of,
    word_of,
)
from stilt.migrate.r_syntax import ASSIGNMENTS, Argument, Call, Function, Literal, Name, Node
from stilt.migrate.r_values import (
    NA,
    Frame,
    UnreadableError,
    Vector,
    elements,
    items,
    scalar,
    scalars,
    single,
    text,
    truth,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stilt.migrate.r_evaluate import Form

_MOST_ROUNDS = 50_000


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
        name = word_of(root)
        run.assign(target, value, scope, outer.find(name) or _outermost(outer))
    else:
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
        except LeaveError as left:
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
        except LeaveError as left:
            if left.kind == "break":
                break
            if left.kind != "next":
                raise


def _leave(run: Interpreter, call: Call, scope: Scope) -> Any:
    nodes = call.nodes()
    raise LeaveError(call.name, run.evaluate(nodes[0], scope) if nodes else None)


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
    return r_index.member(run.evaluate(base, scope), word_of(name))


def _element(run: Interpreter, call: Call, scope: Scope) -> Any:
    base = run.evaluate(node_of(call.arguments[0]), scope)
    index = run.index(call.arguments[1:], scope)
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
    frame = run.evaluate(node_of(call.arguments[0]), scope)
    if not isinstance(frame, Frame):
        raise UnreadableError(f"{call.name} of something else than a data frame")
    return frame


def _filter(run: Interpreter, call: Call, scope: Scope) -> Any:
    """``subset`` and ``filter``: rows for which everything is TRUE; ``NA`` is not."""
    frame = _frame_of(run, call, scope)
    inner = _masked(frame, scope)
    kept = list(range(len(frame)))
    for argument in call.arguments[1:]:
        if argument.label not in {None, "subset"}:
            raise UnreadableError(f"{call.name}: the argument {argument.label} is not followed")
        tests = scalars(run.evaluate(node_of(argument), inner))
        if len(tests) not in {1, len(frame)}:
            raise UnreadableError(f"{call.name}: a condition of another length")
        kept = [i for i in kept if (test := tests[i % len(tests)]) is not NA and test]
    return r_index.pick_rows(frame, Vector([i + 1 for i in kept]))


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
        found = r_index.replace_member(
            found, argument.label, run.evaluate(node_of(argument), inner)
        )
    return found


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


FORMS: Mapping[str, Form] = {
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
        ("invisible", "suppressWarnings", "suppressMessages", "I", "force"),
        _inner,
    ),
    **dict.fromkeys(("subset", "filter"), _filter),
    **dict.fromkeys(("mutate", "transform"), _mutate),
    "with": _with,
    **dict.fromkeys(("lapply", "sapply", "vapply", "map"), _lapply),
    "do.call": _do_call,
    "exists": _exists,
    "assign": _assign_by_name,
}
