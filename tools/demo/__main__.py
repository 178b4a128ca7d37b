"""`python -m tools.demo [ACT ...]`: plays the acts of the story, all of them unless some are named."""

from __future__ import annotations

import os
import signal
import sys

from tools.demo import interrupts


def main(chosen: list[str]) -> int:
    """Play the acts, and return the exit code."""
    signal.signal(signal.SIGINT, interrupts.stop_once)
    try:
        # Loading takes a second, in which Ctrl-C must work as well.
        from tools.demo import performance  # noqa: PLC0415

        code = performance.play(chosen)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is done
    except KeyboardInterrupt:
        print("\nStopped. Nothing was left running.", flush=True)
        # Python would end itself by the signal if that came while a module was loading.
        os._exit(130)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
