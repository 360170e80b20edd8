"""Where workers run: on this machine, or as tasks of a Slurm array."""
