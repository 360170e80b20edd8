"""NOAA's ``hycs_std``, driven as STILT does.

``install`` and ``locate`` know the binary; ``control``, ``namelist`` and ``perturbation`` write what it reads;
``workdir`` lays a run out; ``process`` runs it; ``dump`` reads what it writes; ``verdict`` says how it ended;
``engine`` puts them together.
"""
