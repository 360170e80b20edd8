"""What a statement may change, found without evaluating it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stilt.migrate.r_evaluate import BUILTINS, Closure
from stilt.migrate.r_forms import FORMS
from stilt.migrate.r_syntax import ASSIGNMENTS, Broken, Call, Function, Literal, Name, Node, walk

if TYPE_CHECKING:
    from stilt.migrate.r_evaluate import Scope

_PACKAGES = (
    "library",
    "require",
    "requireNamespace",
    "loadNamespace",
    "suppressPackageStartupMessages",
    "p_load",
)
_INSTALLING = ("install.packages", "load_libs", "registerDoParallel", "stopCluster")
_SAYING = (
    "cat",
    "print",
    "message",
    "warning",
    "writeLines",
    "str",
    "summary",
    "View",
    "flush",
    "sink",
    "traceback",
)
_FILES = (
    "dir.create",
    "unlink",
    "file.remove",
    "file.rename",
    "file.copy",
    "file.symlink",
    "file.link",
    "file.create",
)
_PROCESSES = (
    "system",
    "system2",
    "shell",
    "download.file",
    "unzip",
    "untar",
    "Sys.chmod",
    "Sys.umask",
    "Sys.sleep",
)
_WRITING = (
    "saveRDS",
    "save",
    "write.csv",
    "write.table",
    "write_csv",
    "write_rds",
    "fwrite",
    "dput",
    "save.image",
)
_SESSION = (
    "set.seed",
    "options",
    "gc",
    "Sys.setlocale",
    "closeAllConnections",
    "on.exit",
    "stopifnot",
    "flush.console",
)
_DRAWING = (
    "plot",
    "points",
    "lines",
    "abline",
    "hist",
    "legend",
    "map",
    "title",
    "par",
    "png",
    "pdf",
    "dev.off",
)
_ABOUT_FILES = (
    "file.exists",
    "dir.exists",
    "list.files",
    "list.dirs",
    "dir",
    "file.info",
    "tempfile",
    "getwd",
    "Sys.glob",
)
_ABOUT_NOW = (
    "Sys.time",
    "Sys.Date",
    "date",
    "proc.time",
    "Sys.getenv",
    "Sys.info",
    "commandArgs",
    ".libPaths",
    "nlevels",
)
_RANDOM = ("runif", "rnorm", "sample", "rpois", "rexp")
ASKING = frozenset({*_ABOUT_FILES, *_ABOUT_NOW, *_RANDOM})
"""Functions whose answer differs from machine to machine, or from run to run."""
WITHOUT_EFFECT = frozenset(
    {
        *_PACKAGES,
        *_INSTALLING,
        *_SAYING,
        *_FILES,
        *_PROCESSES,
        *_WRITING,
        *_SESSION,
        *_DRAWING,
        *ASKING,
        "validate_varsiwant",
    }
)
"""Functions that change nothing which settings or receptors are made of."""
_OPAQUE = frozenset(
    {"source", "sys.source", "eval", "evalq", "load", "attach", "list2env", "delayedAssign"}
)
_APPLIED = frozenset({"stilt_apply", "xstilt_apply"})
STEPS = _APPLIED | {"simulation_step"}
"""The functions that a script hands its settings and receptors to."""
READERS = frozenset(
    {"readRDS", "read_rds", "read.csv", "read_csv", "fread", "read.table", "read_parquet"}
)
"""The functions that read a table from a file."""
_FOLLOWED = frozenset(
    {*BUILTINS, *FORMS, *WITHOUT_EFFECT, *_OPAQUE, *STEPS, *READERS, "rm", "setwd", "Sys.setenv"}
) | {"q", "quit", "stop", "try", "tryCatch"}
_DEEPEST = 20


@dataclass
class Effects:
    """Names that may get other values; ``anything``: it cannot be told which."""

    names: set[str] = field(default_factory=set)
    anything: bool = False


def is_harmless_source(call: Call) -> bool:
    """Tell whether ``source(...)`` loads R-STILT's own functions, or another file of functions alone."""
    texts = [node.value for node in call.nodes() if isinstance(node, Literal)]
    inner = [n for node in call.nodes() if isinstance(node, Call) for n in node.nodes()]
    texts += [node.value for node in inner if isinstance(node, Literal)]
    return any(str(word).rpartition("/")[2] == "dependencies.r" for word in texts)


