"""The tests: one folder for each area of the product."""
