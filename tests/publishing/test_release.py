"""The steps of a release, with real git and stand-ins for Docker, GitHub's CLI and cosign."""

from __future__ import annotations

import json
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest
import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests import pages
from tests.publishing.repository import DIGEST, OTHER_PACKAGES, ROOT, Run, called, git, published, tags
from tools.publishing import packages, publication
from tools.publishing.commands import CommandFailed, Commands
from tools.publishing.version import Version


def test_the_image_is_built_for_two_platforms_and_pushed_without_a_tag(run: Run, tmp_path: Path) -> None:
    """The following steps use its digest, an output of this one."""
    code, told = run("image", "1.2.3")
    assert code == 0, told
    (built,) = [call for call in called(tmp_path) if "buildx build" in call]
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
    code, told = published(run, packages_digest)
    assert code == 0, told
    named = f"docker://ghcr.io/org/refresh-action@{DIGEST}"
    assert tags(tmp_path) == {"v1": named, "v1.2.3": named}
    origin = tmp_path / "origin.git"
    changed = git(origin, "diff", "--stat", "main", "v1.2.3", "--", ":!composite/packages").splitlines()[-1]
    assert changed == " 1 file changed, 1 insertion(+), 1 deletion(-)"
    assert git(origin, "rev-list", "--count", "main..v1.2.3") == "1"
    carried = git(origin, "ls-tree", "-r", "--name-only", "v1.2.3:composite/packages").splitlines()
    assert {"six.py", "nacl/__init__.py", "compiled.txt"} <= set(carried)
    looked, create, edit, asked = called(tmp_path)
    assert looked == f"docker manifest inspect ghcr.io/org/refresh-action@{DIGEST}"
    assert create.startswith("gh release create v1.2.3 --repo=Org/refresh-action --verify-tag --draft")
    assert create.endswith(" ".join(f"build/release/refresh-action-1.2.3.{each}" for each in ("cdx.json", "tar.gz")))
    assert edit == "gh release edit v1.2.3 --repo=Org/refresh-action --draft=false --latest=true"
    assert asked.startswith("gh api repos/Org/refresh-action/releases/tags/v1.2.3")
    notes = (tmp_path / "clone" / "build" / "notes.md").read_text()
    assert notes.startswith("- Ends [more](https://github.com/Org/refresh-action/blob/v1.2.3/docs/x.md).\n")
    assert f"uses: Org/refresh-action@{git(origin, 'rev-parse', 'v1.2.3')} # v1.2.3" in notes
    (tmp_path / "action.yml").write_text(git(origin, "show", "v1:action.yml"))
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
    left, remedy = problem
    code, told = published(run, packages_digest, **variables)
    assert (code, [*tags(tmp_path)]) == (1, left)
    assert remedy in told
    assert ("git push origin :v1.2.3" in run("check", "1.2.3")[1]) is bool(left)


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


def test_a_file_that_lies_there_already_is_not_published(
    run: Run, checkout: Path, tmp_path: Path, packages_digest: str
) -> None:
    """All files of that folder are attested and published."""
    folder = checkout / "build" / "release"
    folder.mkdir(parents=True)
    (folder / "refresh-action-1.2.2.tar.gz").write_text("older")
    code, told = published(run, packages_digest)
    assert code == 0, told
    (create,) = [call for call in called(tmp_path) if call.startswith("gh release create")]
    assert "1.2.2" not in create


def test_the_code_of_the_packages_gets_no_token_of_the_release(run: Run, checkout: Path, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    (checkout / "tools" / "image" / "reduced_models.py").write_text(
        f"import os, pathlib\npathlib.Path({str(seen)!r}).write_text(str(dict(os.environ)))\n"
    )
    tokens = ("GH_TOKEN", "GITHUB_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ACTIONS_RUNTIME_TOKEN")
    code, told = run("packages", str(tmp_path / "made"), **dict.fromkeys(tokens, "secret-of-the-release"))
    assert code == 0, told
    assert "PATH" in seen.read_text()
    assert "secret-of-the-release" not in seen.read_text()


def test_a_reader_of_the_security_page_verifies_each_file_before_using_one(
    run: Run, checkout: Path, tmp_path: Path, packages_digest: str
) -> None:
    assert run("commit", "1.2.3", DIGEST, packages_digest)[0] == 0
    (block,) = pages.blocks(pages.page("SECURITY.md"), "shell")
    environ = {"PATH": f"{tmp_path / 'tools'}:/usr/bin:/bin", "LOG": str(tmp_path / "log")}
    command = ["bash", "-ec", block.replace("1.0.0", "1.2.3")]
    subprocess.run(command, cwd=checkout / "build" / "release", env=environ, check=True)  # noqa: S603 - the page's
    _, *verified, read = called(tmp_path)
    files = [each.rpartition(" ")[2] for each in verified if each.startswith("gh attestation verify ")]
    assert files == ["refresh-action-1.2.3.cdx.json", "refresh-action-1.2.3.tar.gz"]
    assert f" ghcr.io/org/refresh-action@{DIGEST} " in read


def test_the_floating_tag_stays_with_a_newer_version(
    run: Run, checkout: Path, tmp_path: Path, packages_digest: str
) -> None:
    for tag in ("v1.3.0", "v1"):
        git(checkout, "push", "--quiet", "origin", f"HEAD:refs/tags/{tag}")
    code, told = published(run, packages_digest)
    assert code == 0, told
    assert "v1 does not move" in told
    assert any(call.endswith("--draft=false --latest=false") for call in called(tmp_path))
    assert tags(tmp_path)["v1"] == "Dockerfile"


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


def test_the_marketplace_can_list_the_action() -> None:
    """It lists the action in the root, by its name, in a color, and with no longer description than this."""
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    assert {*action["branding"]} == {"icon", "color"}
    assert action["name"]
    assert len(action["description"]) <= 125
