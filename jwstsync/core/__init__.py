"""The decisions, without I/O: which products are wanted, where they live, and what has to happen."""
