"""Where everything lies, and what counts as a path."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stilt.foundations.errors import InputError

if TYPE_CHECKING:
    from stilt.foundations.simulation import Simulation

IMPRINT = re.compile(r"[0-9]{4,}-[0-9]{2,}-[0-9a-f]{8}")

_LOCAL_PROTOCOLS = frozenset({"file", "local"})


def local_path(text: str | os.PathLike[str], what: str) -> Path:
    """Return the path that a text names on a local or shared filesystem.

    Parameters
    ----------
    text
        A path, or a ``file://`` URI; ``~`` stands for the home folder.
    what
        What the path is for, for the message.

    Raises
    ------
    InputError
        If it names a place that is not on a filesystem (``s3://``, ``https://``) or nothing.
    """
    text = os.fspath(text)
    _refuse_unprintable(text, what)
    if "://" in text or "::" in text:
        text = _without_protocol(text, what)
    try:
        return Path(text).expanduser()
    except RuntimeError:
        user = text.split("/")[0]
        raise InputError(
            f"{what} {text!r}: there is no user {user}",
            "write the folder out",
            code="PATH_UNUSABLE",
        ) from None


def _refuse_unprintable(text: str, what: str) -> None:
    if not text.strip():
        raise InputError(f"{what} is empty", "give the path of a folder", code="PATH_UNUSABLE")
    bad = next((char for char in text if ord(char) < 32 or ord(char) == 127), None)  # noqa: PLR2004 - ASCII controls
    if bad is not None:
        raise InputError(
            f"{what} {text!r} contains the control character {bad!r}",
            "rename the folder",
            code="PATH_UNUSABLE",
        )


def _refuse_other_than_utf8(path: Path) -> None:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        shown = os.fsencode(path).decode(errors="backslashreplace")
        raise InputError(
            f"the folder {shown} has a name that is not UTF-8", "rename it", code="PATH_UNUSABLE"
        ) from None


def _without_protocol(text: str, what: str) -> str:
    from fsspec.implementations.local import LocalFileSystem
    from fsspec.utils import get_protocol

    protocol = get_protocol(text)
    if "::" in text or protocol not in _LOCAL_PROTOCOLS:
        raise InputError(
            f"{what} {text!r} is not on a local or shared filesystem ({protocol}): workers append "
            "to the log and rename files into place, which object stores and servers cannot do",
            "use a folder that all nodes see, and copy results away when the run is complete",
            code="PATH_NOT_SHARED",
        )
    return str(LocalFileSystem._strip_protocol(text))  # noqa: SLF001 - fsspec's own way from URI to path


def _absolute(path: Path) -> Path:
    # not Path.resolve: a user's link to a scratch filesystem stays the name that is shown and stored
    return Path(os.path.abspath(path))  # noqa: PTH100


def home() -> Path:
    """Return the user's home, or ``/``, as containers set it, for one whom the system does not know."""
    try:
        return Path.home()
    except RuntimeError:
        return Path("/")


def stilt_home() -> Path:
    """Return the folder for what stilt installs: ``STILT_HOME``, else XDG's data folder."""
    named = os.environ.get("STILT_HOME")
    if named:
        return Path(named).expanduser()
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else home() / ".local" / "share") / "stilt"


def imprinted(file: str, imprint: str) -> str:
    """Return the name under which one writer publishes an output; the plain name of an older one's.

    It carries the writer, so that no other one, however late, can replace the file, and a listing tells which
    result it is. It begins with a dot and has another ending than the plain name: neither a person nor a
    pattern such as ``*.nc`` meets an output twice.
    """
    return f".{file}.{imprint}" if imprint else file


def plain_and_imprint(name: str) -> tuple[str, str]:
    """Return the plain name of an output and the imprint in its name; it is empty in a plain name."""
    file, dot, imprint = name.rpartition(".")
    if dot and name.startswith(".") and IMPRINT.fullmatch(imprint):
        return file[1:], imprint
    return name, ""


