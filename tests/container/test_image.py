"""What is in the image, and what is not."""

from __future__ import annotations

import json
import subprocess

import pytest

from tools.image.reduced_models import KEPT

pytestmark = [pytest.mark.xdist_group("container"), pytest.mark.timeout(600)]

LOOK = """
import importlib.util, json, os, pathlib, shutil, sysconfig
from botocore.session import Session
packages = pathlib.Path(sysconfig.get_path("purelib"))
compiled = lambda each: pathlib.Path(importlib.util.cache_from_source(each)).exists()
print(json.dumps({
    "user": os.getuid(),
    "pip": importlib.util.find_spec("pip") is not None,
    "compilers": [each for each in ("cc", "gcc", "clang", "make") if shutil.which(each)],
    "tests": sorted(each.name for each in packages.iterdir() if each.name in ("tests", "test", "moto", "pytest")),
    "operations": {each: sorted(Session().get_service_model(each).operation_names)
                   for each in Session().get_available_services()},
    "models": sorted(each.name for each in (packages / "botocore" / "data").glob("*/*/*")),
    "without bytecode": [str(each) for each in packages.rglob("*.py") if not compiled(each)],
    "megabytes": sum(each.stat().st_size for each in packages.rglob("*") if each.is_file()) // 1_000_000,
}))
"""


def _docker(*words: str) -> str:
    done = subprocess.run(["docker", *words], check=True, capture_output=True, text=True)  # noqa: S603, S607 - docker
    return done.stdout


@pytest.mark.shows("A62")
def test_only_what_a_run_needs_is_in_the_image(image: str) -> None:
    """No installer, no compiler, no tests, no models of what is not called; bytecode for everything."""
    found = json.loads(_docker("run", "--rm", "--entrypoint", "/opt/refresh/bin/python", image, "-I", "-c", LOOK))
    assert found.pop("megabytes") < 40
    models = found.pop("models")
    assert set(models) == {"service-2.json", "endpoint-rule-set-1.json"}
    assert len(models) == 2 * len(KEPT)
    assert found == {
        "user": 0,
        "pip": False,
        "compilers": [],
        "tests": [],
        "operations": {service: sorted(names) for service, names in KEPT.items()},
        "without bytecode": [],
    }


def test_the_image_has_the_labels_that_registries_read(image: str) -> None:
    """In the labels that registries read."""
    (inspected,) = json.loads(_docker("image", "inspect", image))
    labels = inspected["Config"]["Labels"]
    assert labels["org.opencontainers.image.title"] == "refresh-action"
    assert {f"org.opencontainers.image.{each}" for each in ("description", "licenses")} <= set(labels)
    assert inspected["Config"]["User"] == ""


def test_without_variables_every_missing_input_is_reported(image: str) -> None:
    """Exit code 2, the remedy in each line."""
    done = subprocess.run(["docker", "run", "--rm", image], check=False, capture_output=True, text=True)  # noqa: S603, S607 - docker
    assert done.returncode == 2
    assert done.stdout.count("is required") == 7
