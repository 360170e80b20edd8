"""Print the JSON Schema of the events, made from the Structs that the product writes.

python spec/make_schema.py > spec/events.schema.json
"""

import json

import msgspec

from stilt.log.events import FORMAT_MAJOR, FORMAT_MINOR, Event


def schema():
    """Return the schema as a dictionary."""
    made = msgspec.json.schema(Event)
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Events of the log of stilt, format {FORMAT_MAJOR}.{FORMAT_MINOR}",
    }
    return head | made


if __name__ == "__main__":
    print(json.dumps(schema(), indent=2, sort_keys=True))
