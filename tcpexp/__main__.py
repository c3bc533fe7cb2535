"""``python -m tcpexp`` is the command ``tcpexp``."""

import sys

from tcpexp.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
