"""Arguments in, exit code out; the only place that prints.

One module for each group of commands. Nothing heavy is imported before a command needs it: ``--help`` starts at once.
"""
