"""The matrix of an inversion: surface elements, bins of time, and the rows that footprints make."""
