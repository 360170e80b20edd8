"""Reading and writing ``config.yaml``."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import msgspec

from stilt.config.conversion import brief, convert, convert_fields, nearest, not_one_of
from stilt.config.document import Document, Problem, read_document
from stilt.config.dump import dump_config
from stilt.config.execution import convert_execution
from stilt.config.rules import (
    MOST_HOURS,
    file_format_problem,
    grid_problems,
    name_problem,
    path_problem,
    setting_problems,
    time_step,
    weight_problems,
    with_file,
)
from stilt.config.schema import (
    FILE_KEYS,
    About,
    Config,
    FootprintGrid,
    HysplitSection,
    JacobianSection,
    Keep,
    Met,
)
from stilt.config.sections import KERNEL, FieldName, is_grid
from stilt.foundations.errors import InputError, ProblemsError
from stilt.foundations.inside import read_input
from stilt.foundations.names import alike
from stilt.foundations.paths import local_path
from stilt.foundations.urls import is_distant, url_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from stilt.config.document import Where

__all__ = ["dump_config", "load_config", "parse_config"]

CONFIG_HINTS = {
    "kmsl": "heights above sea level are named in receptors.csv: call the column zasl",
    "mhrs": "stilt always gives HYSPLIT 9999, as R-STILT does",
    "nbptyp": "stilt always gives HYSPLIT 1, as R-STILT does",
    "timeout": "belongs under execution",
    "partition": "belongs under execution",
    "account": "belongs under execution",
    "xmn": "the grid belongs under footprints, as xmin: "
    "`stilt init --from run_stilt.r` translates R-STILT's settings",
    "met_path": "meteorology belongs under mets: "
    "`stilt init --from run_stilt.r` translates R-STILT's settings",
    "met_file_format": "meteorology belongs under mets, as file_format",
}
"""Keys that people bring along, and where they are here."""

MOST_BYTES = 16 << 20
"""Of config.yaml."""

KEPT = "met"
"""In the project, where files of meteorology at a distance are kept, a folder for each."""

KERNELS_FILE = "kernels.csv"
"""In the project, where a product with ``weight: kernel`` names no other table."""

_TABLES = ("hysplit", "own")
_LENGTH = re.compile(r"([0-9.]+([eE][-+]?[0-9]+)?)\s*(m|metres?|meters?|cm|mm)")

Section = TypeVar("Section", bound=msgspec.Struct)

_SECTIONS = ("mets", "footprints", "hysplit", "about", "keep", "jacobian", "execution", "variants")


def load_config(path: Path, *, projections: bool = True) -> Config:
    """Read ``config.yaml``; relative folders of meteorology and engine are taken from its folder.

    Parameters
    ----------
    path
        The file.
    projections
        Whether to ask pyproj about projected grids, which takes a tenth of a second: whoever only
        reports (``status``) need not.

    Raises
    ------
    ProblemsError
        With everything that is wrong in the file.
    InputError
        If it cannot be read.
    """
    try:
        raw = read_input(path, MOST_BYTES)
    except FileNotFoundError:
        raise InputError(
            f"{path.parent}: there is no {path.name} here, so this is no project",
            f"give the project's folder, or make one with `stilt init {path.parent}`",
            code="PROJECT_ABSENT",
        ) from None
    except OSError as error:
        raise InputError(
            f"{path}: {error.strerror}", "the project needs a readable file", code="FILE_UNREADABLE"
        ) from None
    return _read(raw, str(path), folder=path.parent.absolute(), projections=projections)


def parse_config(text: str, source: str, *, projections: bool = True) -> Config:
    """Read settings from a text; ``source`` names it in messages. Paths stay as they are written.

    ``projections`` as for ``load_config``.

    Raises
    ------
    ProblemsError
        With everything that is wrong in it.
    """
    raw = text.encode("utf-8", "surrogatepass")
    return _read(raw, source, folder=None, projections=projections)


def _read(raw: bytes, source: str, *, folder: Path | None, projections: bool) -> Config:
    document = read_document(raw, source)
    given = document.data.get("variants")
    config = _Reader(document, folder, projections=projections).config()
    if given is not None:
        from stilt.config.read_variants import with_variants

        def read(part: Document) -> Config | None:
            return _Reader(part, folder, projections=projections).config()

        config = with_variants(config, document, given, read)
    if config is None or document.problems:
        problems = sorted(set(document.problems), key=_by_line)
        raise ProblemsError(
            source, tuple(map(str, problems)), "mend config.yaml and try again", code="CONFIG_WRONG"
        )
    return config


def _by_line(problem: Problem) -> tuple[int, str]:
    return problem.line, problem.text


class _Reader:
    """Turns one document into a ``Config``."""

    def __init__(self, document: Document, folder: Path | None, *, projections: bool) -> None:
        self._document = document
        self._folder = folder
        self._projections = projections

    def config(self) -> Config | None:
        """Return the settings, or None after noting what is wrong."""
        document, data = self._document, self._document.data
        ready: dict[str, Any] = {
            "mets": self._named(data, "mets", self._met),
            "footprints": self._named(data, "footprints", self._grid)
            if data.get("footprints")
            else {},
            "hysplit": self._hysplit(data.get("hysplit")),
            "execution": convert_execution(data.get("execution"), ("execution",), document),
        }
        if data.get("about") is not None:
            ready["about"] = self._section("about", About, data["about"])
        if data.get("keep") is not None:
            ready["keep"] = self._section("keep", Keep, data["keep"])
        if data.get("jacobian") is not None:
            ready["jacobian"] = self._jacobian(data["jacobian"], ready["footprints"])
        rest = {key: value for key, value in data.items() if key not in _SECTIONS}
        self._hint_at_strangers(rest)
        _scale_for_every_hour(rest)
        if isinstance(rest.get("model"), str):
            rest["model"] = self._absolute_engine(rest["model"])
        if isinstance(rest.get("roughness"), str):
            rest["roughness"] = self._roughness(rest["roughness"])
        for key in filter(rest.get, FILE_KEYS):
            self._note_path(key, rest[key], (key,))
            rest[key] = self._absolute(rest[key])
        values, sound = convert_fields(Config, rest, (), document, ready=ready)
        for key, text in setting_problems({**_defaults(), **values}):
            document.add((key,), text)
        self._note_path("output", values.get("output"), ("output",))
        return Config(**values) if sound else None

    def _hint_at_strangers(self, rest: dict[str, Any]) -> None:
        for key in [key for key in rest if key in CONFIG_HINTS]:
            del rest[key]
            self._document.add((key,), f"unknown key: {CONFIG_HINTS[key]}")

    def _named(
        self, data: Mapping[str, Any], section: str, read: Callable[[dict[str, Any], Where], Any]
    ) -> dict[str, Any] | None:
        entries = data.get(section)
        if not isinstance(entries, dict) or not entries:
            found = (
                "missing, but needed"
                if entries is None
                else f"expected names, got {brief(entries)}"
            )
            self._document.add((section,), found)
            return None
        result: dict[str, Any] = {}
        for name, earlier in alike(entries):
            what = "is the same folder or file as"
            self._document.add(
                (section, name), f"{what} {earlier} where case or Unicode form do not count"
            )
        for name, given in entries.items():
            where = (section, name)
            complaint = name_problem(name)
            if complaint:
                self._document.add(where, complaint)
            is_folder = section == "mets" and isinstance(given, str)
            entry = {"directory": given} if is_folder else given
            if not isinstance(entry, dict):
                self._document.add(where, f"expected a mapping, got {brief(entry)}")
                continue
            result[name] = read(entry, where)
        return result if None not in result.values() and len(result) == len(entries) else None

    def _met(self, entry: dict[str, Any], where: Where) -> Met | None:
        entry = self._at_a_distance(dict(entry), where)
        self._note_path("the met directory", entry.get("directory"), (*where, "directory"))
        entry["directory"] = self._absolute(entry.get("directory"))
        step = entry.get("file_tres")
        if step is not None:
            entry["file_tres"] = time_step(str(step))
            if entry["file_tres"] is None:
                entry["file_tres"] = "unknown"
                self._document.add(
                    (*where, "file_tres"),
                    f"{brief(step)} is not a time step like 6h, 1d or 30min (for monthly files 1d will "
                    "do: a file that is found twice is used once)",
                )
        if isinstance(entry.get("fields"), dict):
            entry["fields"] = self._known_fields(entry["fields"], (*where, "fields"))
        met = convert(Met, entry, where, self._document)
        complaint = file_format_problem(met.file_format) if met and met.file_format else None
        if complaint:
            self._document.add((*where, "file_format"), complaint)
        return met

    def _at_a_distance(self, entry: dict[str, Any], where: Where) -> dict[str, Any]:
        """Let files of a URL be read where they are kept: in a folder of the project, if none is given."""
        given = entry.get("directory")
        key = "directory" if isinstance(given, str) and is_distant(given) else "source"
        url = entry.get(key)
        if not isinstance(url, str):
            return entry
        complaint = url_problem(url) if is_distant(url) else "is no URL: give a folder as directory"
        is_homeless = key == "directory" or given is None
        if not complaint and is_homeless and self._folder is None:
            complaint = "is at a distance, and only a project has a folder to fetch it into"
        if complaint:
            self._document.add((*where, key), complaint)
            return {**entry, "source": None, "directory": "refused"}
        kept = f"{KEPT}/{where[-1]}" if is_homeless else given
        return {**entry, "source": url, "directory": kept}

    def _known_fields(self, given: dict[str, Any], where: Where) -> dict[str, Any]:
        names = get_args(FieldName)
        for name in [name for name in given if name not in names]:
            self._document.add((*where, name), not_one_of(name, names))
        return {name: value for name, value in given.items() if name in names}

    def _grid(self, entry: dict[str, Any], where: Where) -> FootprintGrid | None:
        square = entry.get("yres") is None and "xres" in entry
        if entry.get("kernels") is None and entry.get("weight") == KERNEL:
            entry = {**entry, "kernels": KERNELS_FILE}
        if isinstance(entry.get("weight"), str):
            entry = {**entry, "weight": self._absolute_engine(with_file(entry["weight"]))}
        self._note_path("kernels", entry.get("kernels"), (*where, "kernels"))
        entry = {**entry, "kernels": self._absolute(entry.get("kernels"))}
        grid = convert(
            FootprintGrid, {**entry, "yres": 1.0} if square else entry, where, self._document
        )
        if grid is not None and square:
            grid = msgspec.structs.replace(grid, yres=grid.xres)
        if grid is not None:
            problems = [*grid_problems(grid), *weight_problems(grid)]
            if not (problems or grid.is_longlat) and self._projections:
                from stilt.config.projection import (
                    projection_problems,
                )  # pyproj: a tenth of a second

                problems = list(projection_problems(grid))
            for key, text in problems:
                self._document.add((*where, key), text)
        return grid

    def _hysplit(self, entry: Any) -> HysplitSection | None:
        where = ("hysplit",)
        if entry is None:
            return HysplitSection()
        if not isinstance(entry, dict):
            self._document.add(where, f"expected a mapping, got {brief(entry)}")
            return None
        self._note_path("hysplit.exe_dir", entry.get("exe_dir"), (*where, "exe_dir"))
        entry = {**entry, "exe_dir": self._absolute(entry.get("exe_dir"))}
        return convert(HysplitSection, entry, where, self._document)

    def _jacobian(self, entry: Any, footprints: dict[str, Any] | None) -> JacobianSection | None:
        if isinstance(entry, dict):
            entry = dict(entry)
            if isinstance(entry.get("target"), str) and not is_grid(entry["target"]):
                entry["target"] = self._file_and_part(entry["target"])
            if isinstance(entry.get("weight"), str):
                entry["weight"] = self._file_and_part(entry["weight"])
        asked = self._section("jacobian", JacobianSection, entry)
        names = footprints or {}
        if asked is not None and footprints is not None and not names:
            self._document.add(("jacobian",), "there are no footprints to make rows of")
        elif asked is not None and names and asked.footprint not in {None, *names}:
            complaint = not_one_of(str(asked.footprint), tuple(names))
            self._document.add(("jacobian", "footprint"), complaint)
        return asked

    def _file_and_part(self, text: str) -> str:
        """Make FILE or FILE:PART independent of the folder."""
        if self._folder is None or (self._folder / text).exists():
            return str(self._absolute(text))
        file, mark, part = text.partition(":")
        return f"{self._absolute(file)}{mark}{part}"

    def _section(self, name: str, kind: type[Section], entry: Any) -> Section | None:
        if isinstance(entry, dict):
            return convert(kind, entry, (name,), self._document)
        self._document.add((name,), f"expected a mapping, got {brief(entry)}")
        return None

    def _note_path(self, what: str, text: Any, where: Where) -> None:
        complaint = path_problem(text, what) if isinstance(text, str) else None
        if complaint:
            self._document.add(where, complaint)

    def _roughness(self, text: str) -> str | float:
        """Return a number that is written as text, ``hysplit``, ``own``, or else the path of a file."""
        with suppress(ValueError):
            return float(text)
        if text in _TABLES:
            return text
        length = _LENGTH.fullmatch(text.strip())
        if length:
            is_metres = length[3].startswith("m") and length[3] != "mm"
            plain = f"{length[1]}, it is metres" if is_metres else "it in metres, as a number alone"
            self._document.add(("roughness",), f"{text} has a unit: write {plain}")
        elif "/" not in text and (meant := nearest(text, _TABLES)):
            self._document.add(
                ("roughness",), f"did you mean {meant}? A file of that name is ./{text}"
            )
        return str(self._absolute(text))

    def _absolute_engine(self, model: str) -> str:
        """Make ``engine.py:Engine`` independent of the folder, as the other paths."""
        place, mark, attribute = model.rpartition(":")
        return f"{self._absolute(place)}:{attribute}" if mark and place.endswith(".py") else model

    def _absolute(self, text: Any) -> Any:
        """Make a path independent of the folder it is read from: workers read a copy elsewhere."""
        if self._folder is None or not isinstance(text, str) or path_problem(text, "path"):
            return text
        return str(self._folder / local_path(text, "path"))


def _defaults() -> dict[str, Any]:
    return dict(zip(Config.__struct_fields__[::-1], Config.__struct_defaults__[::-1], strict=False))


def _scale_for_every_hour(rest: dict[str, Any]) -> None:
    """Let ``ziscale`` be one number: that factor for each hour of the run and for its first moment."""
    scale, hours = rest.get("ziscale"), rest.get("n_hours")
    if isinstance(scale, bool) or not isinstance(scale, int | float):
        return
    length = abs(hours) if isinstance(hours, int) else 0
    count = length + 1 if scale > 0 and length <= MOST_HOURS else 1
    rest["ziscale"] = [scale] * count if scale else []
