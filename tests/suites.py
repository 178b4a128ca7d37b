"""Which tests `make test` leaves to `make test-all`; `python -m tests.suites` lists them."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

LEFT_TO_TEST_ALL = {
    "tests/bench/test_page.py": "takes minutes",
    "tests/composite": "installs packages",
    "tests/container": "needs a Docker engine, and act",
    "tests/documentation/test_operations.py": "needs the AWS CLI",
    "tests/documentation/test_quick_start.py": "needs the AWS CLI",
    "tests/iam/test_runs.py": "takes minutes",
    "tests/iam/test_terraform.py": "needs Terraform",
    "tests/image": "reduces the models of AWS",
    "tests/instance": "needs a Docker engine",
    "tests/documentation/test_site.py": "builds the site, as `make docs` does",
    "tests/publishing": "downloads packages",
    "tests/scale": "needs Java and Maven for DynamoDB Local",
    "tests/process/test_provision_launches.py": "takes minutes",
    "tests/simulation": "takes minutes; make simulate runs it with a larger budget",
}
"""Folders and files, each with the reason. tests/conftest.py marks them `ci`; a test may carry the marker itself."""
WITHOUT_COVERAGE = ("tests/simulation",)
"""Folders whose tests run refresh/ so often that measuring its coverage would take minutes."""
ALL = os.environ.get("REFRESH_ALL_SUITES") == "1"
"""Whether a test that cannot run fails, as in CI."""
NIGHTLY = os.environ.get("REFRESH_BUDGET") == "nightly"
"""Whether suites that sample in CI run in full."""


def leave_out(absent: str) -> NoReturn:
    """Skip the test with this reason; in CI fail."""
    if ALL:
        pytest.fail(absent)
    pytest.skip(absent)


if __name__ == "__main__":
    print("Left to `make test-all`:")
    for path, reason in LEFT_TO_TEST_ALL.items():
        print(f"  {path}: {reason}")
