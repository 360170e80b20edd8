"""A folder at a URL, as fsspec gives it: what is in it, and one file of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from stilt.foundations.errors import EnvironmentFailure, StiltError
from stilt.foundations.room import FULL
from stilt.met.listing import Listing
from stilt.met.names import is_met_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from aiohttp import ClientResponse

MOST_NAMES = 1_000_000
"""Of a folder; a server can tell of names without end."""

MOST_OF_A_PAGE = 1 << 26
"""Bytes of a listing on the web."""

_DEEPEST = 4
_LONGEST = 255
_TRIES = 3
_ABSENT = (404, 410)
_SILENT_S = 120.0
"""So long a server may say nothing."""

_PACKAGES = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "abfs": "adlfs",
    "sftp": "paramiko",
}
"""Of fsspec, by protocol."""

_MARKS = ("ETag", "etag", "e_tag", "md5", "md5Hash", "Last-Modified", "LastModified", "mtime")
_MARKS_TOO = ("last_modified", "updated", "modified", "modify", "created")


@dataclass(frozen=True, slots=True)
class Distant:
    """A file at a distance.

    Attributes
    ----------
    name
        Below the folder, with forward slashes.
    path
        As fsspec has it.
    size
        Bytes; None where the server does not tell.
    mark
        What changes with its content, as the server tells: an entity tag, or a time.
    """

    name: str
    path: str
    size: int | None
    mark: str


class Place:
    """A folder at a URL.

    Raises
    ------
    EnvironmentFailure
        If a library is missing that the protocol needs, or, by every method, nobody answers.
    """

    def __init__(self, url: str) -> None:
        from fsspec.core import url_to_fs

        self.url = url.rstrip("/")
        self._protocol = url.partition("://")[0]
        self._is_http = self._protocol in {"http", "https"}
        options = self._options()
        try:
            self._fs, root = url_to_fs(self.url, **options)
        except ImportError as error:
            package = _PACKAGES.get(self._protocol, "")
            raise EnvironmentFailure(
                f"{self.url} is fetched with {package or 'a package'}, which is not installed: {error}",
                f"pip install {package}" if package else "install what fsspec asks for",
                code="PACKAGE_MISSING",
            ) from error
        except (ValueError, OSError) as error:
            raise self._failed(f"can't be reached: {error}") from error
        self._root = str(root).rstrip("/")
        self._fs.invalidate_cache()

    def _options(self) -> dict[str, Any]:
        if not self._is_http:
            return {}
        try:
            from aiohttp import ClientTimeout
        except ImportError as error:
            raise EnvironmentFailure(
                f"{self.url} is fetched with aiohttp, which is not installed",
                "pip install 'stilt-hpc[http]'",
                code="PACKAGE_MISSING",
            ) from error
        patience = ClientTimeout(total=None, sock_connect=30.0, sock_read=_SILENT_S)
        client = {"timeout": patience, "response_class": _bounded()}
        return {"client_kwargs": client, "use_listings_cache": False}

    def look(self, name: str) -> Distant | None:
        """Return the file of a name; None where there is none."""
        path = f"{self._root}/{name}"
        try:
            facts = self._asked(lambda: self._fs.info(path))
        except FileNotFoundError:
            return None
        is_folder = facts.get("type") == "directory" or str(facts.get("url", "")).endswith("/")
        return None if is_folder else _distant(self._name(path), path, facts)

    def search(self, name: str) -> list[Distant]:
        """Return the files in whose names one occurs, as text or as a regular expression."""
        found = (self._looked_up(each) for each in self._listing.search(name))
        return [each for each in found if each is not None]

    def everything(self) -> list[Distant]:
        """Return all files."""
        found = map(self._looked_up, self._listing.paths)
        return [each for each in found if each is not None]

    def fetch(self, file: Distant, to: Path, tell: Callable[[int], None]) -> None:
        """Write a file's bytes; ``tell`` is told how many came and may end it by an error.

        Raises
        ------
        EnvironmentFailure
            If it does not come whole.
        """
        from fsspec.callbacks import Callback

        failed = self._failed

        class Told(Callback):  # type: ignore[misc]
            def relative_update(self, inc: int = 1) -> None:
                super().relative_update(inc)
                tell(inc)
                if file.size is not None and self.value > file.size:
                    raise failed(f"{file.name} does not end after its {file.size:,} bytes")

        def once() -> None:
            told = Told()
            try:
                self._fs.get_file(file.path, str(to), callback=told)
            except Exception:
                tell(-told.value)
                raise

        try:
            self._asked(once)
        except FileNotFoundError:
            raise self._failed(f"{file.name} has gone") from None
        came = to.stat().st_size
        if file.size is not None and came != file.size:
            raise self._failed(f"{file.name} ended after {came:,} of {file.size:,} bytes")

    @cached_property
    def _listed(self) -> dict[str, dict[str, Any]]:
        """What the folder is said to hold, by name; nothing where it can't be listed."""
        try:
            return dict(self._walk(self._root, 0))
        except FileNotFoundError:
            return {}

    @cached_property
    def _listing(self) -> Listing:
        return Listing(self.url, tuple(sorted(self._listed)))

    def _walk(self, folder: str, depth: int) -> Iterator[tuple[str, dict[str, Any]]]:
        count = 0
        for facts in self._asked(lambda: self._fs.ls(folder, detail=True)):
            path = str(facts["name"])
            if path.rstrip("/") == folder.rstrip("/") or "?" in path or "#" in path:
                continue  # itself, or another order of the same listing
            count += 1
            if count > MOST_NAMES:
                raise self._failed(f"it tells of more than {MOST_NAMES:,} names")
            if facts.get("type") == "directory":
                if depth < _DEEPEST:
                    yield from self._walk(path.rstrip("/"), depth + 1)
            elif is_safe(name := self._name(path)):
                yield name, facts

    def _name(self, path: str) -> str:
        name = path.removeprefix(self._root).lstrip("/")
        return unquote(name) if self._is_http else name

    def _looked_up(self, name: str) -> Distant | None:
        facts = self._listed[name]
        path = str(facts["name"])
        if facts.get("size") is None:
            try:
                facts = self._asked(lambda: self._fs.info(path))
            except FileNotFoundError:
                return None
        return _distant(name, path, facts)

    def _asked(self, ask: Callable[[], Any]) -> Any:
        """Ask the server, several times where it does not answer.

        Raises
        ------
        FileNotFoundError
            If it has no such thing.
        """
        for number in range(_TRIES):
            try:
                return ask()
            except FileNotFoundError as error:
                why = error.__cause__  # of HTTP also where nobody answered
                if why is None or getattr(why, "status", None) in _ABSENT:
                    raise
                if number == _TRIES - 1:
                    raise self._failed(str(why)) from error
            except StiltError:
                raise
            except (OSError, ValueError, RuntimeError) as error:
                self._pass_on(error, is_last=number == _TRIES - 1)
            except Exception as error:  # of any library, as botocore's of missing keys
                if number == _TRIES - 1 or not _is_of_the_network(error):
                    raise self._failed(f"{type(error).__name__}: {error}") from error
        raise AssertionError

    def _pass_on(self, error: Exception, *, is_last: bool) -> None:
        """Raise an error that another try does not mend: no room here, or the last of them."""
        if getattr(error, "errno", None) in FULL:
            raise error
        if is_last:
            raise self._failed(str(error) or type(error).__name__) from error

    def _failed(self, why: str) -> EnvironmentFailure:
        keys = "keys come from the environment"
        if self._protocol == "s3":
            keys += (
                " (AWS_PROFILE, AWS_ACCESS_KEY_ID), a public bucket needs none: FSSPEC_S3_ANON=true"
            )
        return EnvironmentFailure(
            f"{self.url}: {why}",
            f"try again, or from a machine with a network; {keys}",
            code="MET_FETCH_FAILED",
        )


