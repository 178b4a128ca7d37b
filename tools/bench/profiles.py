"""Where the time of a run goes: what is imported, and what a collection of thousands computes.

python -m tools.bench.profiles imports|collection [--environment FOLDER] [--instances NUMBER]
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import re
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import thread
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from botocore.loaders import Loader

from refresh.actions.main import main as refresh
from refresh.inputs.table import PROVISION, REFRESH, RELEASE
from tools.bench.environments import ROOT
from tools.bench.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterable

_LINE = re.compile(r"^import time: *([0-9]+) \| *([0-9]+) \| *(\S+)$", re.MULTILINE)
_SHOWN = 15
_FUNCTIONS = 25
_ONE_PROFILE_AT_A_TIME = (3, 12)


def imported(printed: str) -> list[tuple[str, int, int]]:
    """Sum up what `-X importtime` tells: (package, milliseconds of its own modules, how many), the longest first."""
    microseconds: Counter[str] = Counter()
    counted: Counter[str] = Counter()
    for own, _, module in _LINE.findall(printed):
        package = module.partition(".")[0]
        microseconds[package] += int(own)
        counted[package] += 1
    return [(package, round(total / 1000), counted[package]) for package, total in microseconds.most_common()]


def modules(printed: str) -> list[tuple[str, float]]:
    """List what `-X importtime` tells: (module, milliseconds of its own), the longest first."""
    listed = [(module, int(own) / 1000) for own, _, module in _LINE.findall(printed)]
    return sorted(listed, key=lambda each: -each[1])


def imports(stage: Stage, python: Path, entrypoint: Path) -> None:
    """Print what a run that changes nothing imports, one whose input is missing, a release, and a provision."""
    stage.settle()
    steps = {
        "no-op": (REFRESH, stage.world.environ()),
        "missing input": (REFRESH, stage.world.environ(ami="")),
        "release of 1": (RELEASE, stage.world.release_environ()),
        "provision of 1": (PROVISION, stage.world.provision_environ()),
    }
    launched = stage.launch(1)
    stage.lend(launched, known=True)
    for title, (action, environ) in steps.items():
        if action == PROVISION:
            stage.offer(launched)
        command = [str(python), "-X", "importtime", str(entrypoint), action]
        printed = subprocess.run(command, env=environ, capture_output=True, text=True, check=False).stderr  # noqa: S603 - our own
        found = imported(printed)
        total, number = sum(each[1] for each in found), sum(each[2] for each in found)
        print(f"{title}: {number} modules, {total} ms (the measuring is part of it)")
        for package, milliseconds, number in found[:_SHOWN]:
            print(f"  {milliseconds:4} ms  {number:3} modules  {package}")
        print("  the longest modules:")
        for module, own in modules(printed)[:_SHOWN]:
            print(f"  {own:6.1f} ms  {module}")


def collection(stage: Stage, instances: int, models: str) -> None:
    """Print what a collection computes by these models, in all threads; it is some ten times slower for that."""
    if sys.version_info >= _ONE_PROFILE_AT_A_TIME:
        sys.exit("Since Python 3.12 one thread at a time can be profiled: run it with an older one.")
    stage.settle()
    stage.play(instances, "expired")
    stage.expect(0)
    profiles: list[cProfile.Profile] = []
    run = thread._WorkItem.run  # noqa: SLF001 - there is no other place through which all work goes

    def profiled(item: Any) -> None:
        profile = cProfile.Profile(time.thread_time)
        profiles.append(profile)
        profile.runcall(run, item)

    with (
        mock.patch.object(thread._WorkItem, "run", profiled),  # noqa: SLF001 - as above
        mock.patch.object(Loader, "BUILTIN_DATA_PATH", models),
        mock.patch.dict(os.environ, stage.world.environ(), clear=True),
    ):
        own = cProfile.Profile(time.thread_time)
        profiles.append(own)
        code = own.runcall(refresh)
    sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
    print(f"exit code {code}, {instances} instances, {len(stage.calls())} calls")
    _show(profiles, instances)


def _show(profiles: Iterable[cProfile.Profile], instances: int) -> None:
    merged: Any = pstats.Stats(*[each for each in profiles if each.getstats()])
    total = 1000 * merged.total_tt
    print(f"{total / max(1, instances):.2f} ms of CPU an instance, the profiler's own and the start included")
    for order in ("tottime", "cumtime"):
        merged.sort_stats(order).print_stats(_FUNCTIONS)


def main() -> None:
    """Print the profile that is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench.profiles", description=__doc__)
    parser.add_argument("profile", choices=["imports", "collection"])
    parser.add_argument("--environment", type=Path, help="whose interpreter and models to use [this one's]")
    parser.add_argument("--instances", type=int, default=5000)
    asked = parser.parse_args()
    folder = asked.environment
    models = [str(each) for each in folder.glob("lib/python3*/site-packages/botocore/data")] if folder else []
    with Stage() as stage:
        if asked.profile == "collection":
            collection(stage, asked.instances, next(iter(models), Loader.BUILTIN_DATA_PATH))
        elif folder:
            imports(stage, folder / "bin" / "python", folder / "entrypoint.py")
        else:
            imports(stage, Path(sys.executable), ROOT / "entrypoint.py")


if __name__ == "__main__":
    main()
