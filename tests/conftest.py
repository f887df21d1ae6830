"""What all tests stand on."""

from __future__ import annotations

import signal

# A process that a shell starts in the background ignores Ctrl-C, and so do its children; tests that send one need it.
signal.signal(signal.SIGINT, signal.default_int_handler)
