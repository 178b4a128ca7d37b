"""Where the container and the composite action begin."""

import gc

# Nothing that is loaded is garbage; the collector is switched on again when the run begins.
gc.disable()

from refresh.stop import Stop  # noqa: E402 - see above

if __name__ == "__main__":
    stop = Stop().listen()
    # Loading the rest takes longer than a cancel may have to wait.
    from refresh.__main__ import leave, main

    leave(main(stop=stop))
