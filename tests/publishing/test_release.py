"""The steps of a release, with real git and stand-ins for Docker, GitHub's CLI and cosign."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tools.publishing import image, packages, publication
from tools.publishing.commands import CommandFailed, Commands
from tools.publishing.version import Version

ROOT = Path(__file__).parents[2]
MANIFESTS = ("action.yml", "composite/action.yml", "provision/action.yml", "release/action.yml")
JOB, USED = ".github/workflows/job.yml", "Org/refresh-action/provision"
DIGEST = f"sha256:{'0123456789abcdef' * 4}"
DOCKER = f"""\
#!/bin/sh
echo "docker $*" >>"$LOG"
case "$*" in
*--metadata-file=*) mkdir -p build; echo '{{"containerimage.digest": "{DIGEST}"}}' >build/image.json ;;
'image inspect'*) echo {DIGEST} 60000000 ;;
run*) exit "${{STARTED:-2}}" ;;
manifest*) exit "${{PRIVATE:-0}}" ;;
esac
"""
GH = """\
#!/bin/sh
echo "gh $*" >>"$LOG"
case "$1" in api) echo "${IMMUTABLE:-true}" ;; esac
"""


# It can be started only with the packages of the commit.
PROGRAM = """\
import sys
import nacl, six
sys.exit(2 if sys.argv[1:] else 1)
"""
OTHER_PACKAGES = f"sha256:{'fedcba9876543210' * 4}"
Run = Callable[..., tuple[int, str]]


def _locked(*names: str) -> str:
    """Give the lines of these packages: one that is carried, one that is compiled, one that is not used."""
    each = re.split(r"\n(?=[a-z])", (ROOT / "requirements" / "runtime.txt").read_text())
    return "\n".join(lines for lines in each if lines.partition("==")[0] in names)


def _lay(path: Path, text: str) -> None:
    path.parent.mkdir()
    path.write_text(f"{text}\n")


def _git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false")
    command = ["git", "-C", str(folder), *identity, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603 - git


@pytest.fixture(scope="session")
def _wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Download the one package that a release of the tests carries."""
    folder = tmp_path_factory.mktemp("wheels")
    _lay(folder / "lock" / "six.txt", _locked("six"))
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "-r", str(folder / "lock" / "six.txt"), "-d", str(folder)], check=True)  # noqa: S603 - pip
    return folder


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Give a clone of a small repository that is ready for 1.2.3, as the workflow checks it out."""
    origin, clone = tmp_path / "origin.git", tmp_path / "clone"
    _git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", str(origin))
    _git(tmp_path, "clone", "--quiet", str(origin), str(clone))
    shutil.copytree(
        ROOT / "tools" / "publishing", clone / "tools" / "publishing", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("composite", "provision", "release", ".github/workflows"):
        (clone / name).mkdir(parents=True)
    for name in (*MANIFESTS, "composite/launch.sh", "Dockerfile"):
        shutil.copy(ROOT / name, clone / name)
    (clone / "entrypoint.py").write_text(PROGRAM)
    (clone / JOB).write_text(f"jobs: {{job: {{steps: [\n  - uses: {USED}@v1.2.3\n]}}}}\n")
    # Packages of which each stands for a kind, and no models to reduce.
    locked = re.split(r"\n(?=[a-z])", (ROOT / "requirements" / "runtime.txt").read_text())
    _lay(
        clone / "requirements" / "runtime.txt", "\n".join(each for each in locked if re.match("six|cffi|pynacl", each))
    )
    _lay(clone / "tools" / "image" / "reduced_models.py", "import six\n")
    (clone / "CHANGELOG.md").write_text("# Changelog\n\n## 1.2.3\n\n- Ends [more](docs/x.md).\n")
    (clone / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    _git(clone, "add", ".")
    _git(clone, "commit", "--quiet", "--message", "Prepare 1.2.3")
    _git(clone, "push", "--quiet", "origin", "HEAD:main")
    return clone


@pytest.fixture
def run(checkout: Path, _wheels: Path, tmp_path: Path) -> Run:
    """Give a way to run a step: exit code and what it said."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, script in (("docker", DOCKER), ("gh", GH), ("cosign", GH)):
        (tools / name).write_text(script)
        (tools / name).chmod(0o755)

    def started(*arguments: str, **changed: str) -> tuple[int, str]:
        environ = {
            "HOME": str(tmp_path),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(_wheels),
            "LOG": str(tmp_path / "log"),
            "PATH": f"{tools}:{os.environ['PATH']}",
            "GITHUB_REPOSITORY": "Org/refresh-action",
            "GITHUB_OUTPUT": str(tmp_path / "output"),
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{(tmp_path / 'origin.git').as_uri()}.insteadOf",
            "GIT_CONFIG_VALUE_0": "https://github.com/Org/refresh-action.git",
            **changed,
        }
        command = [sys.executable, "-m", "tools.publishing", *arguments]
        done = subprocess.run(command, cwd=checkout, env=environ, capture_output=True, text=True, check=False)  # noqa: S603 - ours
        return done.returncode, done.stdout + done.stderr

    return started


