"""Only pinned packages, images and actions are installed and started."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.fakes.world import ROOT

REQUIREMENTS = sorted((ROOT / "requirements").glob("*.txt"))
ENVIRONMENT = (ROOT / "tools" / "image" / "environment.sh").read_text().replace("\\\n", " ")
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
COMPOSITE = (ROOT / "composite" / "launch.sh").read_text().replace("\\\n", " ")
PINNED_IMAGE = re.compile(r"[a-z]+:[a-z0-9.-]+@sha256:[0-9a-f]{64}")


@pytest.mark.shows("A60")
@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.stem)
def test_every_package_is_pinned_to_a_version_and_hashes(path: Path) -> None:
    """None comes from an address or a branch."""
    text = path.read_text()
    pinned = [each for each in re.split(r"\n(?=[A-Za-z])", text) if re.match(r"[A-Za-z]", each)]
    assert pinned
    for each in pinned:
        assert re.match(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*[ \n]", each), each
        assert "--hash=sha256:" in each, each
    assert not re.search(r"^-|https?:|git\+|file:", text, re.MULTILINE)


@pytest.mark.shows("A60")
@pytest.mark.parametrize("text", [ENVIRONMENT, COMPOSITE], ids=["image", "composite"])
def test_nothing_is_installed_without_its_hash(text: str) -> None:
    """This holds for dependencies of dependencies as well; builds of pip have no network."""
    installs = re.findall(r"(?:-m pip|\$\{pip\[@\]\}\") (?:--python \S+ )?(?:install|wheel) [^&\n]*", text)
    assert installs
    for each in installs:
        assert "--require-hashes" in each or "--no-index" in each, each
        assert "--no-deps" in each or "build.txt" in each, each


@pytest.mark.shows("A62")
def test_the_image_is_made_of_one_pinned_base_and_packages() -> None:
    base, *others = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert re.fullmatch(r"python:[\d.]+-slim@sha256:[0-9a-f]{64}", base)
    assert set(others) == {"${BASE_IMAGE}"}
    assert "ARG BASE_IMAGE=base\n" in DOCKERFILE
    assert not re.search(r"\b(curl|wget|apt-get|ADD|git clone)\b", DOCKERFILE + ENVIRONMENT)


def _files(patterns: str) -> set[str]:
    """Return the files of the repository, or to be, with such names."""
    listed = ("git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", *patterns.split())
    done = subprocess.run(listed, check=True, capture_output=True, text=True)  # noqa: S603 - git
    return {each for each in done.stdout.splitlines() if (ROOT / each).exists()}


def _folders(ecosystem: str) -> set[str]:
    """Return the folders that Dependabot reads, without those below; "/" also stands for .github/workflows."""
    updates = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text())["updates"]
    (entry,) = [each for each in updates if each["package-ecosystem"] == ecosystem]
    return {each.strip("/") or "." for each in entry.get("directories", [entry.get("directory")])}


def _unread(files: set[str], ecosystem: str) -> set[str]:
    folders = {str(Path(each).parent) for each in files}
    return {"." if each == ".github/workflows" else each for each in folders} - _folders(ecosystem)


def test_every_pinned_version_has_an_updater() -> None:
    """Actions, images and packages. Of pages, which Dependabot does not read, none pins a version."""
    pins = re.compile(r"uses: *\S+@[0-9a-f]{40}")
    actions = {each for each in _files("*.yml *.yaml *.md") if pins.search((ROOT / each).read_text())}
    assert {"composite/action.yml", "provision/action.yml", "release/action.yml", ".github/workflows/ci.yml"} <= actions
    assert not _unread(actions, "github-actions")
    images = {each for each in _files("*ockerfile*") if PINNED_IMAGE.search((ROOT / each).read_text())}
    assert not _unread(images, "docker")
    assert not _unread({str(path.relative_to(ROOT)) for path in REQUIREMENTS}, "pip")


def test_every_image_is_pinned_in_a_from_line() -> None:
    """Dependabot reads neither an ARG nor other files; there is one Python."""
    pythons = set()
    for each in _files("*ockerfile*"):
        text = (ROOT / each).read_text()
        stages = {"${BASE_IMAGE}", *re.findall(r"^FROM \S+ AS (\S+)$", text, re.MULTILINE)}
        images = set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) - stages
        assert all(map(PINNED_IMAGE.fullmatch, images)), each
        assert set(re.findall(r"^ARG BASE_IMAGE(?:=(\S+))?$", text, re.MULTILINE)) <= stages, each
        pythons |= {name for name in images if name.startswith("python:")}
    assert len(pythons) == 1
    yaml_files = [(ROOT / each).read_text() for each in _files("*.yml *.yaml") if not each.startswith("docs/")]
    named = re.findall(r"^ *(?:image|container): *(\S+)", "\n".join(yaml_files), re.MULTILINE)
    assert set(named) <= {"Dockerfile", "refresh-action-under-test"}
