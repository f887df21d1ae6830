"""One sync end to end: gather what the archive lists, decide, act, record.

The shell's only story: what is decided lies in `jwstsync.core`, how files come and where they lie in executors and
store. Nothing is printed here.
"""
