"""Times of receptors: what is read, and how it is written."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

FIRST_YEAR, LAST_YEAR = 1941, 2040
"""HYSPLIT writes years with two digits and takes those above 40 for 19xx."""

_PARTS = ("date", "year", "month", "day", "hour", "minute")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COMPACT = re.compile(r"(\d{8})T?(\d{2}|\d{4}|\d{6})")
_RUN_TOGETHER = r"^([0-9]{4})([0-9]{2})([0-9]{2})T?([0-9]{2})([0-9]{2})$"
_RUN_TOGETHER_HOURS = r"^([0-9]{8}T?[0-9]{2})$"
_DATE_ALONE = r"^[0-9]{4}-?[0-9]{2}-?[0-9]{2}$"
_TIME_OF_DAY = r"^([0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?)?$"
_ZONE_WORD = re.compile(r"\s*(UTC|GMT|Z)$", re.IGNORECASE)
_HOUR_24 = re.compile(r"[\d-]{8,10}[T ]24")
_EXAMPLE = "write it like 2015-12-10 07:00 (UTC)"


def parse_time(text: str) -> int:
    """Return the seconds since 1970 of a time in UTC; fractions of a second are cut.

    ISO 8601 in most of its forms, ``YYYYMMDDHH``, ``YYYYMMDDHHMM``, a date alone for midnight (R writes midnights so).
    Without an offset it is UTC.

    Raises
    ------
    ValueError
        With the reason, for people.
    """
    text = _ZONE_WORD.sub("+00:00" if ":" in text else "", text.strip())
    compact = _COMPACT.fullmatch(text)
    if compact:
        text = f"{compact[1]}T{compact[2]}"
    try:
        if _HOUR_24.match(text):  # Python takes it for the next midnight from 3.14 on
            raise ValueError("hour must be in 0..23")  # noqa: TRY301
        when = datetime.fromisoformat(text)
    except ValueError as error:
        known = str(error)
        far = "must be in" in known or "out of range" in known
        why = "is not a time" + (f" ({known})" if far else "")
        raise ValueError(f"{why}: {_EXAMPLE}") from None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    seconds = (when - _EPOCH) // timedelta(seconds=1)
    year = (_EPOCH + timedelta(seconds=seconds)).year
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise ValueError(
            f"the year must be {FIRST_YEAR} to {LAST_YEAR}: HYSPLIT keeps two digits of it"
        )
    return seconds


def parse_times(texts: pa.Array) -> tuple[NDArray[np.int64], dict[int, str]]:
    """Parse many times.

    Returns
    -------
    seconds
        Since 1970, 0 where there is none.
    complaints
        Index to what is wrong there.
    """
    import numpy as np

    seconds = _parse_uniform(texts)
    if seconds is not None:
        years = seconds.astype("datetime64[s]").astype("datetime64[Y]").astype(int) + 1970
        if len(years) == 0 or (years.min() >= FIRST_YEAR and years.max() <= LAST_YEAR):
            return seconds, {}
    encoded = texts.dictionary_encode()
    results = [_try_parse(text) for text in encoded.dictionary.to_pylist()]
    parsed = np.array([result if isinstance(result, int) else 0 for result in results], np.int64)
    indices = encoded.indices.to_numpy(zero_copy_only=False)
    bad = np.array([isinstance(result, str) for result in results], bool)
    complaints = {
        int(i): str(results[indices[i]]) for i in np.flatnonzero(bad[indices] if len(bad) else bad)
    }
    return parsed[indices] if len(parsed) else parsed, complaints


def with_whole_time(
    columns: dict[str, pa.Array],
) -> tuple[dict[str, pa.Array], dict[str, pa.Array]]:
    """Return columns whose ``time`` is put together of its parts, and the parts that were not needed.

    A ``date`` goes before a time of day or an hour, and so does a ``time`` that is a date alone; else there are year,
    month and day. Parts are not needed where ``time`` is a whole one. A time is blank where its hour is, or its time
    of day, beside others that are not.
    """
    import pyarrow.compute as pc

    parts = {name: columns[name] for name in _PARTS if name in columns}
    rest = {name: values for name, values in columns.items() if name not in parts}
    if not parts:
        return rest, {}
    if "time" not in rest:
        return {**rest, "time": _with_clock(_date_of(parts), parts)}, {}
    time = rest["time"]
    if "date" in parts and pc.all(pc.match_substring_regex(time, _TIME_OF_DAY)).as_py():
        clock = pc.replace_substring_regex(time, "^([0-9]):", r"0\1:")
        unused = {name: values for name, values in parts.items() if name != "date"}
        return {**rest, "time": _joined(parts["date"], clock)}, unused
    is_date = pc.match_substring_regex(time, _DATE_ALONE)
    if "hour" not in parts or not pc.any(is_date).as_py():
        return rest, parts
    unused = {"date": parts["date"]} if "date" in parts else {}
    return {**rest, "time": pc.if_else(is_date, _with_clock(time, parts), time)}, unused


def _date_of(parts: dict[str, pa.Array]) -> pa.Array:
    import pyarrow.compute as pc

    if "date" in parts:
        return parts["date"]
    year = pc.replace_substring_regex(parts["year"], r"\.0*$", "")
    return pc.binary_join_element_wise(year, _two(parts["month"]), _two(parts["day"]), "-")


def _with_clock(date: pa.Array, parts: dict[str, pa.Array]) -> pa.Array:
    """Return dates with their hour and minute behind them, if there are any."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if "hour" not in parts:
        return date
    minute = _two(parts["minute"]) if "minute" in parts else pa.scalar("00")
    clock = pc.binary_join_element_wise(_two(parts["hour"]), minute, ":")
    is_blank = pc.equal(parts["hour"], "")
    if "minute" in parts:
        is_blank = pc.or_(is_blank, pc.equal(parts["minute"], ""))
    return _joined(date, pc.if_else(is_blank, "", clock))