@pytest.fixture
def packages_digest(run: Run, tmp_path: Path) -> str:
    """Make the packages elsewhere, as another job of the workflow does."""
    code, told = run("packages", str(tmp_path / "elsewhere"))
    assert code == 0, told
    return told.strip().partition(": ")[2]


def _published(run: Run, packages: str, **variables: str) -> tuple[int, str]:
    """Commit and publish, as the workflow does."""
    code, told = run("commit", "1.2.3", DIGEST, packages, **variables)
    return (code, told) if code else run("publish", "1.2.3", DIGEST, **variables)


def _called(tmp_path: Path) -> list[str]:
    log = tmp_path / "log"
    return log.read_text().splitlines() if log.exists() else []


def _tags(tmp_path: Path) -> dict[str, str]:
    """Give the tags of the repository on GitHub, with what their commits say of the image."""
    origin = tmp_path / "origin.git"
    return {
        tag: re.findall(r"^  image: (.*)$", _git(origin, "show", f"{tag}:action.yml"), re.MULTILINE)[0]
        for tag in _git(origin, "tag").split()
    }


def test_the_image_is_built_for_two_platforms_and_pushed_without_a_tag(run: Run, tmp_path: Path) -> None:
    """The following steps use its digest, an output of this one."""
    code, told = run("image", "1.2.3")
    assert code == 0, told
    (built,) = [call for call in _called(tmp_path) if "buildx build" in call]
    assert "--platform=linux/amd64,linux/arm64" in built
    assert "BASE_IMAGE" not in built
    assert "name=ghcr.io/org/refresh-action,push-by-digest=true" in built
    assert "--provenance=mode=max --sbom=true" in built
    assert "--tag" not in built
    assert (tmp_path / "output").read_text() == f"name=ghcr.io/org/refresh-action\ndigest={DIGEST}\n"


