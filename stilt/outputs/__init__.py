"""Where a product of a simulation is, as a file of its own or in an archive, and which one the log vouches for."""
