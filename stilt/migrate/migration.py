"""What comes out of moving in, and how it is written."""

from __future__ import annotations

import shutil
import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stilt.config.dump import plain
from stilt.config.load import load_config
from stilt.config.schema import Config, Execution, Met
from stilt.example.starter import refuse_to_overwrite
from stilt.foundations.durable import publish
from stilt.foundations.errors import InputError, ProblemsError
from stilt.foundations.text import printable, shown
from stilt.receptors import read_receptors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_WIDTH = 96
NO_RECEPTORS = "time,longitude,latitude,altitude\n"
"""What stands in for receptors that could not be read: a run refuses it, where an example might run."""


@dataclass
class Migration:
    """Settings and receptors in our terms, and what could not be carried over.

    Attributes
    ----------
    source
        The file they were read from.
    settings
        As they are to stand in ``config.yaml``.
    receptors
        The text of ``receptors.csv``; None if there are none to be read.
    notes
        What was left behind or changed, and what to do about it.
    unsettled
        Those of the notes that could change receptors or settings: somebody has to look at them before a run.
    account
        What became of the statements of a script, in a line.
    with_r
        Whether R evaluated the script.
    """

    source: Path
    settings: dict[str, Any] = field(default_factory=dict)
    receptors: str | None = None
    notes: list[str] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)
    account: str = ""
    with_r: bool = False

    def note(self, text: str, *, unsettled: bool = False) -> None:
        """Say something once."""
        if text not in self.notes:
            self.notes.append(text)
            self.unsettled += [text] * unsettled

    def next_step(self, project: Path) -> str:
        """Say what to do about what is unsettled."""
        edit = f"edit {project / 'config.yaml'} and {project / 'receptors.csv'}, then stilt check"
        if (
            self.source.suffix.lower() == ".r"
            and self.unsettled
            and not self.with_r
            and shutil.which("Rscript")
        ):
            return f"{edit}; or remove both and add --with-r: R is here and can evaluate the script itself"
        return edit

    def problems(self, project: Path) -> dict[str, tuple[str, ...]]:
        """Return, by file name, what still has to be mended in a project that was written."""
        found = {
            "config.yaml": _problems_of(load_config, project / "config.yaml"),
            "receptors.csv": _problems_of(
                lambda path: read_receptors(path, ["met"]), project / "receptors.csv"
            ),
        }
        return {name: problems for name, problems in found.items() if problems}

    def yaml(self) -> str:
        """Return ``config.yaml``: what differs from the defaults, and the notes as comments."""
        import yaml

        lines = [f"# Settings read from {printable(self.source.name)}."]
        if self.notes:
            lines.append("# Not carried over as it was:")
            for text in self.notes:
                lines += textwrap.wrap(
                    shown(text), _WIDTH, initial_indent="# - ", subsequent_indent="#   "
                )
        body = yaml.dump(
            without_defaults(self.settings),
            Dumper=yaml.SafeDumper,
            sort_keys=False,
            allow_unicode=True,
            width=_WIDTH,
        )
        return "\n".join(lines) + "\n\n" + str(body)


def _problems_of(read: Callable[[Path], object], path: Path) -> tuple[str, ...]:
    try:
        read(path)
    except ProblemsError as error:
        return error.problems
    except InputError as error:
        return (error.message,)
    return ()


def without_defaults(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings in the order of the design, without those that are as by default."""
    defaults = plain(Config(mets={"any": Met("/", "%Y", "1d")}, n_hours=1))
    kept = ("mets", "footprints", "n_hours", "numpar")
    order = [*kept, *(key for key in Config.__struct_fields__ if key not in kept)]
    result: dict[str, Any] = {}
    for key in order:
        if key in settings and (key in kept or settings[key] != defaults.get(key)):
            result[key] = settings[key]
    execution = result.get("execution")
    if execution is not None:
        usual = plain(Execution())
        execution = {key: value for key, value in execution.items() if value != usual.get(key)}
        result["execution"] = execution
    return {key: value for key, value in result.items() if value not in ({}, None)}


def write_project(project: Path, migration: Migration) -> list[Path]:
    """Write ``config.yaml`` and ``receptors.csv``; return their paths.

    Raises
    ------
    InputError
        If one of the files is there already; nothing is written then.
    """
    config, receptors = project / "config.yaml", project / "receptors.csv"
    refuse_to_overwrite(config, receptors)
    settings = migration.yaml().encode()
    project.mkdir(parents=True, exist_ok=True)
    publish(receptors, (migration.receptors or NO_RECEPTORS).encode())
    publish(config, settings)
    return [receptors, config]
