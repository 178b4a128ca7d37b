"""Simulates a day of a pool with several minimums and by the archived action, and prints its figures as a table.

python -m tools.day [builds]
"""

from __future__ import annotations

import sys

from tests.simulation.day import simulated
from tests.simulation.day_figures import table

BUILDS = 500
MINIMA = (0, 2, 5)


def main(arguments: list[str]) -> None:
    """Print the figures."""
    builds = int(arguments[0]) if arguments else BUILDS
    days = [simulated(builds, archived=True), *(simulated(builds, minimum) for minimum in MINIMA)]
    sys.stdout.write(table(days))


if __name__ == "__main__":
    main(sys.argv[1:])
