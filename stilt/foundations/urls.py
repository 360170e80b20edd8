"""Folders at a distance: what counts as one, and what is refused of its URL."""

from __future__ import annotations

from urllib.parse import urlsplit

_LOCAL = frozenset({"file", "local"})


def is_distant(text: str) -> bool:
    """Tell whether a text names a place that is on no local or shared filesystem."""
    protocol, mark, _ = text.partition("://")
    return "::" in text or (bool(mark) and protocol not in _LOCAL)


def url_problem(url: str) -> str | None:
    """Say why a URL is not one of a folder from which files are fetched, if so; no password is repeated."""
    if "::" in url:
        return "is a URL within a URL: give the folder's own, files are kept in the project anyway"
    if any(ord(char) < 32 or ord(char) == 127 for char in url):  # noqa: PLR2004 - ASCII controls
        return "is a URL with control characters"
    try:
        parts = urlsplit(url)
        has_password = parts.password is not None
    except ValueError as error:
        return f"is no URL: {error}"
    is_named = bool(parts.username) and parts.scheme in {"http", "https"}
    if has_password or is_named:
        return (
            "is a URL with a password or a name, which would stand in settings and logs: keys come from the "
            "environment, as the protocol's own library reads them"
        )
    if parts.query or parts.fragment:
        return "is a URL with ? or #, which is no folder's; keys come from the environment"
    return _protocol_problem(parts.scheme)


def _protocol_problem(protocol: str) -> str | None:
    from fsspec.registry import available_protocols

    if protocol in available_protocols():
        return None
    return f"has a protocol that is not known ({protocol}): https, s3, gs, az, ftp, sftp, ... are"