def test_a_release_is_a_tagged_commit_that_names_the_image_and_has_the_packages(
    run: Run, tmp_path: Path, packages_digest: str
) -> None:
    """It stays a draft until it is complete. The floating tag moves last. By GitHub's schema it is an action."""
    assert run("check", "1.2.3") == (0, "")
    code, told = _published(run, packages_digest)
    assert code == 0, told
    named = f"docker://ghcr.io/org/refresh-action@{DIGEST}"
    assert _tags(tmp_path) == {"v1": named, "v1.2.3": named}
    origin = tmp_path / "origin.git"
    changed = _git(origin, "diff", "--stat", "main", "v1.2.3", "--", ":!composite/packages").splitlines()[-1]
    assert changed == " 1 file changed, 1 insertion(+), 1 deletion(-)"
    assert _git(origin, "rev-list", "--count", "main..v1.2.3") == "1"
    carried = _git(origin, "ls-tree", "-r", "--name-only", "v1.2.3:composite/packages").splitlines()
    assert {"six.py", "nacl/__init__.py", "compiled.txt"} <= set(carried)
    looked, create, edit, asked = _called(tmp_path)
    assert looked == f"docker manifest inspect ghcr.io/org/refresh-action@{DIGEST}"
    assert create.startswith("gh release create v1.2.3 --repo=Org/refresh-action --verify-tag --draft")
    assert create.endswith(" ".join(f"build/release/refresh-action-1.2.3.{each}" for each in ("cdx.json", "tar.gz")))
    assert edit == "gh release edit v1.2.3 --repo=Org/refresh-action --draft=false --latest=true"
    assert asked.startswith("gh api repos/Org/refresh-action/releases/tags/v1.2.3")
    notes = (tmp_path / "clone" / "build" / "notes.md").read_text()
    assert notes.startswith("- Ends [more](https://github.com/Org/refresh-action/blob/v1.2.3/docs/x.md).\n")
    assert f"uses: Org/refresh-action@{_git(origin, 'rev-parse', 'v1.2.3')} # v1.2.3" in notes
    (tmp_path / "action.yml").write_text(_git(origin, "show", "v1:action.yml"))
    checker = str(Path(sysconfig.get_path("scripts")) / "check-jsonschema")
    command = [checker, "--builtin-schema", "vendor.github-actions", str(tmp_path / "action.yml")]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - a linter
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ({"PRIVATE": "1"}, ([], "make the package public")),
        ({"IMMUTABLE": "false"}, (["v1.2.3"], "Enable release immutability")),
    ],
    ids=["image is private", "release can be changed"],
)
def test_a_bad_release_fails_before_the_floating_tag_moves(
    run: Run, tmp_path: Path, packages_digest: str, variables: dict[str, str], problem: tuple[list[str], str]
) -> None:
    """No workflow that names v1 gets it, and it is not published again until its tag is deleted."""
    tags, remedy = problem
    code, told = _published(run, packages_digest, **variables)
    assert (code, [*_tags(tmp_path)]) == (1, tags)
    assert remedy in told
    assert ("git push origin :v1.2.3" in run("check", "1.2.3")[1]) is bool(tags)


@pytest.mark.shows("A60")
def test_packages_that_differ_on_another_machine_are_not_released(run: Run, tmp_path: Path) -> None:
    code, told = _published(run, OTHER_PACKAGES)
    assert (code, _tags(tmp_path)) == (1, {})
    assert "packages differ" in told


@pytest.mark.parametrize("change", ["another file", "another content"])
def test_the_packages_of_a_release_can_be_compared(run: Run, checkout: Path, packages_digest: str, change: str) -> None:
    """By the command that makes them."""
    assert run("packages", "composite/packages") == (0, f"composite/packages: {packages_digest}\n")
    folder = checkout / "composite" / "packages"
    if change == "another file":
        _lay(folder / "__pycache__" / "six.cpython-314.pyc", "")
    else:
        (folder / "six.py").write_text("import os\n")
    code, told = run("packages", "composite/packages")
    assert (code, "composite/packages is not what the lock file makes" in told) == (1, True)


def test_a_package_with_another_hash_is_not_released(run: Run, checkout: Path) -> None:
    lock = checkout / "requirements" / "runtime.txt"
    lock.write_text(re.sub("(?m)(?<=--hash=sha256:)[0-9a-f]{8}", "00000000", lock.read_text()))
    code, told = run("packages", "composite/packages")
    assert (code, "THESE PACKAGES DO NOT MATCH THE HASHES" in told) == (1, True)


