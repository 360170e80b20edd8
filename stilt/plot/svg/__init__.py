"""Charts and maps as SVG text, for pages that open offline."""
