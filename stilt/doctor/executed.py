"""Who could write to what runs as this user: Python, stilt, HYSPLIT, compiled code, a project's settings."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from stilt.check.finding import Finding, fine, note, warning
from stilt.foundations.ownership import TRUST_VARIABLE, exposure
from stilt.foundations.paths import stilt_home
from stilt.transport.hysplit.locate import program_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_CLOSE = (
    "take the others' right to write: chmod go-w, or install it where only you or root can write"
)


def examine(project: Path, exe_dir: str | None = None) -> Iterator[Finding]:
    """Look at each file that runs, and at all folders above it.

    Parameters
    ----------
    project
        Its config.yaml names engines and shell lines; it may be any folder.
    exe_dir
        The folder of a HYSPLIT that the settings name.
    """
    found = list(_open(project, exe_dir))
    yield from found
    if not found:
        yield fine("executed", "nobody but you and whom you trust can change what runs as you")


def _open(project: Path, exe_dir: str | None) -> Iterator[Finding]:
    for what, path in _programs(exe_dir).items():
        why = exposure(path)
        if why and path.exists():
            yield warning(
                "executed", f"{what} {path} runs as you, and {why}", _CLOSE, code="OTHERS_MAY_WRITE"
            )
    kernels = Path(os.environ.get("NUMBA_CACHE_DIR") or stilt_home() / "kernels")
    why = exposure(kernels / "code")
    if why:
        yield note(
            "executed",
            f"compiled code in {kernels} is not used, as {why}; what you need is compiled for you alone",
            f"{TRUST_VARIABLE} names users whose files are as good as yours",
        )
    settings = project / "config.yaml"
    why = exposure(settings)
    if why and settings.exists():
        yield note(
            "executed",
            f"{settings} says what `stilt run` runs as you, and {why}",
            "run it only if you trust all who can write there",
        )


def _programs(exe_dir: str | None) -> dict[str, Path]:
    places = {"Python": Path(sys.executable), "stilt": Path(__file__).parent.parent / "__init__.py"}
    for name in ("numpy", "pyarrow", "msgspec"):
        spec = find_spec(name)
        if spec is not None and spec.origin is not None:
            places[name] = Path(spec.origin)
    places["HYSPLIT"] = program_of(exe_dir)
    return places
