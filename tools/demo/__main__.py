"""`python -m tools.demo [ACT ...]`: plays the acts of the story, all of them unless some are named."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from io import TextIOWrapper

from tools.demo import interrupts


def main(chosen: list[str]) -> int:
    """Play the acts, and return the exit code."""
    interrupts.stop_once()
    _forget_settings()
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal may have another encoding than UTF-8
    try:
        # Loading takes a second, in which Ctrl-C must work as well.
        from tools.demo import performance  # noqa: PLC0415

        code = performance.play(chosen)
        interrupts.ignore()  # all is done
    except interrupts.Stopped as stopped:
        with suppress(OSError):  # the terminal may be closed
            print("\nStopped. Nothing was left running.", flush=True)
        # Python would end itself by the signal if that came while a module was loading.
        os._exit(stopped.code)
    except BrokenPipeError:
        # The reader has gone, as with `| head`.
        os._exit(128 + signal.SIGPIPE)
    return code


def _forget_settings() -> None:
    """Forget the user's AWS, GitHub and proxies: the stand-ins are on this computer."""
    for name in [*os.environ]:
        if name.startswith(("AWS", "GITHUB", "INPUT")) or name.lower().endswith("_proxy"):
            del os.environ[name]
    os.environ |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