def effects(node: Node, scope: Scope, *, by_reference: bool = True) -> Effects:
    """Return what a statement may change in the script's variables.

    ``by_reference`` counts those that are handed to an unknown function: ``setDT(receptors)`` is called for that.
    """
    found = Effects()
    try:
        _collect(node, scope, found, 0, local=False)
    except RecursionError:
        found.anything = True
    if by_reference:
        _add_arguments(node, scope, found)
    return found


def _collect(node: Node, scope: Scope, found: Effects, depth: int, *, local: bool) -> None:
    """Collect effects; ``local``: within a function, whose own variables are nobody else's."""
    if isinstance(node, Broken) or depth > _DEEPEST:
        found.anything = True
    if not isinstance(node, Call):
        return
    for inner in (node.function, *node.nodes()):
        if isinstance(inner, Function):  # handed to lapply and the like, which call it
            _collect(inner.body, scope, found, depth + 1, local=True)
        else:
            _collect(inner, scope, found, depth, local=local)
    _add_own(node, scope, found, depth, local=local)


def _add_own(call: Call, scope: Scope, found: Effects, depth: int, *, local: bool) -> None:
    """Add what a call does by itself, beside its arguments."""
    nodes = call.nodes()
    handed = any(
        isinstance(node, Name) and node.name in _APPLIED for node in nodes
    )  # do.call(stilt_apply, ...)
    if handed or call.name in STEPS:
        found.names.add("stilt_apply")
    if call.name in {*ASSIGNMENTS, "for"}:
        if call.name == "<<-" or not local:
            found.names.add(_root(nodes[0]))
    elif call.name in {"[", "[["} and any(isinstance(n, Call) and n.name == ":=" for n in nodes):
        found.names.add(_root(call))
    elif call.name == "assign":
        _assigned_by_name(call, found)
    elif call.name in _OPAQUE:
        found.anything = found.anything or not (call.name == "source" and is_harmless_source(call))
    else:
        _within_closure(call, scope, found, depth)


def _assigned_by_name(call: Call, found: Effects) -> None:
    first = call.nodes()[0] if call.nodes() else None
    if isinstance(first, Literal) and isinstance(first.value, str):
        found.names.add(first.value)
    else:
        found.anything = True


def _within_closure(call: Call, scope: Scope, found: Effects, depth: int) -> None:
    holder = scope.find(call.name)
    closure = holder.variables[call.name] if holder is not None else None
    if isinstance(closure, Closure):
        _collect(closure.function.body, scope, found, depth + 5, local=True)


def _add_arguments(node: Node, scope: Scope, found: Effects) -> None:
    """Add variables that are handed to an unknown function for nothing but its effect: ``setDT(receptors)``."""
    if not isinstance(node, Call) or node.name in BUILTINS or node.name in WITHOUT_EFFECT:
        return
    if (
        node.name
        and scope.find(node.name) is None
        and (node.name[0].isalpha() or node.name[0] == ".")
    ):
        given = {inner.name for inner in node.nodes() if isinstance(inner, Name)}
        if node.name not in {*STEPS, "if", "for", "while", "repeat"}:
            found.names |= {name for name in given if name in scope.variables}


def calls_unknown(node: Node, scope: Scope) -> bool:
    """Tell whether a statement calls a function that is neither R's, as far as it is followed, nor the script's."""
    calls = (inner.name for inner in walk(node) if isinstance(inner, Call))
    names = {name for name in calls if name[:1].isalpha()}
    return any(scope.find(name) is None for name in names - _FOLLOWED)


def _root(node: Node) -> str:
    """Return the variable that an assignment changes: ``x`` of ``names(x)[2] <- ...``."""
    while isinstance(node, Call) and node.nodes():
        node = node.nodes()[0]
    if isinstance(node, Literal):
        return str(node.value)
    return node.name if isinstance(node, Name) else ""