@pytest.mark.parametrize(
    "step", [("check", "1.2.3"), ("commit", "1.2.3", DIGEST, OTHER_PACKAGES), ("publish", "1.2.3", DIGEST)]
)
def test_only_the_newest_commit_of_the_default_branch_is_released(
    run: Run, checkout: Path, tmp_path: Path, step: tuple[str, ...]
) -> None:
    """The branch may move on while tests run and a reviewer decides."""
    if step[0] == "publish":
        _git(checkout, "commit", "--quiet", "--allow-empty", "--message", "Release 1.2.3")
        _git(checkout, "tag", "v1.2.3")
    newer = _git(checkout, "commit-tree", "HEAD^{tree}", "-m", "x")
    _git(checkout, "push", "--quiet", "origin", f"{newer}:main", "--force")
    code, told = run(*step)
    assert (code, _tags(tmp_path)) == (1, {})
    assert "the default branch has moved on" in told


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("README.md", "uses: org/refresh-action@v1"),
        ("x.yml", "url: https://org.github.io/refresh-action/messages/"),
        (".github/CODEOWNERS", "* @org/refresh-action-maintainers"),
    ],
    ids=["a workflow of a page", "an address of the site", "the reviewers"],
)
def test_files_that_name_another_repository_are_not_released(run: Run, checkout: Path, name: str, text: str) -> None:
    """A workflow pasted from them would run the action of another owner."""
    (checkout / name).write_text(f"{text}\n{text.replace('org', 'my-org', 1)}\n")
    _git(checkout, "add", name)
    code, told = run("check", "1.2.3")
    assert (code, f"org/refresh-action is in 1 files ({name}, ...)" in told) == (1, True)
    (checkout / name).write_text(text.replace("org", "my-org", 1))
    assert run("check", "1.2.3") == (0, "")


@pytest.mark.parametrize("used", ["Org/refresh-action/release@v1", "org/refresh-action@v1.2.2"])
def test_a_workflow_that_is_pinned_pins_the_actions_that_it_uses(run: Run, checkout: Path, used: str) -> None:
    """The commit of a release cannot change it, because GitHub lets no workflow's token push that."""
    with (checkout / JOB).open("a") as file:
        file.write(f"  - uses: {used} # v1.2.3\n")
    code, told = run("check", "1.2.3")
    assert code == 1
    assert f"{JOB} uses Org/refresh-action at {used.partition('@')[2]}; change it to v1.2.3" in told


def test_an_action_that_does_not_start_from_its_commit_is_not_released(
    run: Run, checkout: Path, tmp_path: Path, packages_digest: str
) -> None:
    (checkout / "entrypoint.py").write_text("import attrs\n")
    _git(checkout, "commit", "--quiet", "--all", "--message", "x")
    _git(checkout, "push", "--quiet", "origin", "HEAD:main")
    code, told = _published(run, packages_digest)
    assert (code, "No module named 'attrs'" in told, _tags(tmp_path)) == (1, True, {})


