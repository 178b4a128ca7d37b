"""The documentation site is complete, and pages and workflows are valid."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from refresh import inputs
from refresh.inputs import command_line, table
from tests import pages
from tools.docs import site

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
TOP = [*ROOT.glob("*.md"), ROOT / ".github" / "pull_request_template.md"]
PAGES = [*TOP, *sorted((ROOT / "docs").rglob("*.md"))]
MAKEFILE = (ROOT / "Makefile").read_text()
TYPES = yaml.safe_load((ROOT / "action-types.yml").read_text())
WORKFLOWS = [*(ROOT / ".github" / "workflows").glob("*.yml"), *(ROOT / "docs" / "examples").glob("*.yml")]
_LINK = re.compile(r"\]\((?![a-z]+:|#)([^)#\s]+)")
_PIN = re.compile(r"[\w.-]+(?:/[\w.-]+)+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
_ELSEWHERE = r"""["'(]?(?:https?:)?//"""
_LOADED = (
    rf"<(?!a\b|link\b(?=[^>]*\brel=.?(?:canonical|next|prev)))[a-z]+\b[^>]*\s(?:src|srcset|data|href)={_ELSEWHERE}[^>]*",
    rf"""(?:@import\s+|url\(){_ELSEWHERE}[^)"']*""",
    rf"(?:fetch|import|importScripts|Worker|EventSource|WebSocket)\({_ELSEWHERE}",
    rf"\.src\s*=\s*{_ELSEWHERE}",
)
"""Patterns of what makes a browser load something from another host."""
_NOT_PINNED = ("org/refresh-action", "fleet-actions/ec2-runner-pool-manager")
"""This action as users write it, and an archived one, whose tags no longer move."""


def _named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site as `make docs` does, which fails for a broken link or a missing anchor."""
    folder = tmp_path_factory.mktemp("documentation")
    assert site.main([str(folder)]) == 0
    return folder / "site"


def test_site_has_every_diagram_and_the_script_that_draws_it(built: Path) -> None:
    shown = {page: page.read_text().count('class="mermaid"') for page in built.rglob("*.html")}
    in_site = [page for page in PAGES if page != ROOT / "README.md"]
    assert sum(shown.values()) == sum(page.read_text().count("```mermaid\n") for page in in_site) > 4
    for page in shown:
        scripts = re.findall(r'<script src="([^"]+mermaid[^"]+)"', page.read_text())
        assert [(page.parent / script).is_file() for script in scripts] == [True] or page.name == "404.html", page


def test_search_finds_the_list_of_decisions_and_no_single_one(built: Path) -> None:
    """So that a reader who looks for a guide finds it first; the list names and links each decision."""
    found = {item["location"].partition("#")[0] for item in json.loads((built / "search.json").read_text())["items"]}
    decisions = {page.parent.relative_to(built).as_posix() + "/" for page in built.glob("decisions/0*/index.html")}
    assert (len(decisions) > 20, found & decisions, "decisions/" in found) == (True, set(), True)
    listed = (built / "decisions" / "index.html").read_text()
    assert [each for each in decisions if f'href="{each.removeprefix("decisions/")}"' not in listed] == []


def test_site_loads_nothing_from_another_host(built: Path) -> None:
    """No script, style, font, image or frame; links for readers may lead anywhere. The theme's scripts would do it."""
    found = [
        f"{path.relative_to(built)}: {match[0][:120]}"
        for path in built.rglob("*")
        if path.suffix in {".html", ".css", ".js"}
        for pattern in _LOADED
        for match in re.finditer(pattern, path.read_text())
    ]
    assert found == []
    for script in (built / "assets" / "javascripts").rglob("*.js"):
        assert set(re.findall(r"https?://([\w.-]+)", script.read_text())) <= {"www.w3.org", "fontawesome.com"}, script
    assert not any('data-md-component="source"' in page.read_text() for page in built.rglob("*.html"))


@pytest.mark.parametrize(
    ("page", "text", "problem"),
    [
        ("top.md", "[x](docs/nowhere.md)", "page"),
        ("top.md", "[x](docs/access.md#nowhere)", "anchor"),
        ("top.md", "[x](/access.md)", "absolute"),
        ("docs/forgotten.md", "# Forgotten", "forgotten.md: not in the navigation"),
    ],
)
def test_site_with_a_bad_link_or_a_forgotten_page_is_refused(
    copied: Path, capfd: pytest.CaptureFixture[str], page: str, text: str, problem: str
) -> None:
    (copied / page).write_text(f"{text}\n")
    assert site.main([str(copied.parent / "build")]) == 1
    assert problem in capfd.readouterr().err


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy what the site is built from, with `top.md` as one more page at the top."""
    root = tmp_path / "root"
    shutil.copytree(ROOT / "docs", root / "docs")
    shutil.copytree(ROOT / "tools" / "docs" / "theme", root / "tools" / "docs" / "theme")
    for name in site.PAGES:
        shutil.copy(ROOT / name, root)
    (root / "top.md").touch()
    monkeypatch.setattr(site, "PAGES", {**site.PAGES, "top.md": "contributing.md"})
    monkeypatch.setattr(site, "ROOT", root)
    monkeypatch.setattr(site, "_from_the_top", lambda target: target.removeprefix("docs/"))
    return root


@pytest.mark.parametrize("page", PAGES, ids=_named)
def test_page_has_valid_shell_data_inputs_and_commands(page: Path, tmp_path: Path) -> None:
    """Parts of a step as well; whole workflows are also linted. The site checks links, except on pages at the top."""
    text = page.read_text()
    assert page not in TOP or [link for link in _LINK.findall(text) if not (page.parent / link).exists()] == []
    script = tmp_path / "shown.sh"
    script.write_text("\n".join(pages.blocks(text, "shell")))
    checked = subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True, check=False)  # noqa: S603, S607 - reads it
    assert checked.stderr == ""
    targets = set(re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[0].split())
    assert set(re.findall(r"`make ([\w-]+)", text)) <= targets
    for block in pages.blocks(text, "json"):
        json.loads(block)
    for block in pages.blocks(text, "yaml"):
        shown = yaml.safe_load(textwrap.dedent(block))
        given = [step for step in _steps_in(shown) if step["uses"].startswith("org/refresh-action")]
        assert [step for step in given if not {*(step.get("with") or {})} <= {*_inputs_of(step)}] == []
        assert not isinstance(shown, dict) or "github-app-id" not in shown or {*shown} <= {*inputs.ALL}


def _action_of(step: dict[str, Any]) -> str:
    """Return the action that a step uses."""
    found = re.match(r"org/refresh-action/(provision|release)@", step["uses"])
    return found[1] if found else table.REFRESH


def _inputs_of(step: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of its inputs, or of those of the reusable workflow that a job uses."""
    workflow = re.match(r"org/refresh-action/(\.github/workflows/.+)@", step["uses"])
    if workflow:
        # YAML 1.1 reads the key `on` as true.
        return tuple(yaml.safe_load((ROOT / workflow[1]).read_text())[True]["workflow_call"]["inputs"])
    return tuple(each.name for each in table.of(_action_of(step)))


def _steps_in(shown: object) -> Iterator[dict[str, Any]]:
    """Find the steps in a workflow, or in a part of one."""
    if isinstance(shown, dict):
        if "uses" in shown:
            yield shown
        shown = list(shown.values())
    if isinstance(shown, list):
        for each in shown:
            yield from _steps_in(each)


def test_commands_and_file_on_the_page_of_operations_are_complete(tmp_path: Path) -> None:
    page = pages.page("docs/operations.md")
    (shown,) = re.findall(r"^python -m refresh (plan --rep.*?)^```", page, re.DOTALL | re.MULTILINE)
    file = tmp_path / "pool.yml"
    file.write_text(next(block for block in pages.blocks(page, "yaml") if block.startswith("# pool.yml")))
    commands = (shown.replace("\\\n", " ").split(), ["plan", "--config", str(file)])
    loaded = [inputs.load(command_line.read(each, {"GH_TOKEN": "x" * 20}).environ).desired for each in commands]
    assert [each.mode.name for each in loaded] == ["PLAN", "PLAN"]
    assert [each.name for each in loaded[1].resource_classes] == ["large", "xlarge"]
    assert loaded[1].tags == (("cost-center", "4711"), ("team", "build"))


@pytest.mark.parametrize("kind", ["inputs", "outputs"])
def test_types_are_those_of_the_format(kind: str) -> None:
    """https://github.com/typesafegithub/github-actions-typing."""
    assert {each["type"] for each in TYPES[kind].values()} <= {"string", "boolean", "integer", "float", "enum", "list"}


def _steps(workflow: Path) -> list[dict[str, Any]]:
    jobs = yaml.safe_load(workflow.read_text())["jobs"].values()
    return [step for job in jobs for step in job.get("steps", ())]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=_named)
