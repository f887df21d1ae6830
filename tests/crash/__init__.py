"""The proof by breaking: runs that are killed, cut off from power or room, interrupted, and many at once."""
