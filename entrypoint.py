"""Where the container and the composite action begin."""

import sys

from refresh.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
