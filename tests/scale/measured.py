"""Run refresh as a process and write down what it cost: calls by name, peak memory, seconds.

python -m tests.scale.measured RESULT.json
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refresh.actions import main as process
from refresh.actions import refresh
from refresh.clients import aws, connect

if TYPE_CHECKING:
    from refresh.ports import Clients

# moto takes its time to describe thousands of instances, and that is not what is measured.
aws._READ_SECONDS = aws._EC2_READ_SECONDS = 300

calls: Counter[str] = Counter()
_connect = connect


def _counting(*args: Any) -> Clients:
    clients = _connect(*args)
    for client in (clients.dynamodb, clients.ec2, clients.sqs):
        client.meta.events.register("before-send", _count)
    return clients


def _count(event_name: str, **_: Any) -> None:
    service, operation = event_name.split(".")[1:]
    calls[f"{service}:{operation}"] += 1


def _peak_megabytes() -> int:
    """Read the peak of this program's memory; `getrusage` counts that of the process which started it as well."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def main() -> int:
    """Run, and write the figures to the file that is named."""
    refresh.connect = _counting  # type: ignore[assignment,attr-defined] # the same, counted
    started = time.monotonic()
    code = process.main()
    figures = {
        "exit code": code,
        "seconds": round(time.monotonic() - started, 1),
        "peak MB": _peak_megabytes(),
        "calls": dict(sorted(calls.items())),
    }
    Path(sys.argv[1]).write_text(json.dumps(figures), encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main())
