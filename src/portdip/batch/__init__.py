"""A table of numbers in, a table of routes out."""
