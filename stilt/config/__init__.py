"""The settings of a project: one table of what there is, read from ``config.yaml`` with all problems."""
