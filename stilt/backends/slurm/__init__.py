"""The Slurm backend: one array job for each hand-over."""
