"""Values by the types of the product: at and beyond their bounds, and of another type.

Strategies of hypothesis, made from the Structs that the product reads and writes, so that a key that is added is
tried as well.
"""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from msgspec import NODEFAULT, inspect

from stilt.log import bounds

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

MOST_PARTS = 3
NAMES = (
    "fake_201512100000_-112_40.5_5",
    "fake",
    "x",
    "0002-b",
    "0" * 32,
    "Zürich",
    "a b",
    "n" * 255,
    "..x",
)
TEXTS = (
    "", ".", "..", "a/b", "../../../outside/x", "/etc/passwd", "a\0b", "\x1b]0;t\x07", "\x9b2J", "\u202e", "\xa0",
    "\u2028", "-x", "--user=root", "\n", "<script>alert(1)</script>", "%s%n{0}", "$(id)", "plain", "0001-01-0a0b0c0d",
    "n" * 256, "n" * 4096, "n" * 4097, "201512100000", "209913010000", "é" * 255, "\U0001f600", "\ud800",
)  # fmt: skip
NUMBERS = (
    -1, 0, 1, 2, 1.0, 1.5, -0.0, 1e300, -1e300, 1e-300, 10**12, 2**53, 2**63 - 1, 2**63, 2**64, 10**30, 10**400,
    253402300800, True, False, None,
)  # fmt: skip
DEEP = (30, 900, 5000)


def of_type(kind: inspect.Type, key: str = "") -> SearchStrategy[Any]:
    """Return a strategy for what JSON has of a type, under some key, within all bounds."""
    match kind:
        case inspect.StructType():
            return _of_struct(kind)
        case inspect.UnionType():
            return st.one_of([of_type(part, key) for part in kind.types])
        case inspect.DictType():
            keys = st.sampled_from(["fake", "fine", "LANDUSE.ASC"])
            return st.dictionaries(keys, of_type(kind.value_type, key[:-1]), max_size=MOST_PARTS)
        case inspect.VarTupleType() | inspect.ListType():
            return st.lists(of_type(kind.item_type, key[:-1]), max_size=MOST_PARTS)
    return _of_scalar(kind, key)


def _of_scalar(kind: inspect.Type, key: str) -> SearchStrategy[Any]:
    match kind:
        case inspect.IntType() | inspect.FloatType():
            least, most = bounds.NUMBERS.get(key, bounds.ANY_NUMBER)
            edges = st.sampled_from([least, most]).map(int)
            return edges | st.integers(int(max(least, 0)), int(min(most, 1e6)))
        case inspect.LiteralType():
            return st.sampled_from(kind.values)
        case inspect.BoolType():
            return st.booleans()
        case inspect.StrType():
            return _of_text(key)
    return st.none()


def _of_struct(kind: inspect.StructType) -> SearchStrategy[Any]:
    if kind.array_like:
        return st.tuples(*(of_type(part.type, part.encode_name) for part in kind.fields)).map(list)
    needed, optional = {}, {}
    for part in kind.fields:
        has_default = part.default is not NODEFAULT or part.default_factory is not NODEFAULT
        (optional if has_default else needed)[part.encode_name] = of_type(
            part.type, part.encode_name
        )
    tag = {} if kind.tag_field is None else {kind.tag_field: kind.tag}
    return st.fixed_dictionaries(needed, optional=optional).map(lambda found: tag | found)


def _of_text(key: str) -> SearchStrategy[str]:
    if key in bounds.IMPRINTS:
        return st.sampled_from(["", "plain", "0001-01-0a0b0c0d"])
    if key in bounds.NAMES:
        return st.sampled_from(NAMES)
    if key in bounds.WORDS:
        return st.sampled_from(["", "12", "12_[3]", "cluster"])
    return st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def odd(key: str = "") -> SearchStrategy[Any]:
    """Return a strategy for values that a key should not have, and for some that it may."""
    least, most = bounds.NUMBERS.get(key, bounds.ANY_NUMBER)
    edges = [least, most, least - 1, most + 1, most * 1.001, int(least) - 1, int(most) + 1]
    return st.one_of(
        st.sampled_from([*edges, *NUMBERS]),
        st.sampled_from(TEXTS),
        st.text(max_size=10),
        st.sampled_from(DEEP).map(nested),
        st.lists(st.sampled_from([*NUMBERS, *TEXTS]), max_size=MOST_PARTS),
        st.dictionaries(
            st.sampled_from(TEXTS), st.sampled_from([*NUMBERS, *TEXTS]), max_size=MOST_PARTS
        ),
    )


def nested(depth: int) -> Raw:
    """Return what is nested so deep, as JSON."""
    return Raw("[" * depth + "]" * depth)


class Raw(str):
    """JSON that is written as it is."""

    __slots__ = ()


@st.composite
def spoiled(draw: Any, whole: SearchStrategy[Any], most: int = 2) -> Any:
    """Return a strategy for values of which some parts are odd."""
    value = draw(whole)
    for _ in range(draw(st.integers(0, most))):
        value = _with_odd_part(draw, deepcopy(value), "")
    return value


def _with_odd_part(draw: Any, value: Any, key: str) -> Any:
    places = (
        list(value)
        if isinstance(value, dict)
        else range(len(value))
        if isinstance(value, list)
        else ()
    )
    what = draw(st.integers(0, 9)) if places else 0
    if not places or what == 0:
        return draw(odd(key))
    place = draw(st.sampled_from(list(places)))
    if what == 1:
        del value[place]
    elif what == 2 and isinstance(value, dict):
        value[draw(st.sampled_from(["later", *TEXTS]))] = draw(odd())
    else:
        inner = str(place) if isinstance(value, dict) else key.removesuffix("s")
        value[place] = _with_odd_part(draw, value[place], inner)
    return value


def encoded(value: Any) -> str:
    """Return a value as JSON, with what is ``Raw`` as it is."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        parts = (f"{json.dumps(str(key))}:{encoded(part)}" for key, part in value.items())
        return "{" + ",".join(parts) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(encoded, value)) + "]"
    if isinstance(value, float) and abs(value) > 1e307:
        return f"{value:.0e}0"  # more than a float can be
    return json.dumps(value)


def drawn(strategy: SearchStrategy[Any], number: int, *, of: int = 4) -> Any:
    """Return an example that is the same for the same number: the last of some, as the first are the simplest."""
    found: list[Any] = []

    @seed(number)
    @settings(
        max_examples=of,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=HealthCheck,
    )
    @given(strategy)
    def collect(value: Any) -> None:
        found.append(value)

    collect()
    return found[-1]
