"""The log: one segment for each writer, and the pure fold from events to the state of a project.

``spec/log-format.md`` is normative.
"""
