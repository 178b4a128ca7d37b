"""Load an action, say so, wait for a line, and run it as the entrypoint does: of many processes all begin at once.

python -m tests.scale.waiting ACTION
"""

from __future__ import annotations

import sys
from importlib import import_module

from refresh import start

_LOADED_LATER = ("refresh.provision.component", "refresh.output.publish_provision", "refresh.actions.main")


def main() -> None:
    """Wait and run."""
    action = sys.argv[1]
    for each in (f"refresh.actions.{action}", *_LOADED_LATER):
        import_module(each)
    sys.stdout.write("waiting\n")
    sys.stdout.flush()
    sys.stdin.readline()
    start.leave(start.main(action=action))


if __name__ == "__main__":
    main()
