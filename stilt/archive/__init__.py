"""Few large files in place of many small ones.

An archive has outputs one after the other and an index of them (``bundle``): one simulation is read without the rest.
Older ones are Parquet files (``container``, ``particles``). ``footprints`` says how a footprint is stored and comes
back; ``stilt.outputs.shelf`` finds an output in a project's archives, and ``stilt.commands.pack`` makes them.

``spec/archive-format.md`` is normative.
"""
