"""A transport engine of our own: HYSPLIT's particles, compiled, from published equations and observed behaviour.

Numbers in docstrings, such as (T17), are those of the equations in ``spec/transport.md``. ``levels``, ``remap`` and
``columns`` bring a file's columns onto the model's levels; ``boundary_layer`` says how turbulent they are;
``interpolation``, ``advection`` and ``dispersion`` move a particle, and ``march`` all of them, minute by minute;
``meteorology`` and ``store`` bring columns when they are needed; ``refusals`` says what is not computed; ``run`` and
``engine`` put this together.
"""
