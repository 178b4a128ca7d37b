"""Where the container and the composite action begin."""

import sys

from refresh.stop import Stop

if __name__ == "__main__":
    stop = Stop().listen()
    # Loading the rest takes longer than a cancel may have to wait.
    from refresh.__main__ import main

    sys.exit(main(stop=stop))
