"""Both readers, and the pages, have the same bounds of values."""

from __future__ import annotations

import json
import re
import zlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import inspect

from stilt.batch.chunks import Chunk, chunk_digest, read_chunk
from stilt.batch.manifest import Manifest, read_manifest
from stilt.foundations.errors import DamagedError
from stilt.log import bounds
from stilt.log.events import Event
from stilt.log.reader import NewerFormatError
from tests.hostile.generators import encoded, of_type, spoiled
from tests.hostile.logs import AT, done, header, pending
from tests.log.spec_state import SPEC, load_spec_reader, product_says

spec_reader = load_spec_reader()
NUMBER = r"(\d[\d,]*(?:\^\d+)?)"


def as_number(text: str) -> float:
    base, _, power = text.replace(",", "").partition("^")
    return float(base) ** int(power or 1)


def page_bounds() -> dict[str, str]:
    """Return what the tables of the pages say, by key."""
    found = {}
    for page in ("log-format.md", "chunk-format.md"):
        _, _, section = (SPEC / page).read_text(encoding="utf-8").partition("ounds")
        table = re.search(r"\| key \| value \|\n\|---\|---\|\n((?:\|.*\n)+)", section)
        assert table is not None
        for row in table.group(1).splitlines():
            keys, says = row.strip("|").split("|")
            found.update(
                dict.fromkeys(re.findall(r"`(\w+)`", keys) or [keys.strip()], says.strip())
            )
    return found


def test_the_pages_have_the_bounds_of_the_product() -> None:
    says = page_bounds()
    numbers = {}
    for key, text in says.items():
        match = re.fullmatch(rf"from {NUMBER} to {NUMBER}", text)
        if match:
            numbers[key] = tuple(map(as_number, match.groups()))
    assert numbers == bounds.NUMBERS
    assert says["other numbers"] == "from -10^19 to 10^19"
    assert bounds.ANY_NUMBER == (-1e19, 1e19)
    assert {
        key for key, text in says.items() if text == "a name"
    } == bounds.NAMES - bounds.OFTEN_EMPTY - {"input"}
    assert {key for key, text in says.items() if text == "a name, or empty"} == bounds.OFTEN_EMPTY
    assert {key for key, text in says.items() if "imprint" in text} == bounds.IMPRINTS
    assert {key for key, text in says.items() if text == "a word"} == bounds.WORDS
    most = {
        key: as_number(text.split()[2]) for key, text in says.items() if text.startswith("at most")
    }
    assert most == {
        **bounds.TEXTS, **bounds.PARTS, "other texts": bounds.MOST_OF_A_TEXT,
        "lists and mappings": bounds.MOST_PARTS,
    }  # fmt: skip


def says_of(tmp_path: Any, *events: Any) -> tuple[Any, Any]:
    """Return what both readers say of a segment."""
    lines = [encoded([number, event]).encode() for number, event in enumerate(events)]
    path = tmp_path / "log" / "0002-b" / "worker-t00000-a01-s00002-h-1-aa.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(b"%08x %b\n" % (zlib.crc32(line), line) for line in lines))
    try:
        first = product_says(path.parent.parent)
    except NewerFormatError:
        first = "newer"
    try:
        return first, spec_reader.fold(path.parent.parent)
    except SystemExit:
        return first, "newer"


CLOSED = {"event": "closed", "at": AT}
EVENTS = {
    "pending": pending(task=1),
    "submitting": {"event": "submitting", "batch": "0002-b", "token": "t", "at": AT, "first_task": 0, "tasks": 1},
    "submitted": {"event": "submitted", "batch": "0002-b", "token": "t", "job": "1", "cluster": "c", "at": AT},
    "started": {"event": "started", "sim": "x", "at": AT, "met": "m", "receptor": "r"},
    "done": done(
        wall_s=1.0, peak_rss_bytes=1, reason="R", message="M", met="m", receptor="r", particles="plain"
    ),
    "cancelled": {"event": "cancelled", "batch": "0002-b", "at": AT, "jobs": ["1"]},
    "invalid": {
        "event": "invalid", "sim": "x", "path": "p", "why": "w", "batch": "0002-b", "seq": 2, "attempt": 1, "at": AT,
    },
    "identified": {
        "event": "identified", "sim": "x", "receptor": "r", "batch": "0002-b", "seq": 2, "attempt": 1, "at": AT,
    },
    "archived": {
        "event": "archived", "product": "p", "path": "p", "count": 1, "size": 1, "digest": "d", "at": AT,
    },
    "closed": {"event": "closed", "at": AT, "why": "w"},
}  # fmt: skip


