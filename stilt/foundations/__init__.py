"""What every other room rests on: errors, names, paths, files that survive a crash, processes."""
