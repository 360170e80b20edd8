"""What the filesystem, the machine and the cluster at hand really do."""
