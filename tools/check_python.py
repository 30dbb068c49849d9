"""Stop with a clear message if this Python is too old; written so that an old one can read it."""

import sys

OLDEST = (3, 11)

if sys.version_info < OLDEST:
    sys.exit(
        "skntk needs Python %d.%d or newer, and %s is Python %d.%d. "
        "Name a newer one, for example: make test PYTHON=python3.12"
        % (OLDEST + (sys.executable,) + sys.version_info[:2])
    )
