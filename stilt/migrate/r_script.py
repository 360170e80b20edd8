"""Follows an R script statement by statement, and accounts for each of them.

No R is run. A statement is done, or known to be harmless, or it is not followed: then whatever it may have set is
unknown from there on, and what is made of that is unknown too. So nothing is taken from before a change that was
not understood.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stilt.foundations.inside import read_input
from stilt.migrate.r_account import DONE, HARMLESS, NAMED, Reach, Script, Statement
from stilt.migrate.r_effects import (
    READERS,
    STEPS,
    WITHOUT_EFFECT,
    calls_unknown,
    effects,
    is_harmless_source,
)
from stilt.migrate.r_evaluate import Interpreter, Scope
from stilt.migrate.r_forms import FORMS, loop_values
from stilt.migrate.r_syntax import ASSIGNMENTS, Call, Function, Literal, Name, Node, parse, walk
from stilt.migrate.r_tables import read_table
from stilt.migrate.r_values import (
    MACHINE_ZONE,
    Frame,
    Unknown,
    UnreadableError,
    Vector,
    scalars,
    text,
    truth,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from stilt.migrate.r_arguments import Given

_DEEPEST_SOURCE = 5
_MOST_BYTES = 1 << 24


class _EndError(Exception):
    """The script ends: ``q()`` or ``stop()``."""


def read_script(path: Path, folder: Path) -> Script:
    """Follow a script; files that it sources or reads are looked for in ``folder``."""
    runner = _Runner(folder)
    zone = MACHINE_ZONE.set("")
    try:
        runner.run_file(path, 0)
    except _EndError:
        pass
    finally:
        MACHINE_ZONE.reset(zone)
    return runner.finished()


class _Runner(Interpreter):
    """Runs the statements of a script in one scope."""

    def __init__(self, folder: Path) -> None:
        super().__init__(FORMS)
        self.script = Script()
        self.scope = Scope()
        self._folder = folder
        self._file = ""
        self._lines: list[str] = []
        self._depth = 0
        self._statements: dict[int, Statement] = {}
        self._current = Statement("", "")
        self._unseen = False  # a file that was to be sourced: its functions may change anything
        self._kept: list[Node] = []  # a node's id is its own only as long as it lives

    def finished(self) -> Script:
        """Return what was found."""
        for name, value in self.scope.variables.items():
            if isinstance(value, Unknown):
                self.script.unread[name] = value
            else:
                self.script.values[name] = value
        return self.script

    def run_file(self, path: Path, depth: int) -> None:
        """Run a script, or a file that it sources."""
        before = self._file, self._lines, self._depth
        source = read_input(path, _MOST_BYTES).decode(errors="replace")
        self._file, self._lines, self._depth = (
            path.name if depth else "",
            source.splitlines(),
            depth,
        )
        nodes = parse(source)
        self._kept += nodes
        self._declare(nodes)
        try:
            self._run(nodes)
        finally:
            self._file, self._lines, self._depth = before

    def _declare(self, nodes: Sequence[Node]) -> None:
        """List statements in their order, those in braces and branches one by one."""
        for node in nodes:
            inner = _bodies(node)
            if isinstance(node, Call) and node.name == "{":
                self._declare(inner)
                continue
            where = f"{self._file} line {node.line}" if self._file else f"line {node.line}"
            shown = self._lines[node.line - 1].strip() if node.line <= len(self._lines) else ""
            statement = Statement(where, shown)
            self._statements[id(node)] = statement
            self.script.statements.append(statement)
            self._declare(inner)

    def _run(self, nodes: Sequence[Node]) -> None:
        for node in nodes:
            if isinstance(node, Call) and node.name == "{":
                self._run(node.nodes())
                continue
            statement = self._statements[id(node)]
            try:
                self._current = statement
                self._run_one(node, statement)
            except (UnreadableError, RecursionError) as error:
                self._fail(node, statement, error)
            except _EndError:
                statement.becomes(HARMLESS)
                raise
            except Exception as error:  # noqa: BLE001 - return or break where none can be, and whatever R would refuse
                self._fail(node, statement, UnreadableError(str(error)))

    def _run_one(self, node: Node, statement: Statement) -> None:
        name = node.name if isinstance(node, Call) else ""
        if isinstance(node, Call) and name == "if":
            condition, yes, *no = node.nodes()
            branch = [yes] if truth(self.evaluate(condition, self.scope)) else no
            statement.becomes(DONE)
            self._run(branch)
        elif isinstance(node, Call) and name == "for":
            variable, values, body = node.nodes()
            if any(
                isinstance(inner, Call) and inner.name in {"break", "next"} for inner in walk(body)
            ):
                self.evaluate(node, self.scope)
                self._all_become(body, DONE)
            else:
                for value in loop_values(self.evaluate(values, self.scope)):
                    self.assign(variable, value, self.scope)
                    self._run([body])
            statement.becomes(DONE)
        else:
            value = self.evaluate(node, self.scope)
            if isinstance(value, Unknown) and name not in WITHOUT_EFFECT:
                raise UnreadableError(value.why, value)
            statement.becomes(HARMLESS if name in WITHOUT_EFFECT or not name else DONE)

    def _all_become(self, node: Node, outcome: str, why: str = "") -> None:
        for inner in walk(node):
            if id(inner) in self._statements:
                self._statements[id(inner)].becomes(outcome, why)

    def _fail(self, node: Node, statement: Statement, error: Exception) -> None:
        """Doubt whatever a statement that could not be followed may have set."""
        if self._fail_in_column(node, statement, error):
            return
        found = effects(node, self.scope)
        if isinstance(node, Call) and node.name == "source":
            self._unseen = True
        stranger = calls_unknown(node, self.scope)
        found.anything = found.anything or (self._unseen and stranger)
        why = str(error) or "it is nested too deeply"
        outcome = NAMED if found.names or found.anything or stranger else HARMLESS
        if found.anything:
            statement.reach = Reach.ANYTHING
        elif not found.names:
            statement.reach = Reach.NOTHING
        self._all_become(node, outcome, why)
        statement.becomes(outcome, why)
        unknown = self._unknown(error, node, statement)
        for name in found.names:
            self.scope.variables[name] = unknown
        if found.anything:
            for name in self.scope.variables:
                self.scope.variables[name] = unknown

    def _fail_in_column(self, node: Node, statement: Statement, error: Exception) -> bool:
        """Doubt one column only where just that is set: ``receptors$note <- f(x)``."""
        if not isinstance(node, Call) or node.name not in ASSIGNMENTS:
            return False
        target, value = node.nodes()
        if not (
            isinstance(target, Call) and target.name == "$" and isinstance(target.nodes()[0], Name)
        ):
            return False
        beside = effects(value, self.scope, by_reference=False)
        if beside.names or beside.anything:
            return False
        base = self.scope.variables.get(getattr(target.nodes()[0], "name", ""))
        if not isinstance(base, Frame) or not len(base):
            return False
        unknown = self._unknown(error, node, statement)
        try:
            self.assign(target, Vector([unknown] * len(base)), self.scope)
        except UnreadableError:
            return False
        statement.becomes(NAMED, str(error))
        return True

    def _unknown(self, error: Exception, node: Node, statement: Statement) -> Unknown:
        """Return what stands for a value from now on, with all statements that have a part in it."""
        needed = [getattr(error, "cause", None)]
        needed += [self.scope.variables.get(n.name) for n in walk(node) if isinstance(n, Name)]
        before = [at for value in needed if isinstance(value, Unknown) for at in value.statements]
        why = str(error) or "it is nested too deeply"
        return Unknown(why, _line_of(node), tuple(dict.fromkeys([*before, statement])), self._file)

    def special(self, name: str) -> Callable[[Call, Scope], Any] | None:
        """Return what a script does beyond evaluating: files, other scripts, and what it hands to STILT."""
        if name in WITHOUT_EFFECT:
            return self._harmless
        if name in STEPS:
            return self._step
        if name in READERS:
            return self._read
        own = {
            "source": self._source,
            "Sys.setenv": self._set_environment,
            "setwd": self._change_folder,
            "rm": self._remove,
            **dict.fromkeys(("q", "quit", "stop"), self._end),
            **dict.fromkeys(("try", "tryCatch"), self._try),
        }
        return own.get(name) or super().special(name)

    def _harmless(self, call: Call, scope: Scope) -> Unknown:
        """Do nothing; what comes out of it, should anything be made of that, is not known."""
        found = effects(call, scope)
        if found.names or found.anything:
            raise UnreadableError(f"{call.name}(...) with an assignment in it")
        return Unknown(f"{call.name}(...) is not evaluated", call.line, (), self._file)

    def apply(self, function: Any, given: Given, line: int) -> Any:
        """Call a function; ``do.call(stilt_apply, settings)`` hands over what it is given."""
        if isinstance(function, str) and function in STEPS:
            self.script.calls.append({label: value for label, value in given if label})
            return None
        return super().apply(function, given, line)

    def _end(self, call: Call, scope: Scope) -> None:
        _ = call, scope
        raise _EndError

    def _try(self, call: Call, scope: Scope) -> Any:
        """Evaluate what is tried; where it stops is not the end of the script."""
        try:
            return self.evaluate(call.nodes()[0], scope) if call.nodes() else None
        except _EndError:
            raise UnreadableError("it stops within it") from None

    def _step(self, call: Call, scope: Scope) -> None:
        """Note what ``stilt_apply`` is given."""
        found: dict[str, Any] = {}
        for argument in call.arguments:
            if argument.label in {"FUN", None} and call.name != "simulation_step":
                if isinstance(argument.value, Name) and argument.value.name != "simulation_step":
                    self.script.applied.append((argument.value.name, self._current.where))
                elif isinstance(argument.value, Function):
                    self.script.applied.append(("function(...)", self._current.where))
            elif argument.label and argument.value is not None:
                found[argument.label] = self._given_or_unknown(argument.value, scope)
        self.script.calls.append(found)

    def _given_or_unknown(self, node: Node, scope: Scope) -> Any:
        try:
            return self.evaluate(node, scope)
        except UnreadableError as error:
            return self._unknown(error, node, self._current)

    def _source(self, call: Call, scope: Scope) -> None:
        """Run the file that ``source('...')`` names."""
        if is_harmless_source(call):
            return
        name = text(self.evaluate(call.nodes()[0], scope))
        path = self._there(name)
        if self._depth >= _DEEPEST_SOURCE:
            raise UnreadableError("files source each other without end")
        statement = self._current
        self.run_file(path, self._depth + 1)
        self._current = statement

    def _there(self, name: str) -> Path:
        """Return a file of the project; one that the script names by a path of another machine by its name alone."""
        path = self._folder / name
        near = self._folder / path.name
        if path.is_file():
            return path
        if not near.is_file() or not path.is_absolute():
            raise UnreadableError(f"there is no file {path}")
        self.script.remarks.append(
            f"{self._current.where}: {near} was read for {name}, which is not here"
        )
        return near

    def _read(self, call: Call, scope: Scope) -> Frame:
        """Read a table from a file of the project."""
        given = self.given(call.arguments, scope)
        if not given or given[0][0] not in {None, "file", "path"}:
            raise UnreadableError(f"{call.name} without a file")
        return read_table(call.name, self._there(text(given[0][1])), given[1:])

    def _set_environment(self, call: Call, scope: Scope) -> None:
        for argument in call.arguments:
            if argument.label == "TZ" and argument.value is not None:
                MACHINE_ZONE.set(text(self.evaluate(argument.value, scope)))

    def _change_folder(self, call: Call, scope: Scope) -> None:
        """Follow ``setwd`` to a folder that is here; elsewhere the project is where its files are looked for."""
        try:
            path = self._folder / text(self.evaluate(call.nodes()[0], scope))
        except UnreadableError:
            return
        if path.is_dir():
            self._folder = path

    def _remove(self, call: Call, scope: Scope) -> None:
        for argument in call.arguments:
            value = argument.value
            if (
                argument.label == "list"
                and isinstance(value, Call)
                and value.name == "ls"
                and not value.arguments
            ):
                scope.variables.clear()
            elif argument.label == "list" and value is not None:
                for name in scalars(self.evaluate(value, scope)):
                    scope.variables.pop(str(name), None)
            elif argument.label is None and isinstance(value, Name | Literal):
                scope.variables.pop(
                    str(value.name if isinstance(value, Name) else value.value), None
                )
            else:
                raise UnreadableError("rm of something computed")


def _bodies(node: Node) -> list[Node]:
    """Return the statements that a statement holds: of branches, loops and braces."""
    if not isinstance(node, Call):
        return []
    if node.name == "{":
        return node.nodes()
    if node.name == "if":
        return node.nodes()[1:]
    return node.nodes()[2:] if node.name == "for" else []


def _line_of(node: Node) -> int:
    """Return the line of what is assigned, or of the statement."""
    if isinstance(node, Call) and node.name in ASSIGNMENTS:
        return node.nodes()[1].line
    return node.line