def user_cache() -> Path:
    """Return the folder for what can be made again: in XDG's cache folder."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else home() / ".cache") / "stilt"


@dataclass(frozen=True, slots=True)
class Layout:
    """Every path of a project, as DESIGN's section "On disk" names them.

    Attributes
    ----------
    project
        The folder with ``config.yaml`` and ``receptors.csv``, absolute.
    output
        The output root, absolute.
    """

    project: Path
    output: Path

    @classmethod
    def of(
        cls, project: str | os.PathLike[str], output: str | os.PathLike[str] | None = None
    ) -> Layout:
        """Return the layout of a project folder; a relative ``output`` lies in the project.

        Raises
        ------
        InputError
            If one of them is not on a filesystem, or the settings and the log could not name it.
        """
        root = _absolute(local_path(project, "the project"))
        out = root / "output" if output is None else root / local_path(output, "output")
        _refuse_other_than_utf8(root)
        return cls(root, _absolute(out))

    @property
    def config_file(self) -> Path:
        """The settings, written by the user."""
        return self.project / "config.yaml"

    @property
    def receptors_file(self) -> Path:
        """The receptors, written by the user."""
        return self.project / "receptors.csv"

    @property
    def slurm_dir(self) -> Path:
        """Rendered submit scripts and what tasks print."""
        return self.project / "slurm"

    def submit_script(self, batch_id: str, part: int = 0) -> Path:
        """Return the script of a batch's array; ``part`` counts its arrays where it needs several."""
        suffix = f"-{part}" if part else ""
        return self.slurm_dir / f"submit_{batch_id}{suffix}.sh"

    def slurm_logs(self, batch_id: str) -> Path:
        """Return the folder of what the tasks of a batch print."""
        return self.slurm_dir / "logs" / batch_id

    @property
    def log_dir(self) -> Path:
        """The output index: all segments."""
        return self.output / "log"

    def batch_log_dir(self, batch_id: str) -> Path:
        """Return the folder of one batch's segments."""
        return self.log_dir / batch_id

    @property
    def checkpoint(self) -> Path:
        """The cache of the fold; may be deleted at any time."""
        return self.log_dir / "checkpoint"

    @property
    def run_lock(self) -> Path:
        """The lock of humans' commands, held for seconds."""
        return self.log_dir / "run.lock"

    @property
    def chunks_dir(self) -> Path:
        """Manifests, settings and chunks of all batches."""
        return self.output / "chunks"

    def batch_dir(self, batch_id: str) -> Path:
        """Manifest, settings and chunks of one batch."""
        return self.chunks_dir / batch_id

    def manifest(self, batch_id: str) -> Path:
        """Return the manifest of a batch."""
        return self.batch_dir(batch_id) / "batch.json"

    def config_snapshot(self, batch_id: str, digest: str) -> Path:
        """Return the settings that a batch runs with."""
        return self.batch_dir(batch_id) / f"config-{digest}.yaml"

    def claims(self, batch_id: str) -> Path:
        """Return which simulations a batch claims, sorted to be looked up."""
        return self.batch_dir(batch_id) / "claims"

    def chunk(self, batch_id: str, digest: str) -> Path:
        """Return a chunk, named by the hash of its bytes."""
        return self.batch_dir(batch_id) / f"{digest}.json"

    @property
    def particles_dir(self) -> Path:
        """Particle files, in dated folders."""
        return self.output / "particles"

    @property
    def footprints_dir(self) -> Path:
        """Footprints, by product and in dated folders."""
        return self.output / "footprints"

    def particles(self, sim: Simulation, imprint: str = "") -> Path:
        """Return the particles of a simulation: the name for people, or with an imprint that of one writer."""
        return self.particles_dir / sim.date / imprinted(f"{sim.sim}.parquet", imprint)

    def error_particles(self, sim: Simulation, imprint: str = "") -> Path:
        """Return the particles of a wind-error or mixed-layer-error run; see ``particles``."""
        return self.particles_dir / sim.date / imprinted(f"{sim.sim}.error.parquet", imprint)

    def footprint(self, name: str, sim: Simulation, imprint: str = "") -> Path:
        """Return the footprint of a simulation on the grid of that name; see ``particles``."""
        return self.footprints_dir / name / sim.date / imprinted(f"{sim.sim}.nc", imprint)

    @property
    def rows_dir(self) -> Path:
        """Rows of the matrix that workers make beside footprints."""
        return self.output / "rows"

    def input(self, digest: str, name: str) -> Path:
        """Return the copy of a file that an engine reads besides settings and meteorology."""
        return self.output / "inputs" / digest / name

    @property
    def met_dir(self) -> Path:
        """What the headers of met files say, by folder: a cache."""
        return self.output / "inputs" / "met"

    def model_log(self, sim: Simulation) -> Path:
        """Return what the transport model said, kept for failures."""
        return self.output / "logs" / sim.date / f"{sim.sim}.log"

    @property
    def archive_dir(self) -> Path:
        """Archives of outputs, by product."""
        return self.output / "archive"

    def archives(self, product: str) -> Path:
        """Return the folder of a product's archives: ``particles``, ``footprints/<name>``, ..."""
        return self.archive_dir / product

    def relative(self, path: Path) -> str:
        """Return a path as the log writes it: relative to the output root, with forward slashes."""
        text, root = str(path), f"{self.output}/"
        if text.startswith(root):  # a tenth of the time that relative_to takes
            return text[len(root) :]
        return path.relative_to(self.output).as_posix()
