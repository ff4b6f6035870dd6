"""Lets ``python -m collector`` work without an installed script."""

import sys

from collector.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
