"""python -m tools.bench: measure what runs cost, print one JSON object a case and a table of all.

It makes the environment of the image and one with boto3 as it comes, plays AWS and GitHub behind a proxy that counts
calls and delays them, and runs the entrypoint as a process. Nothing is judged: docs/performance.md has the figures.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import evolve

from tools.bench import environments
from tools.bench.cases import Case, cases, quick
from tools.bench.environments import CACHE, ROOT, Bare, Container, Environment, Failed, Started
from tools.bench.figures import Result, of_yardstick, table
from tools.bench.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterable

IN_CONTAINERS = ("missing input", "no-op", "no-op, empty pool")
IMAGE = "refresh-action-under-test"


def main() -> int:
    """Measure what is asked for."""
    asked = _arguments()
    # Stop child processes on a signal.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit("Ended by a signal before all was measured."))
    bare = _bare(asked)
    results: list[Result] = []
    try:
        with Stage() as stage:
            if stage.lacking:
                print(f"left out: {stage.lacking}; the table is on moto, and history is not measured", file=sys.stderr)
            for case in _chosen(asked, stage):
                results += _measured(case, stage, bare, asked.runs)
            results[:0] = _reported([of_yardstick(results)] if results else [])
            if not asked.python:
                results += _in_containers(asked, stage, bare.with_boto3)
    except Failed as failure:
        print(failure, file=sys.stderr)
        return 1
    if asked.json:
        asked.json.write_text("".join(f"{each.written()}\n" for each in results), encoding="utf-8")
    print()
    print(table(results))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.bench", description=__doc__)
    parser.add_argument("--cases", help="names, separated by semicolons [all]")
    parser.add_argument("--runs", type=int, help="of each case at each latency [9, and 3 of the thousands]")
    parser.add_argument("--interpreter", help="of which the environments are made [this one]")
    parser.add_argument("--environment", type=Path, help="folder with bin/python and entrypoint.py [made anew]")
    parser.add_argument("--image", default=IMAGE, help="measured in containers as well, where there is an engine")
    parser.add_argument("--python", type=Path, help="an interpreter that has refresh's packages and boto3, as it is")
    parser.add_argument("--entrypoint", type=Path, default=ROOT / "entrypoint.py", help="what --python runs [ours]")
    parser.add_argument("--quick", action="store_true", help="a few cases, once and without latency")
    parser.add_argument("--json", type=Path, help="file for the same objects, one a line")
    asked = parser.parse_args()
    asked.runs = asked.runs or (1 if asked.quick else None)
    return asked


def _bare(asked: argparse.Namespace) -> Bare:
    if asked.python:
        return Bare(asked.python, asked.entrypoint, asked.python, flags=())
    CACHE.mkdir(parents=True, exist_ok=True)
    python = asked.interpreter or getattr(sys, "_base_executable", sys.executable)
    print(f"interpreter: {environments.described(python)}", file=sys.stderr)
    folder = asked.environment or environments.built(python)
    return Bare(folder / "bin" / "python", folder / "entrypoint.py", environments.yardstick(python))


def _chosen(asked: argparse.Namespace, stage: Stage) -> list[Case]:
    names = asked.cases
    known = {case.name: case for case in (quick() if asked.quick else cases())}
    wanted = [name.strip() for name in names.split(";")] if names else list(known)
    if unknown := set(wanted) - set(known):
        sys.exit(f"no such case: {', '.join(sorted(unknown))}; there are: {'; '.join(known)}")
    chosen = [known[name] for name in wanted]
    return [case for case in chosen if not (stage.lacking and "ever" in case.name)]


def _measured(case: Case, stage: Stage, where: Environment, runs: int | None) -> list[Result]:
    return _reported(case.measured(stage, where, runs or case.runs))


def _reported(results: Iterable[Result]) -> list[Result]:
    printed = []
    for result in results:
        print(result.written(), flush=True)
        printed.append(result)
    return printed


def _in_containers(asked: argparse.Namespace, stage: Stage, with_boto3: Path) -> list[Result]:
    if not (packages := environments.in_image(asked.image, with_boto3)):
        print(f"left out: containers, since no Docker engine has the image {asked.image}", file=sys.stderr)
        return []
    chosen = [case for case in _chosen(asked, stage) if case.name in IN_CONTAINERS]
    places = {"in the image": Container(asked.image, packages), "docker run": Started(asked.image, packages)}
    return [
        result
        for title, place in places.items()
        for case in chosen
        for result in _measured(evolve(case, name=f"{title}: {case.name}"), stage, place, asked.runs)
    ]


if __name__ == "__main__":
    sys.exit(main())