def _joined(date: pa.Array, clock: pa.Array) -> pa.Array:
    """Return dates and times of day as one; where one of these is blank beside others that are not, nothing."""
    import pyarrow.compute as pc

    is_blank = pc.equal(clock, "")
    if pc.all(is_blank).as_py():
        return date
    return pc.if_else(is_blank, "", pc.binary_join_element_wise(date, clock, " "))


def _two(numbers: pa.Array) -> pa.Array:
    """Write whole numbers with two digits; a blank stays one."""
    import pyarrow.compute as pc

    padded = pc.utf8_lpad(pc.replace_substring_regex(numbers, r"\.0*$", ""), 2, "0")
    return pc.if_else(pc.equal(numbers, ""), "", padded)


def _parse_uniform(texts: pa.Array) -> NDArray[np.int64] | None:
    """Parse where all times are of one of the two usual forms, a hundred times faster."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if len(texts) and texts[0].as_py()[:10].replace("T", "").isdigit():
        texts = pc.replace_substring_regex(texts, _RUN_TOGETHER_HOURS, r"\100")
        texts = pc.replace_substring_regex(texts, _RUN_TOGETHER, r"\1-\2-\3 \4:\5")
    for kind in (pa.timestamp("s"), pa.timestamp("s", "UTC")):
        try:
            return np.asarray(pc.cast(pc.cast(texts, kind), pa.int64()).to_numpy())
        except pa.ArrowInvalid:
            continue
    return None


def _try_parse(text: str) -> Any:
    if not text:
        return "is blank"
    try:
        return parse_time(text)
    except ValueError as error:
        return str(error)


def write_times(minutes: NDArray[np.int64]) -> NDArray[np.str_]:
    """Write minutes since 1970 as ``YYYYMMDDHHMM``."""
    import numpy as np

    text = np.datetime_as_string(minutes.astype("datetime64[m]")).astype("U16")
    letters = text.view("U1").reshape(len(text), 16)
    digits = np.ascontiguousarray(letters[:, [0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15]])
    return digits.view("U12").reshape(len(text))
