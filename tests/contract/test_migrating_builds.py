"""docs/migrating.md is right about how builds change when they move."""

from __future__ import annotations

import re
from typing import Any

from refresh.inputs import provision, release
from tests import pages

_, RELEASE_DIFF, PROVISION_DIFF, SEVERAL_DIFF, SHORTEST_DIFF, _ = pages.blocks(pages.page("docs/migrating.md"), "diff")
DOOR = {
    "GITHUB_REPOSITORY": "octo/widgets",
    "GITHUB_RUN_ID": "77",
    "ACTIONS_ID_TOKEN_REQUEST_URL": "https://oidc.example/token",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "of-the-job",
}


def _of_a_door(given: dict[str, Any]) -> dict[str, str]:
    """Return the environment of a step with these inputs."""
    return DOOR | {f"INPUT_{name.upper()}": str(value) for name, value in given.items()}


def test_new_release_job_is_valid_and_has_what_a_release_needs() -> None:
    """An OIDC token, the right to read the run's jobs, and inputs that cause no warning."""
    before, after = (pages.side(RELEASE_DIFF, sign)["release"] for sign in "-+")
    assert (after["needs"], after["if"]) == (before["needs"], before["if"])
    assert after["permissions"] == {**before["permissions"], "actions": "read"}
    (step,) = after["steps"]
    loaded = release.load(_of_a_door(step["with"]))
    assert (loaded.desired.region, loaded.desired.labels, loaded.warnings) == ("eu-west-1", "77", ())


def test_new_provision_job_is_valid_and_asks_for_the_same() -> None:
    """Its inputs cause no warning; those of the original, which may stay, mean the same."""
    before, after = (pages.side(PROVISION_DIFF, sign)["provision"]["steps"][-1]["with"] for sign in "-+")
    given = (after, {**before, "role-to-assume": after["role-to-assume"]})
    now, then = (provision.load(_of_a_door(each)) for each in given)
    assert (now.desired, now.warnings) == (then.desired, ())


def test_several_provisions_of_a_run_get_labels_of_their_own_which_one_release_gives_back() -> None:
    """Each job asks for the label of one of them; before, all had the run's id."""
    before, after = (pages.side(SEVERAL_DIFF, sign) for sign in "-+")
    (step,), access = after["provision"]["steps"], {"aws-region": "eu-west-1"}
    rows = after["provision"]["strategy"]["matrix"]["include"]
    filled = [{name: row[re.sub(r"[ ${}]|matrix\.", "", text)] for name, text in step["with"].items()} for row in rows]
    loaded = [provision.load(_of_a_door({**access, **each})) for each in filled]
    labels = [each.desired.label for each in loaded]
    assert (labels, [each.warnings for each in loaded]) == (["77-build", "77-test"], [(), ()])
    assert before["test"]["runs-on"].replace("${{ github.run_id }}", "77") == "77"
    assert after["test"]["runs-on"].replace("${{ github.run_id }}", "77") in labels
    (step,) = after["release"]["steps"]
    given = release.load(_of_a_door({**access, **step["with"]})).desired
    assert all(given.has(each) for each in labels)


def test_shortest_form_gives_the_reusable_workflow_what_it_needs() -> None:
    job = pages.side(SHORTEST_DIFF, "+")["jobs"]["build"]
    assert job["uses"] == "org/refresh-action/.github/workflows/job.yml@v1"
    assert job["permissions"] == {"actions": "read", "contents": "read", "id-token": "write"}
    assert {"run", "aws-region", "provision-role", "release-role"} == {*job["with"]}
