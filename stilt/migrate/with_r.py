"""Lets R itself evaluate a script, and compares with what was followed without it.

The script is run statement by statement by ``evaluate.r``; what it would do to files, processes and STILT is left
out by name. That is a precaution and no cage: it is the user's own script, and ``--with-r`` asks for it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from stilt.foundations.errors import EnvironmentFailure, InputError
from stilt.migrate.r_account import DONE, NAMED, Reach, Script, Statement
from stilt.migrate.r_effects import ASKING, WITHOUT_EFFECT
from stilt.migrate.r_setup import SETTINGS
from stilt.migrate.r_values import NA, NO_ZONE, Day, Frame, Time, Unknown, Vector

_REAL = frozenset(
    {
        "library",
        "require",
        "requireNamespace",
        "loadNamespace",
        "options",
        "set.seed",
        "Sys.setlocale",
        "on.exit",
    }
)
"""What changes nothing outside of R, so that R may do it."""
_VARIABLES = ("receptors", "run_times", "lati", "long", "zagl")
_TIMEOUT_S = 600


def evaluated(path: Path, folder: Path, own: Script) -> Script:
    """Return what R makes of a script.

    Parameters
    ----------
    path
        The script.
    folder
        Where it looks for its files.
    own
        What was followed without R: where it has functions, and which function ``stilt_apply`` is to run.

    Raises
    ------
    EnvironmentFailure
        If there is no R, or it ends without an answer.
    """
    answer = _ask(path, folder)
    functions = {name: v for name, v in own.values.items() if not isinstance(v, Vector | Frame)}
    script = Script(applied=own.applied, values=functions)
    script.values |= {name: _value(value) for name, value in answer["values"].items()}
    for failed in answer["failed"]:
        _add_failure(script, failed, path)
    done = int(answer["count"]) - len(script.statements)
    script.statements += [Statement("", "", DONE) for _ in range(done)]
    script.calls = [
        {name: _argument(value, script) for name, value in call.items()} for call in answer["calls"]
    ]
    script.remarks = [
        f"{at.where}: a time without a zone: R took that of this machine, {answer['zone']}"
        for at in own.statements
        if at.outcome == NAMED and NO_ZONE in at.why
    ]
    if not script.calls and "stilt_apply" in own.unread:
        script.unread["stilt_apply"] = own.unread["stilt_apply"]
    return script


def _add_failure(script: Script, failed: dict[str, Any], path: Path) -> None:
    """Note a statement that R could not evaluate, and that what it was to set is not known."""
    file = "" if failed["file"] == path.name else str(failed["file"])
    text = "" if file else _line_of(path, failed["line"])
    statement = Statement("", text, NAMED, f"R: {failed['why']}")
    if "*" in failed["names"]:
        statement.reach = Reach.ANYTHING
    unknown = Unknown(statement.why, failed["line"], (statement,), file)
    statement.where = unknown.where
    script.statements.append(statement)
    script.unread |= {name: unknown for name in failed["names"] if name not in script.values}


def _line_of(path: Path, number: int) -> str:
    """Return a line of a script, from 1: where a statement begins that R could not evaluate."""
    lines = path.read_text("utf-8", errors="replace").splitlines()
    return lines[number - 1].strip() if 0 < number <= len(lines) else ""


def _ask(path: Path, folder: Path) -> dict[str, Any]:
    if shutil.which("Rscript") is None:
        raise EnvironmentFailure(
            "--with-r: there is no Rscript on PATH",
            "load R (module load R), or leave --with-r out",
            code="R_ABSENT",
        )
    with tempfile.TemporaryDirectory(prefix="stilt-r-") as work:
        place = Path(work) / "answer.json"
        muted = ",".join(sorted(WITHOUT_EFFECT - ASKING - _REAL))
        wanted = ",".join(sorted({*SETTINGS, *_VARIABLES}))
        command = ["Rscript", "--vanilla", str(Path(__file__).with_name("evaluate.r"))]
        command += [str(path.resolve()), str(folder.resolve()), str(place), muted, wanted]
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise InputError(
                f"{path}: R was at it for {_TIMEOUT_S} s and was stopped",
                "leave --with-r out",
                code="R_FAILED",
            ) from None
        if done.returncode or not place.is_file():
            said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise EnvironmentFailure(
                f"{path}: R ended without an answer: {said}", "leave --with-r out", code="R_FAILED"
            )
        found: dict[str, Any] = json.loads(place.read_text("utf-8", errors="replace"))
    if found["broken"]:
        raise InputError(
            f"{path}: R cannot read it: {found['broken']}",
            "mend it there and try again",
            code="MOVE_UNREADABLE",
        )
    return found


def _argument(given: dict[str, Any], script: Script) -> Any:
    if "failed" in given:
        statement = Statement(
            f"line {given['line']}", "stilt_apply(...)", NAMED, f"R: {given['failed']}"
        )
        script.statements.append(statement)
        return Unknown(statement.why, given["line"], (statement,))
    return _value(given["value"])


def _value(given: Any) -> Any:
    """Return a value as it would be without R."""
    if given is None:
        return None
    if "frame" in given:
        return Frame({name: _column(column) for name, column in given["frame"].items()})
    if "times" in given:
        return Vector([NA if seconds is None else Time(seconds) for seconds in given["times"]])
    if "days" in given:
        return Vector([NA if days is None else Day(int(days)) for days in given["days"]])
    if "list" in given:
        return Vector([_value(item) for item in given["list"]], given["names"], is_list=True)
    return Vector([NA if item is None else item for item in given["vector"]], given["names"])


def _column(given: Any) -> list[Any]:
    value = _value(given)
    return list(value.values) if isinstance(value, Vector) else []