def test_workflow_gives_the_action_all_required_inputs(workflow: Path) -> None:
    """And no unknown ones, and either a token or an App."""
    steps = [step for step in _steps(workflow) if re.match(r"org/refresh-action|\./$", step.get("uses", ""))]
    doors = [step for step in steps if _action_of(step) != table.REFRESH]
    required = {"aws-region", "role-to-assume"}
    assert [step for step in doors if not required <= {*step["with"]} <= {*_inputs_of(step)}] == []
    for each in (step["with"] for step in steps if step not in doors):
        assert {*inputs.REQUIRED} <= {*each} <= {*inputs.REQUIRED, *inputs.OPTIONAL}
        assert ("github-token" in each) is not ("github-app-id" in each)
    own = ("ci.yml", "codeql.yml", "docs.yml", "nightly.yml", "release.yml", "scorecard.yml")
    assert steps or workflow.name in (*own, "notify-slack.yml", "notify-teams.yml")


def test_other_actions_are_pinned_by_the_same_commit_everywhere() -> None:
    """With the version next to it, which Dependabot updates together with the commit."""
    lines = [
        line for path in WORKFLOWS for line in path.read_text().splitlines() if re.search(r"\buses: (?!\./)", line)
    ]
    others = [line.partition("uses: ")[2] for line in lines if not any(name in line for name in _NOT_PINNED)]
    assert [each for each in others if not _PIN.fullmatch(each)] == []
    pins = {each.partition("@")[0]: each for each in others}
    assert {*others} == {*pins.values()}