def edges_of(key: str, known: Any) -> list[tuple[Any, bool]]:
    """Return values at and beyond the bounds of a key, and whether they are within."""
    if isinstance(known, int | float):
        least, most = bounds.NUMBERS[key]
        return [
            (int(least), True),
            (int(most), True),
            (int(least) - 1, False),
            (int(most) + 1, False),
            (10**30, False),
        ]
    if isinstance(known, list):
        return [
            (["1"] * bounds.MOST_PARTS, True),
            (["1"] * (bounds.MOST_PARTS + 1), False),
            (["-1"], False),
        ]
    if key in bounds.IMPRINTS:
        return [
            ("", True),
            ("plain", True),
            ("0001-01-0a0b0c0d", True),
            ("x", False),
            ("0001-01-0A0B0C0D", False),
        ]
    if key in bounds.NAMES:
        odd = [".", "..", "a/b", "a\x7f", "a\u202e", "a\xa0", "n" * (bounds.MOST_OF_A_NAME + 1)]
        good = ["n" * bounds.MOST_OF_A_NAME, "é" * bounds.MOST_OF_A_NAME, "a b", "-a", "..."]
        return [
            ("", key in bounds.OFTEN_EMPTY),
            *((text, False) for text in odd),
            *((text, True) for text in good),
        ]
    most = bounds.TEXTS.get(key, bounds.MOST_OF_A_TEXT)
    edges = [("", True), ("m" * most, True), ("m" * (most + 1), False)]
    return (
        [*edges, ("-x", False), ("a\nb", False)]
        if key in bounds.WORDS
        else [*edges, ("-a\nb", True)]
    )


@pytest.mark.parametrize("kind", EVENTS)
def test_both_readers_have_the_same_edges(tmp_path, kind) -> None:
    event = EVENTS[kind]
    for key, known in event.items():
        if key in {"event", "outcome"}:
            continue
        for value, is_within in edges_of(key, known):
            ends = [] if kind == "closed" else [CLOSED]
            product, spec = says_of(tmp_path, header(), {**event, key: value}, *ends)
            assert product == spec, (key, str(value)[:60])
            assert product["unknown"] == (not is_within), (key, str(value)[:60])


HEADER: dict[str, Any] = {
    **header(), "stilt": "1", "imprint": "0001-01-0a0b0c0d", "transport": {"m": "d"}, "footprints": {"f": "d"},
    "engine": {"name": "native", "version": "1", "inputs": {"A.ASC": "0" * 32}},
}  # fmt: skip
MAPPINGS = [
    (("transport",), {"a/b": "d"}), (("transport",), {"": "d"}), (("footprints",), {"..": "d"}),
    (("footprints",), {"f": "d" * 5000}), (("engine", "inputs"), {"../x": "d"}), (("engine", "inputs"), {"x": "../d"}),
    (("writer", "user"), "-x"), (("writer", "pid"), 10**20), (("writer", "attempt"), -1), (("seq",), 10**9),
    (("stilt",), "x" * 4097), (("engine", "name"), "x" * 4097), (("minor",), 10**20), (("imprint",), "x"),
]  # fmt: skip


@pytest.mark.parametrize(("keys", "value"), MAPPINGS)
def test_both_readers_refuse_the_same_headers(tmp_path, keys, value) -> None:
    good = json.loads(json.dumps(HEADER))
    assert not says_of(tmp_path, good, CLOSED)[0]["segments"].popitem()[1]["damage"]
    place = good
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    product, spec = says_of(tmp_path, good, done("x"), CLOSED)
    assert product == spec
    assert product["segments"].popitem()[1]["damage"] == [0]


def test_depth_and_halves_of_characters_are_as_the_page_says(tmp_path) -> None:
    for depth, counts in ((60, 1), (100_000, 0)):
        deep = json.dumps({"event": "later"})[:-1] + ', "x": ' + "[" * depth + "]" * depth + "}"
        data = f"[1, {deep}]".encode()
        file = tmp_path / "log" / "0002-b" / "x.log"
        file.parent.mkdir(parents=True, exist_ok=True)
        first = encoded([0, header()]).encode()
        file.write_bytes(
            b"".join(b"%08x %b\n" % (zlib.crc32(line), line) for line in (first, data))
        )
        product, spec = product_says(file.parent.parent), spec_reader.fold(file.parent.parent)
        assert product == spec
        assert product["unknown"] == counts
    product, spec = says_of(tmp_path, header(), done(message="\ud800"), CLOSED)
    assert product == spec
    assert product["sims"] == {}


EVENT = of_type(inspect.type_info(Event))
LOGS = st.lists(spoiled(EVENT), min_size=1, max_size=4)


@settings(
    max_examples=400, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
@given(events=LOGS, has_header=st.booleans())
def test_both_readers_agree_on_values_of_any_kind(tmp_path, events, has_header) -> None:
    product, spec = says_of(tmp_path, *([header()] if has_header else []), *events)
    assert product == spec


def takes(read: Any, path: Any) -> bool:
    try:
        read(path)
    except DamagedError:
        return False
    return True


def parsed(data: bytes) -> Any:
    try:
        value = json.loads(data)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return value


@settings(
    max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
@given(value=spoiled(of_type(inspect.type_info(Manifest))))
def test_both_readers_take_the_same_manifests(tmp_path, value) -> None:
    data = encoded(value).encode(errors="surrogatepass")
    path = tmp_path / "batch.json"
    path.write_bytes(data)
    known = parsed(data)
    assert takes(read_manifest, path) == (
        isinstance(known, dict) and spec_reader.is_manifest(known)
    )


@settings(
    max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
@given(value=spoiled(of_type(inspect.type_info(Chunk))))
def test_both_readers_take_the_same_chunks(tmp_path, value) -> None:
    data = encoded(value).encode(errors="surrogatepass")
    path = tmp_path / f"{chunk_digest(data)}.json"
    path.write_bytes(data)
    assert takes(read_chunk, path) == spec_reader.is_chunk(parsed(data))