@cache
def _bounded() -> type[ClientResponse]:
    """Return a kind of answers whose pages end: a listing is read as a whole, and a server can go on for ever."""
    from aiohttp import ClientResponse

    class Bounded(ClientResponse):
        async def read(self) -> bytes:
            if self._body is None:
                body = bytearray()
                async for block in self.content.iter_any():
                    body += block
                    if len(body) > MOST_OF_A_PAGE:
                        self.close()
                        raise EnvironmentFailure(
                            f"{self.url}: its listing has more than {MOST_OF_A_PAGE:,} bytes",
                            "name the files' hours (file_format and file_tres), or take a smaller folder",
                            code="MET_FETCH_FAILED",
                        )
                self._body = bytes(body)
            return self._body

    return Bounded


def _distant(name: str, path: str, facts: dict[str, Any]) -> Distant | None:
    if not is_safe(name):
        return None
    size = facts.get("size")
    mark = next((str(facts[key]) for key in (*_MARKS, *_MARKS_TOO) if facts.get(key)), "")
    return Distant(name, path, None if size is None else int(size), mark)


def is_safe(name: str) -> bool:
    """Tell whether a name that a server gives is one of a file below the folder."""
    parts = PurePosixPath(name).parts
    return (
        bool(parts)
        and name == "/".join(parts)
        and name.isprintable()
        and "\\" not in name
        and not {"..", "/"} & set(parts)
        and all(len(part.encode()) <= _LONGEST for part in parts)
        and is_met_name(parts[-1])
    )


def _is_of_the_network(error: Exception) -> bool:
    """Tell whether an error is one of a connection, which may come better the next time."""
    return type(error).__module__.partition(".")[0] == "aiohttp"
