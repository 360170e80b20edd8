"""The fuzzer finds nothing in what there is, and everything that is broken on purpose."""

from __future__ import annotations

import mmap
import os
import sys
import time
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from typing import TYPE_CHECKING, Any

import pytest

from stilt.batch import manifest
from stilt.config import load
from stilt.log.joining import Joining
from stilt.status import failed, stream
from tests.shared_data import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="module")
def fuzz() -> Any:
    spec = spec_from_file_location("fuzz", REPOSITORY / "tools" / "fuzz.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def base(fuzz, tmp_path_factory) -> Path:
    made: Path = fuzz.make_base(tmp_path_factory.mktemp("fuzz"))
    return made


def test_readers_stand_a_hundred_cases(fuzz, base, capfd) -> None:
    assert fuzz.run_batch(base, 1, range(100), commands=False) == [], capfd.readouterr().out


def test_commands_stand_ten_cases(fuzz, base, capfd) -> None:
    assert fuzz.run_batch(base, 2, range(10), commands=True) == [], capfd.readouterr().out


def test_the_limit_of_memory_does_not_depend_on_the_process_that_forks(fuzz, base, capfd) -> None:
    with mapped(32 << 30):
        assert fuzz.run_batch(base, 1, range(3), commands=False) == [], capfd.readouterr().out
        most = fuzz.MEMORY_BYTES
        assert "MemoryError" in fuzz.in_child(lambda: bytes(2 * most))
        assert fuzz.in_child(lambda: bytes(most // 2)) == ""


@contextmanager
def mapped(size: int):
    """Let this process have so many bytes of addresses, and no memory for them."""
    with mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, mmap.PROT_READ):
        yield


def raising(error: BaseException) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


def spinning(*_: Any, **__: Any) -> None:
    while True:
        time.time()


def hoarding(*_: Any, **__: Any) -> int:
    return len(bytes(1 << 40))


def writing_outside(log_dir: Path) -> list[str]:
    (log_dir.parent.parent / "config.yaml").write_text("")
    return []


def writing_far_outside(log_dir: Path) -> list[str]:
    (log_dir.parent.parent.parent / "outside" / "x").unlink()
    return []


FAULTS: dict[str, tuple[Any, str, Callable[..., Any]]] = {
    "a key that is missing": (Joining, "add", raising(KeyError("x"))),
    "a number that is too great": (stream, "clock", raising(OverflowError("x"))),
    "a text that is none": (load, "read_document", raising(UnicodeDecodeError("u", b"", 0, 1, "x"))),
    "nesting": (manifest, "misfit", raising(RecursionError("x"))),
    "a loop without end": (stream, "shown", spinning),
    "memory without end": (failed, "failures", hoarding),
    "an assertion": (failed, "render", raising(AssertionError("x"))),
    "a crash": (failed, "render", lambda *_, **__: os.kill(os.getpid(), 9)),
    "a file of the project that is changed": (stream, "events", writing_outside),
    "a file elsewhere that is removed": (stream, "events", writing_far_outside),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_broken_on_purpose_is_found(fuzz, base, monkeypatch, capfd, fault) -> None:
    where, name, broken = FAULTS[fault]
    monkeypatch.setattr(where, name, broken)
    monkeypatch.setattr(fuzz, "CPU_S", 10)
    assert fuzz.run_batch(base, 1, range(1), commands=False) == [0]
    assert "case 0" in capfd.readouterr().out


def test_a_command_that_prints_an_escape_is_found(fuzz, base, monkeypatch) -> None:
    from stilt.cli import program

    monkeypatch.setattr(program, "PrintableStream", lambda stream: stream)
    monkeypatch.setattr(fuzz, "COMMANDS", ("status",) * 3)
    monkeypatch.setattr("stilt.cli.status.screen", lambda *_, **__: "\x1b]0;title\x07")
    assert fuzz.run_batch(base, 1, range(1), commands=True) == [0]
    assert sys.stdout.isatty() is False
