"""Write the JSON Schemas beside this file, made from the Structs that the product writes.

python spec/make_schema.py [FOLDER]
"""

import inspect
import json
import sys
from pathlib import Path

import msgspec

from stilt.batch.chunks import CHUNK_FORMAT, Chunk, ChunkEntry
from stilt.batch.manifest import MANIFEST_FORMAT, ChunkRef, Manifest
from stilt.foundations.paths import IMPRINT
from stilt.log import bounds
from stilt.log.events import FORMAT_MAJOR, FORMAT_MINOR, Event

SCHEMAS = {
    "events": (Event, f"Events of the log of stilt, format {FORMAT_MAJOR}.{FORMAT_MINOR}"),
    "manifest": (Manifest, f"Manifest of a batch of stilt, format {MANIFEST_FORMAT}"),
    "chunk": (Chunk, f"Chunk of a batch of stilt, format {CHUNK_FORMAT}"),
}


def schema(kind, title):
    """Return the schema of a Struct, or a union of them, as text."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title}
    found = msgspec.json.schema(kind)
    for part in found["$defs"].values():
        if "description" in part:  # indented or not, by the version of msgspec
            part["description"] = inspect.cleandoc(part["description"])
        for key, value in part.get("properties", {}).items():
            bound(key, value)
    for array in (ChunkRef, ChunkEntry):  # whose elements have no keys
        items = found["$defs"].get(array.__name__, {}).get("prefixItems", ())
        for key, value in zip(array.__struct_fields__, items, strict=False):
            bound(key, value)
    return json.dumps(head | found, indent=1, sort_keys=True) + "\n"


def bound(key, value):
    """Add to the schema of a value what bounds it has under a key; what is printable no schema says."""
    kind = value.get("type")
    if key == "labels":
        value["maxProperties"] = bounds.MOST_PARTS
        value["propertyNames"] = {"maxLength": bounds.MOST_OF_A_LABEL}
        value["additionalProperties"]["anyOf"][0]["maxLength"] = bounds.MOST_OF_A_LABEL
        return
    if kind in {"integer", "number"}:
        least, most = bounds.NUMBERS.get(key, bounds.ANY_NUMBER)
        value |= {"minimum": int(least), "maximum": int(most)}
    elif kind == "string" and "enum" not in value and key != "event":
        value |= text_bound(key)
    elif kind == "array":
        value["maxItems"] = bounds.PARTS.get(key, bounds.MOST_PARTS)
        bound(key.removesuffix("s"), value["items"])
    elif kind == "object" and "additionalProperties" in value:
        value["maxProperties"] = bounds.PARTS.get(key, bounds.MOST_PARTS)
        value["propertyNames"] = text_bound("sim")
        bound(key.removesuffix("s"), value["additionalProperties"])
    for option in value.get("anyOf", ()):
        bound(key, option)


def text_bound(key):
    """Return what a schema can say of a text."""
    if key in bounds.IMPRINTS:
        return {"pattern": f"^(|plain|{IMPRINT.pattern})$"}
    if key in bounds.NAMES:
        pattern = "^(?!\\.{1,2}$)[^/]*$"
        return {
            "minLength": 0 if key in bounds.OFTEN_EMPTY else 1,
            "maxLength": bounds.MOST_OF_A_NAME,
            "pattern": pattern,
        }
    most = {"maxLength": bounds.TEXTS.get(key, bounds.MOST_OF_A_TEXT)}
    return most | {"pattern": "^(?!-)"} if key in bounds.WORDS else most


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    for name, (kind, title) in SCHEMAS.items():
        (folder / f"{name}.schema.json").write_text(schema(kind, title), encoding="utf-8")
