"""Write the JSON Schemas beside this file, made from the Structs that the product writes.

python spec/make_schema.py [FOLDER]
"""

import json
import sys
from pathlib import Path

import msgspec

from stilt.batch.chunks import CHUNK_FORMAT, Chunk
from stilt.batch.manifest import MANIFEST_FORMAT, Manifest
from stilt.log.events import FORMAT_MAJOR, FORMAT_MINOR, Event

SCHEMAS = {
    "events": (Event, f"Events of the log of stilt, format {FORMAT_MAJOR}.{FORMAT_MINOR}"),
    "manifest": (Manifest, f"Manifest of a batch of stilt, format {MANIFEST_FORMAT}"),
    "chunk": (Chunk, f"Chunk of a batch of stilt, format {CHUNK_FORMAT}"),
}


def schema(kind, title):
    """Return the schema of a Struct, or a union of them, as text."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title}
    return json.dumps(head | msgspec.json.schema(kind), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    for name, (kind, title) in SCHEMAS.items():
        (folder / f"{name}.schema.json").write_text(schema(kind, title), encoding="utf-8")
