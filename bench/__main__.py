"""python -m bench: measure what runs cost, print one JSON object a case and a table of all.

It makes the environment of the image and one with boto3 as it comes, plays AWS and GitHub behind a proxy that counts
calls and delays them, and runs the entrypoint as a process. Nothing is judged: docs/performance.md has the figures.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from attrs import evolve

from bench import environments
from bench.cases import Case, cases
from bench.environments import CACHE, Bare, Container, Environment, Failed, Started
from bench.figures import Result, table
from bench.stage import Stage

IN_CONTAINERS = ("missing input", "no-op", "no-op, nobody living")
IMAGE = "refresh-action-under-test"


def main() -> int:
    """Measure what is asked for."""
    asked = _arguments()
    CACHE.mkdir(parents=True, exist_ok=True)
    python = asked.interpreter or getattr(sys, "_base_executable", sys.executable)
    print(f"interpreter: {environments.described(python)}", file=sys.stderr)
    folder = asked.environment or environments.built(python)
    with_boto3 = environments.yardstick(python)
    bare = Bare(folder / "bin" / "python", folder / "entrypoint.py", with_boto3)
    results: list[Result] = []
    try:
        with Stage() as stage:
            if stage.lacking:
                print(f"left out: {stage.lacking}; the table is on moto, and history is not measured", file=sys.stderr)
            for case in _chosen(asked.cases, stage):
                results += _measured(case, stage, bare, asked.runs)
            if packages := environments.in_image(asked.image, with_boto3):
                results += _in_containers(asked, stage, packages)
            else:
                print(f"left out: containers, since no Docker engine has the image {asked.image}", file=sys.stderr)
    except Failed as failure:
        print(failure, file=sys.stderr)
        return 1
    print()
    print(table(results))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--cases", help="names, separated by semicolons [all]")
    parser.add_argument("--runs", type=int, help="of each case at each latency [9, and 3 of the thousands]")
    parser.add_argument("--interpreter", help="of which the environments are made [this one]")
    parser.add_argument("--environment", type=Path, help="folder with bin/python and entrypoint.py [made anew]")
    parser.add_argument("--image", default=IMAGE, help="measured in containers as well, where there is an engine")
    return parser.parse_args()


def _chosen(names: str | None, stage: Stage) -> list[Case]:
    known = {case.name: case for case in cases()}
    wanted = [name.strip() for name in names.split(";")] if names else list(known)
    if unknown := set(wanted) - set(known):
        sys.exit(f"no such case: {', '.join(sorted(unknown))}; there are: {'; '.join(known)}")
    chosen = [known[name] for name in wanted]
    return [case for case in chosen if not (stage.lacking and "ever" in case.name)]


def _measured(case: Case, stage: Stage, where: Environment, runs: int | None) -> list[Result]:
    results = []
    for result in case.measured(stage, where, runs or case.runs):
        print(result.written(), flush=True)
        results.append(result)
    return results


def _in_containers(asked: argparse.Namespace, stage: Stage, packages: Path) -> list[Result]:
    chosen = [case for case in _chosen(asked.cases, stage) if case.name in IN_CONTAINERS]
    places = {"in the image": Container(asked.image, packages), "docker run": Started(asked.image, packages)}
    return [
        result
        for title, place in places.items()
        for case in chosen
        for result in _measured(evolve(case, name=f"{title}: {case.name}"), stage, place, asked.runs)
    ]


if __name__ == "__main__":
    sys.exit(main())
