"""Starter projects: the files ``stilt init`` writes, and an idealised atmosphere to run them on."""
