"""receptors."""
