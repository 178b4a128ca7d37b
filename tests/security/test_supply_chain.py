"""What is installed and started is what was pinned: packages, image."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.fakes.world import ROOT

if TYPE_CHECKING:
    from pathlib import Path

REQUIREMENTS = sorted((ROOT / "requirements").glob("*.txt"))
ENVIRONMENT = (ROOT / "tools" / "image" / "environment.sh").read_text().replace("\\\n", " ")
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
COMPOSITE = (ROOT / "composite" / "launch.sh").read_text().replace("\\\n", " ")
PINNED_IMAGE = re.compile(r"[a-z]+:[a-z0-9.-]+@sha256:[0-9a-f]{64}")


@pytest.mark.shows("A60")
@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.stem)
def test_every_package_is_pinned_to_a_version_and_its_files_to_their_hashes(path: Path) -> None:
    """Another file under the same version is refused by pip; none comes from an address or a branch."""
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
    """Neither a dependency's dependency; what pip builds itself has no network to look for more."""
    installs = re.findall(r"(?:-m pip|\$\{pip\[@\]\}\") (?:--python \S+ )?(?:install|wheel) [^&\n]*", text)
    assert installs
    for each in installs:
        assert "--require-hashes" in each or "--no-index" in each, each
        assert "--no-deps" in each or "build.txt" in each, each


@pytest.mark.shows("A62")
def test_one_base_image_is_all_that_the_image_is_made_of() -> None:
    """Pinned by its digest; nothing else is fetched but packages with their hashes."""
    base, *others = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert re.fullmatch(r"python:[\d.]+-slim@sha256:[0-9a-f]{64}", base)
    assert set(others) == {"${BASE_IMAGE}"}
    assert "ARG BASE_IMAGE=base\n" in DOCKERFILE
    assert not re.search(r"\b(curl|wget|apt-get|ADD|git clone)\b", DOCKERFILE + ENVIRONMENT)


def _of_the_repository(names: str) -> set[str]:
    """Give the files with such names: those that git has, or would have."""
    listed = ("git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", *names.split())
    done = subprocess.run(listed, check=True, capture_output=True, text=True)  # noqa: S603 - git
    return {each for each in done.stdout.splitlines() if (ROOT / each).exists()}


def _updated(ecosystem: str) -> set[str]:
    """Give the files that Dependabot reads for an ecosystem, as its own source has it.

    GitHub's actions: of / action.yml and .github/workflows, of other folders their YAML. Docker: files with
    "dockerfile" in their names. pip: the .txt files. None reads folders below.
    """
    patterns = {"pip": ("*.txt",), "docker": ("*[Dd]ockerfile*",), "github-actions": ("*.yml", "*.yaml")}[ecosystem]
    found = set()
    for entry in yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text())["updates"]:
        for named in (
            entry.get("directories", [entry.get("directory")]) if entry["package-ecosystem"] == ecosystem else ()
        ):
            folder = ROOT / named.strip("/")
            found |= {path for pattern in patterns for path in folder.glob(pattern)}
            if ecosystem == "github-actions" and named == "/":
                found = {path for path in found if path.parent != ROOT} | set(ROOT.glob("action.y*ml"))
                found |= set((ROOT / ".github" / "workflows").glob("*.y*ml"))
    return {path.relative_to(ROOT).as_posix() for path in found}


def test_every_action_that_is_pinned_by_its_commit_has_an_updater() -> None:
    """In the workflows, in the composite action and in the examples; pages, which it does not read, pin none."""
    pins = re.compile(r"uses: *\S+@[0-9a-f]{40}")
    pinned = {each for each in _of_the_repository("*.yml *.yaml *.md") if pins.search((ROOT / each).read_text())}
    assert {"composite/action.yml", ".github/workflows/ci.yml", "docs/examples/build.yml"} <= pinned
    assert pinned <= _updated("github-actions")


def test_every_image_is_pinned_where_its_updater_reads_it() -> None:
    """Dependabot reads the literal images of FROM lines; it knows nothing of what an ARG names."""
    named = {}
    for each in _of_the_repository("*ockerfile*"):
        text = (ROOT / each).read_text()
        stages = {"${BASE_IMAGE}", *re.findall(r"^FROM \S+ AS (\S+)$", text, re.MULTILINE)}
        named[each] = set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) - stages
        assert set(re.findall(r"^ARG BASE_IMAGE(?:=(\S+))?$", text, re.MULTILINE)) <= stages, each
    assert {name for images in named.values() for name in images if not PINNED_IMAGE.fullmatch(name)} == set()
    assert {each for each, images in named.items() if images} <= _updated("docker")
    pythons = {name for images in named.values() for name in images if name.startswith("python:")}
    assert len(pythons) == 1
    elsewhere = re.compile(r"^ *(?:image|container): *(\S+)", re.MULTILINE)
    yaml_files = [each for each in _of_the_repository("*.yml *.yaml") if not each.startswith("docs/")]
    others = {name for each in yaml_files for name in elsewhere.findall((ROOT / each).read_text())}
    assert others <= {"Dockerfile", "refresh-action-under-test"}


def test_every_lock_file_has_an_updater() -> None:
    """All packages, of every environment."""
    assert {path.relative_to(ROOT).as_posix() for path in REQUIREMENTS} <= _updated("pip")