def test_the_files_of_a_release_are_its_commit_and_a_valid_bill_of_its_packages(
    run: Run, checkout: Path, tmp_path: Path, packages_digest: str
) -> None:
    """The bill lists what the commit carries as required, and what only an App needs as optional."""
    assert run("commit", "1.2.3", DIGEST, packages_digest)[0] == 0
    folder = checkout / "build" / "release"
    shutil.unpack_archive(folder / "refresh-action-1.2.3.tar.gz", tmp_path / "unpacked", filter="data")
    unpacked = tmp_path / "unpacked" / "refresh-action-1.2.3"
    assert f"docker://ghcr.io/org/refresh-action@{DIGEST}" in (unpacked / "action.yml").read_text()
    assert packages.digest(unpacked / "composite" / "packages") == packages_digest
    text = (folder / "refresh-action-1.2.3.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    listed = {each["purl"].partition("@")[0]: each for each in json.loads(text)["components"]}
    scopes = {purl: each["scope"] for purl, each in listed.items()}
    assert scopes == {"pkg:pypi/six": "required", "pkg:pypi/cffi": "optional"}
    assert listed["pkg:pypi/six"]["licenses"] == [{"license": {"name": "MIT"}}]


def test_the_floating_tag_stays_with_a_newer_version(
    run: Run, checkout: Path, tmp_path: Path, packages_digest: str
) -> None:
    for tag in ("v1.3.0", "v1"):
        _git(checkout, "push", "--quiet", "origin", f"HEAD:refs/tags/{tag}")
    code, told = _published(run, packages_digest)
    assert code == 0, told
    assert "v1 does not move" in told
    assert any(call.endswith("--draft=false --latest=false") for call in _called(tmp_path))
    assert _tags(tmp_path)["v1"] == "Dockerfile"


def test_a_dry_run_shows_every_step_and_publishes_nothing(run: Run, checkout: Path, tmp_path: Path) -> None:
    """It builds and commits outside the working tree."""
    before = _git(checkout, "status", "--short", "--branch")
    code, told = run("dry-run", "1.2.3")
    assert code == 0, told
    for word in ("docker buildx build", "cosign sign", "gh release create", "gh release edit", "push --force"):
        assert re.search(rf"^not run: .*{word}", told, re.MULTILINE), word
    for subject in (f"ghcr.io/org/refresh-action@{DIGEST}", "build/release/*"):
        assert f"not run: the action actions/attest-build-provenance for {subject}" in told
    assert told.count("started from the commit's packages") == 3
    assert not [call for call in _called(tmp_path) if re.search(r"^gh|buildx|push", call)]
    assert (_tags(tmp_path), _git(checkout, "status", "--short", "--branch")) == ({}, before)
    assert f"+  image: docker://ghcr.io/org/refresh-action@{DIGEST}" in told


def test_a_dry_run_reports_refusals_and_goes_on(run: Run) -> None:
    code, told = run("dry-run", "1.2.4")
    assert (code, told.count("THE RELEASE WOULD BE REFUSED: ")) == (0, 3)


def test_an_image_that_does_not_start_fails_the_dry_run(run: Run) -> None:
    """Without inputs the program ends with 2."""
    code, told = run("dry-run", "1.2.3", STARTED="0")
    assert (code, "error: exit code 0: docker run" in told) == (1, True)


def test_a_platform_that_this_machine_cannot_run_is_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(image, "_EMULATORS", tmp_path)
    monkeypatch.setattr(image, "_tried", lambda *_: DIGEST)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    assert image.try_out(Commands(tmp_path, dry=True), "name", Version(1, 2, 3)) == DIGEST
    assert "LEFT OUT: linux/arm64" in capfd.readouterr().out
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(CommandFailed, match="none of"):
        image.try_out(Commands(tmp_path, dry=True), "name", Version(1, 2, 3))


def test_the_workflow_runs_the_steps_in_order() -> None:
    """Signature and attestation are of the image that the commit names afterwards."""
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())["jobs"]
    steps = [step.get("run") or step["uses"].partition("@")[0] for step in jobs["release"]["steps"]]
    ours = [each.removeprefix("python3 -m tools.publishing ").partition(" ")[0] for each in steps]
    attest = "actions/attest-build-provenance"
    order = ["check", "image", "cosign", attest, "commit", attest, "publish"]
    assert [each for each in ours if each in order] == order
    assert (jobs["test"]["needs"], jobs["release"]["needs"]) == ("check", ["test", "packages"])


@pytest.mark.parametrize(
    ("arguments", "code"), [((), 2), (("check",), 2), (("commit", "1.2.3", DIGEST), 2), (("check", "1.2"), 1)]
)
def test_unknown_steps_and_arguments_are_refused(run: Run, arguments: tuple[str, ...], code: int) -> None:
    assert run(*arguments)[0] == code


@pytest.mark.parametrize("named", ["name", "name@latest", f"name@{DIGEST}0"])
def test_an_image_without_its_digest_is_not_committed(tmp_path: Path, named: str) -> None:
    with pytest.raises(ValueError, match="digest"):
        publication.commit(Commands(tmp_path, dry=True), Version(1, 2, 3), named, OTHER_PACKAGES)


def test_an_action_that_names_an_image_already_is_not_released() -> None:
    with pytest.raises(ValueError, match="Dockerfile"):
        publication.with_image("runs:\n  image: docker://x\n", "y")


def test_a_command_that_fails_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed):
        Commands(tmp_path, dry=False).ask("false")
