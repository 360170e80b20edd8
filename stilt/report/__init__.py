"""One self-contained HTML page about a run. Opens offline, needs no script to be read."""
