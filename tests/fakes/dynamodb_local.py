"""Amazon's own DynamoDB Local: started where Java and Maven are, and required where every suite is asked for."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Self

ROOT = Path(__file__).parents[2]
LIBRARIES = ROOT / ".cache" / "dynamodb-local"
_READY = LIBRARIES / "complete"
_START_SECONDS = 60


def lacking() -> str:
    """Say what it needs and this machine does not have; "" where it can run."""
    absent = [name for name in ("java", "mvn") if not shutil.which(name)]
    return f"DynamoDB Local needs {' and '.join(absent)}" if absent else ""


def fetch() -> None:
    """Fetch its libraries through Maven, once; test workers wait for each other."""
    LIBRARIES.mkdir(parents=True, exist_ok=True)
    with (LIBRARIES / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _READY.exists():
            return
        pom = Path(__file__).with_name("dynamodb_local.xml")
        command = ["mvn", "--batch-mode", "--quiet", "--file", str(pom), "dependency:copy-dependencies"]
        subprocess.run([*command, f"-DoutputDirectory={LIBRARIES}"], check=True, timeout=600)  # noqa: S603 - fixed words
        _READY.touch()


class DynamoDBLocal:
    """A DynamoDB endpoint on a free port, in memory."""

    def __enter__(self) -> Self:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        main = "com.amazonaws.services.dynamodbv2.local.main.ServerRunner"
        command = ["java", f"-Djava.library.path={LIBRARIES}", "-cp", f"{LIBRARIES}/*", main]
        self._process = subprocess.Popen(  # noqa: S603 - fixed words
            [*command, "-inMemory", "-sharedDb", "-disableTelemetry", "-port", str(self._port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "AWS_REGION": "eu-west-1"},
        )
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self._port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return self
        self.__exit__()
        raise TimeoutError("DynamoDB Local did not start")

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(30)

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"http://127.0.0.1:{self._port}"
