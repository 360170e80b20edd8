"""Numerical loops as machine code: compiled once, kept, loaded again."""
