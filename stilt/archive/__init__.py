"""Few large files in place of many small ones.

An archive file is a Parquet file with one row group for each output that was packed into it (``container``), so that
one simulation is read without the rest. ``particles`` and ``footprints`` say how an output becomes rows and comes
back; ``shelf`` finds an output in a project's archives; ``pack`` makes archives and removes what they hold.

``spec/archive-format.md`` is normative.
"""
