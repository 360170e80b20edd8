"""A web server of a folder on this machine, that may break off, or stall until it is closed."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class _Handler(SimpleHTTPRequestHandler):
    asked: list[str]
    breaks_off = False
    goes_on: threading.Event | None = None

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def do_GET(self) -> None:
        self.asked.append(self.path)
        super().do_GET()

    def copyfile(self, source, outputfile) -> None:
        """Break off in the middle of a file, or stall there, if told to."""
        if self.breaks_off or self.goes_on:
            outputfile.write(source.read(1000))
            outputfile.flush()
            self.close_connection = True
            if self.goes_on:
                self.goes_on.wait()
        else:
            super().copyfile(source, outputfile)


@contextmanager
def served(
    folder: Path, *, breaks_off: bool = False, stalls: bool = False
) -> Iterator[tuple[str, list[str]]]:
    """Serve a folder on this machine; its URL, and what is asked for."""
    asked: list[str] = []
    goes_on = threading.Event() if stalls else None
    facts = {"asked": asked, "breaks_off": breaks_off, "goes_on": goes_on}
    handler = type("Handler", (_Handler,), facts)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            if goes_on is not None:
                goes_on.set()
            server.shutdown()
            thread.join()
