"""What Tab offers for arguments: names that the project has. Whatever is wrong with it, Tab stays silent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import click

    from stilt.status.opened import Opened

    Complete = Callable[[click.Context, click.Parameter, str], list[str]]

MOST = 200
"""So many names are offered at once."""


def _fitting(names: Iterable[str], typed: str) -> list[str]:
    """Return names that begin as was typed; where none does, those that have it in them."""
    import heapq

    known = list(names)
    found = [name for name in known if name.startswith(typed)]
    return heapq.nsmallest(MOST, found or [name for name in known if typed in name])


def _of_project(names: Callable[[Opened], Iterable[str]]) -> Complete:
    def complete(context: click.Context, _: click.Parameter, typed: str) -> list[str]:
        from stilt.status.opened import open_project

        try:
            return _fitting(names(open_project(_folder(context))), typed)
        except Exception:  # noqa: BLE001 - a traceback in the middle of a command line helps nobody
            return []

    return complete


def _folder(context: click.Context) -> Path:
    """Return the project that was typed; an option still without its value leaves arguments unread in ``args``."""
    typed = [context.params.get("project"), *(context.params.get("names") or ()), *context.args]
    folders = [Path(name) for name in typed if name and Path(name).is_dir()]
    return next((each for each in reversed(folders) if (each / "config.yaml").exists()), Path())


def _simulations(opened: Opened) -> Iterable[str]:
    from stilt.log.index import OutputIndex

    return OutputIndex(opened.layout.log_dir).fold().sims


def _batches(opened: Opened) -> Iterable[str]:
    from stilt.log.index import OutputIndex

    return OutputIndex(opened.layout.log_dir).fold().batches


def _products(opened: Opened) -> Iterable[str]:
    return opened.config.footprints if opened.config else ()


def _mets(opened: Opened) -> Iterable[str]:
    return opened.config.mets if opened.config else ()


simulations = _of_project(_simulations)
batches = _of_project(_batches)
products = _of_project(_products)
mets = _of_project(_mets)


def reasons(_: Any, __: Any, typed: str) -> list[str]:
    """Offer the reasons for which simulations fail."""
    from stilt.transport.protocol import Reason

    return _fitting(Reason, typed.upper())


def archives(_: Any, __: Any, typed: str) -> list[str]:
    """Offer the archives of meteorology that can be fetched from."""
    from arlmet.archives import ARCHIVES

    return _fitting(ARCHIVES, typed)
