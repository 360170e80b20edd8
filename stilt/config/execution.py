"""The ``execution`` section: stilt's own keys, and those that are handed on to sbatch."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from stilt.config.conversion import brief, convert_fields, nearest, unknown_key
from stilt.config.schema import Execution

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stilt.config.document import Document, Where
    from stilt.config.schema import SbatchValue

OWN_KEYS = tuple(name for name in Execution.__struct_fields__ if name != "sbatch")

REFUSED = {
    "array": "stilt makes the array itself, one index for each chunk: use n_workers and "
    "array_parallelism",
    "parsable": "stilt reads sbatch's answer itself",
    "wrap": "the script runs stilt's worker: use setup for lines before it",
    "signal": "stilt asks for USR1 120 s before the time limit, to stop cleanly and requeue",
    "job-name": "the job's name is how stilt finds a job again after a failed submission: "
    "use comment for a label",
    "output": "stilt keeps what tasks print under slurm/logs, where `stilt logs` finds it",
    "error": "stilt keeps what tasks print under slurm/logs, where `stilt logs` finds it",
    "open-mode": "stilt appends, so that a requeued task keeps what it printed before",
    "wait": "use `stilt run --wait`",
    "test-only": "use `stilt check` or `stilt run --dry-run`",
    "help": "it would keep sbatch from submitting",
    "usage": "it would keep sbatch from submitting",
    "version": "it would keep sbatch from submitting",
}
"""Options of sbatch that stilt sets itself or that would break it, and why."""

SHORT = {
    "A": "account",
    "C": "constraint",
    "D": "chdir",
    "J": "job-name",
    "L": "licenses",
    "M": "clusters",
    "N": "nodes",
    "a": "array",
    "c": "cpus-per-task",
    "d": "dependency",
    "e": "error",
    "n": "ntasks",
    "o": "output",
    "p": "partition",
    "q": "qos",
    "t": "time",
    "w": "nodelist",
    "x": "exclude",
}

NEEDS_VALUE = frozenset(
    {
        "account",
        "begin",
        "chdir",
        "clusters",
        "comment",
        "constraint",
        "cpu-freq",
        "deadline",
        "dependency",
        "exclude",
        "gpus",
        "gres",
        "licenses",
        "mail-type",
        "mail-user",
        "mem",
        "mem-per-cpu",
        "nodelist",
        "nodes",
        "ntasks",
        "partition",
        "priority",
        "qos",
        "reservation",
        "time",
        "time-min",
        "tmp",
    }
)
"""Options for which YAML's ``on``, ``no`` or ``yes`` can only be a word that lost its quotes."""

_LINE_BREAK = "contains a line break or a control character"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def convert_execution(data: Any, where: Where, document: Document) -> Execution | None:
    """Build the ``execution`` section, noting every problem; None if there is any."""
    if data is None:
        return Execution()
    if not isinstance(data, dict):
        document.add(where, f"expected a mapping, got {brief(data)}")
        return None
    before = len(document.problems)
    own, forwarded = _sorted(data, where, document)
    setup = _setup(own.get("setup"), (*where, "setup"), document)
    sbatch = _sbatch(forwarded, where, document)
    values, sound = convert_fields(
        Execution, own, where, document, ready={"setup": setup, "sbatch": sbatch}
    )
    _refuse_control_characters(values, where, document)
    if not sound or len(document.problems) > before:
        return None
    return Execution(**values)


def _sorted(
    data: Mapping[str, Any], where: Where, document: Document
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Tell stilt's keys from those for sbatch, in either spelling."""
    own: dict[str, Any] = {}
    forwarded: dict[str, Any] = {}
    for key, value in data.items():
        name = key.replace("-", "_")
        target, written = (own, name) if name in OWN_KEYS else (forwarded, key)
        if written in target:
            document.add((*where, key), f"given twice, as {name} and {name.replace('_', '-')}")
        target[written] = value
        document.lines.setdefault((*where, written), document.line((*where, key)))
    return own, forwarded


def _setup(given: Any, where: Where, document: Document) -> tuple[str, ...] | None:
    """Accept a list of lines, or a block of text with several."""
    if given is None:
        return ()
    lines = given.splitlines() if isinstance(given, str) else given
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        document.add(where, f"expected shell lines, got {brief(given)}")
        return None
    if any(_CONTROL.search(line.replace("\t", " ")) for line in lines):
        document.add(where, f"a line {_LINE_BREAK}")
        return None
    return tuple(line for line in lines if line.strip())


def _sbatch(
    data: Mapping[str, Any], where: Where, document: Document
) -> dict[str, SbatchValue] | None:
    options: dict[str, SbatchValue] = {}
    before = len(document.problems)
    for key, value in data.items():
        place = (*where, key)
        option = key.replace("_", "-")
        complaint = _bad_option(key, option) or _bad_value(
            option, value, document.written.get(place)
        )
        if complaint is None and option in options:
            complaint = "given twice, with underscores and with dashes"
        if complaint is None:
            options[option] = value
        else:
            document.add(place, complaint)
    return options if len(document.problems) == before else None


def _bad_option(key: str, option: str) -> str | None:
    """Say why a key cannot be handed on to sbatch, if so."""
    if key in SHORT:
        return f"write it out: {SHORT[key]}"
    if not _NAME.fullmatch(option):
        bare = option.lstrip("-")
        return f"write {bare}" if _NAME.fullmatch(bare) else "not the name of an sbatch option"
    # sbatch takes any unambiguous beginning of an option for it, so `arr` would be --array
    whole = next((name for name in REFUSED if name.startswith(option)), None)
    if whole:
        short = "" if whole == option else f"sbatch may take it for --{whole}; "
        return f"not allowed: {short}{REFUSED[whole]}"
    near = nearest(option, OWN_KEYS, cutoff=0.8)
    return unknown_key(near) if near else None


def _bad_value(option: str, value: Any, written: str | None) -> str | None:
    """Say why a value cannot be handed on to sbatch, if so."""
    complaint = None
    if value is None or (isinstance(value, str) and not value.strip()):
        complaint = "needs a value (true for a bare flag)"
    elif isinstance(value, dict | list):
        complaint = f"expected text, a number or true, got {brief(value)}"
    elif isinstance(value, str):
        complaint = _LINE_BREAK if _CONTROL.search(value) else None
    elif isinstance(value, bool) and option in NEEDS_VALUE:
        complaint = f'YAML reads {written} as {brief(value)}: write "{written}" if that is meant'
    elif not isinstance(value, bool) and written not in {None, str(value)}:
        complaint = f'YAML reads {written} as the number {value}: write "{written}"'
    return complaint


def _refuse_control_characters(values: dict[str, Any], where: Where, document: Document) -> None:
    for name, value in values.items():
        if isinstance(value, str) and _CONTROL.search(value):
            document.add((*where, name), _LINE_BREAK)
