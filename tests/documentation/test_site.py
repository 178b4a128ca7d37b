"""The documentation site is whole, and what its pages and the repository's own say can be done."""

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
from refresh.inputs import command_line
from tests import pages
from tests.fakes.literals import good
from tools.docs import site

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
TOP = [*ROOT.glob("*.md"), ROOT / ".github" / "pull_request_template.md"]
PAGES = [*TOP, *sorted((ROOT / "docs").rglob("*.md"))]
MAKEFILE = (ROOT / "Makefile").read_text()
ACTION, TYPES = (yaml.safe_load((ROOT / name).read_text()) for name in ("action.yml", "action-types.yml"))
WORKFLOWS = [*(ROOT / ".github" / "workflows").glob("*.yml"), *(ROOT / "docs" / "examples").glob("*.yml")]
_LINK = re.compile(r"\]\((?![a-z]+:|#)([^)#\s]+)")
_PIN = re.compile(r"[\w.-]+(?:/[\w.-]+)+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
_ELSEWHERE = r"""["'(]?(?:https?:)?//"""
_LOADED = {
    ".html": (
        rf"<(?:script|img|iframe|source|video|audio|embed|object)\b[^>]*\b(?:src|srcset|data)={_ELSEWHERE}[^>]*",
        rf"<link\b(?=[^>]*\brel=.?(?:stylesheet|\w*preload|prefetch|preconnect|dns-prefetch|icon))[^>]*\bhref={_ELSEWHERE}[^>]*",
        rf"""(?:@import\s+|url\(){_ELSEWHERE}[^)"']*""",
    ),
    ".css": (rf"""(?:@import\s+|url\(){_ELSEWHERE}[^)"']*""",),
    ".js": (
        rf"""(?:fetch|import|importScripts|Worker|EventSource|WebSocket)\({_ELSEWHERE}[^)"']*""",
        rf"""\.src\s*=\s*{_ELSEWHERE}[^;]*""",
    ),
}
"""What makes a browser ask another host, as far as the text of a file shows it."""
_NOT_PINNED = ("org/refresh-action", "fleet-actions/ec2-runner-pool-manager")
"""This action, as its users write it, and one whose tags move no more."""


def _named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site as `make docs` does: a broken link or a missing anchor is an error."""
    folder = tmp_path_factory.mktemp("documentation")
    assert site.main([str(folder)]) == 0
    return folder / "site"


def test_the_site_has_every_diagram_and_the_script_that_draws_it(built: Path) -> None:
    """On the pages that have one."""
    shown = {page: page.read_text().count('class="mermaid"') for page in built.rglob("*.html")}
    assert sum(shown.values()) == sum(page.read_text().count("```mermaid\n") for page in PAGES) > 4
    for page in shown:
        scripts = re.findall(r'<script src="([^"]+mermaid[^"]+)"', page.read_text())
        assert [(page.parent / script).is_file() for script in scripts] == [True] or page.name == "404.html", page


def test_nothing_of_the_site_is_loaded_from_another_host(built: Path) -> None:
    """No script, style, font, image or frame; links that a reader follows may lead anywhere."""
    found = [
        f"{path.relative_to(built)}: {match[0][:120]}"
        for path in built.rglob("*")
        if path.suffix in _LOADED
        for pattern in _LOADED[path.suffix]
        for match in re.finditer(pattern, path.read_text())
    ]
    assert found == []


def test_the_theme_s_scripts_know_no_other_host(built: Path) -> None:
    """They would ask GitHub for a repository's stars, and others for libraries."""
    for script in (built / "assets" / "javascripts").rglob("*.js"):
        assert set(re.findall(r"https?://([\w.-]+)", script.read_text())) <= {"www.w3.org", "fontawesome.com"}, script
    assert not any('data-md-component="source"' in page.read_text() for page in built.rglob("*.html"))


@pytest.mark.parametrize(
    ("link", "problem"), [("nowhere.md", "page"), ("access.md#nowhere", "anchor"), ("/access.md", "absolute")]
)
def test_a_site_with_a_broken_link_is_not_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], link: str, problem: str
) -> None:
    """Nor one with a link from the root of the server."""
    monkeypatch.setattr(site, "PAGES", {**site.PAGES, "top.md": "contributing.md"})
    monkeypatch.setattr(site, "ROOT", _copied(tmp_path / "root"))
    (tmp_path / "root" / "top.md").write_text(f"[x](docs/{link})" if link[0] != "/" else f"[x]({link})")
    monkeypatch.setattr(site, "_from_the_top", lambda target: target.removeprefix("docs/"))
    assert site.main([str(tmp_path / "build")]) == 1
    assert problem in capfd.readouterr().err


def test_a_page_that_is_not_in_the_navigation_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nobody would find it."""
    root = _copied(tmp_path / "root")
    (root / "docs" / "forgotten.md").write_text("# Forgotten\n")
    monkeypatch.setattr(site, "ROOT", root)
    assert site.main([str(tmp_path / "build")]) == 1
    assert "forgotten.md: not in the navigation" in capfd.readouterr().err


def _copied(root: Path) -> Path:
    shutil.copytree(ROOT / "docs", root / "docs")
    shutil.copytree(ROOT / "tools" / "docs" / "theme", root / "tools" / "docs" / "theme")
    for name in site.PAGES:
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, root)
    return root


@pytest.mark.parametrize("page", TOP, ids=_named)
def test_links_of_the_pages_at_the_top_lead_somewhere(page: Path) -> None:
    """GitHub shows them as they are; those of the others are the site's."""
    assert [link for link in _LINK.findall(page.read_text()) if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=_named)
def test_shell_on_a_page_is_shell(page: Path, tmp_path: Path) -> None:
    """And calls commands of make that there are."""
    script = tmp_path / "shown.sh"
    script.write_text("\n".join(pages.blocks(page.read_text(), "shell")))
    checked = subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True, check=False)  # noqa: S603, S607 - reads it
    assert checked.stderr == ""
    targets = set(re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[0].split())
    assert set(re.findall(r"`make ([\w-]+)", page.read_text())) <= targets


def _steps_in(shown: object) -> Iterator[dict[str, Any]]:
    """Find the steps in a workflow, or in a part of one."""
    if isinstance(shown, dict):
        if "uses" in shown:
            yield shown
        shown = list(shown.values())
    if isinstance(shown, list):
        for each in shown:
            yield from _steps_in(each)


@pytest.mark.parametrize("page", PAGES, ids=_named)
def test_data_on_a_page_can_be_read_and_names_inputs_that_there_are(page: Path) -> None:
    """Parts of a step as well; whole workflows are linted besides."""
    for block in pages.blocks(page.read_text(), "json"):
        json.loads(block)
    for block in pages.blocks(page.read_text(), "yaml"):
        shown = yaml.safe_load(textwrap.dedent(block))
        for step in _steps_in(shown):
            if step["uses"].startswith("org/refresh-action"):
                assert {*(step.get("with") or ())} <= {*inputs.ALL}
        if isinstance(shown, dict) and "github-app-id" in shown:
            assert {*shown} <= {*inputs.ALL}


def test_the_command_line_on_a_page_is_taken() -> None:
    """Each option is there, and with them the inputs are whole."""
    page = (ROOT / "docs" / "operations.md").read_text()
    (shown,) = re.findall(r"^python -m refresh (plan --rep.*?)^```", page, re.DOTALL | re.MULTILINE)
    command = command_line.read(shown.replace("\\\n", " ").split(), {"GH_TOKEN": "x" * 20})
    assert inputs.load(command.environ).desired.mode.name == "PLAN"


def test_the_file_of_the_command_line_on_a_page_is_taken(tmp_path: Path) -> None:
    """With the options beside it, the inputs are whole."""
    page = (ROOT / "docs" / "operations.md").read_text()
    (shown,) = re.findall(r"^```yaml\n(# pool.yml\n.*?)^```", page, re.DOTALL | re.MULTILINE)
    file = tmp_path / "pool.yml"
    file.write_text(shown)
    command = command_line.read(["plan", "--config", str(file)], {"GH_TOKEN": "x" * 20})
    desired = inputs.load(command.environ).desired
    assert [each.name for each in desired.resource_classes] == ["large", "xlarge"]
    assert desired.tags == (("cost-center", "4711"), ("team", "build"))


@pytest.mark.parametrize("kind", ["inputs", "outputs"])
def test_every_input_and_output_has_a_type(kind: str) -> None:
    """In their order; https://github.com/typesafegithub/github-actions-typing knows six."""
    assert list(TYPES[kind]) == list(ACTION[kind])
    assert {each["type"] for each in TYPES[kind].values()} <= {"string", "boolean", "integer", "float", "enum", "list"}


def _typical() -> list[tuple[str, str]]:
    """Give values that the types allow, where a type says which."""
    for_types = {"boolean": ["true", "false"], "integer": ["60"]}
    return [
        (name, value)
        for name, each in TYPES["inputs"].items()
        if name not in ("metadata-hop-limit", "github-reg-token-refresh-min", *inputs.IGNORED)
        for value in each.get("allowed-values", for_types.get(each["type"], []))
    ]


@pytest.mark.parametrize(("name", "value"), _typical())
def test_what_a_type_allows_is_taken(name: str, value: str) -> None:
    """Editors and generated code go by the types."""
    inputs.load(good(**{f"INPUT_{name.upper()}": value}))


def _steps(workflow: Path) -> list[dict[str, Any]]:
    jobs = yaml.safe_load(workflow.read_text())["jobs"].values()
    return [step for job in jobs for step in job.get("steps", ())]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=_named)
def test_a_workflow_gives_the_action_what_it_needs(workflow: Path) -> None:
    """Only inputs that exist, all that are required; one of the two ways to ask GitHub."""
    given = [step["with"] for step in _steps(workflow) if re.match(r"org/refresh-action|\./$", step.get("uses", ""))]
    for each in given:
        assert {*inputs.REQUIRED} <= {*each} <= {*inputs.REQUIRED, *inputs.OPTIONAL}
        assert ("github-token" in each) is not ("github-app-id" in each)
    assert given or workflow.name in ("build.yml", "ci.yml", "docs.yml", "nightly.yml", "release.yml")


def test_other_actions_are_named_by_their_commit_the_same_everywhere() -> None:
    """With the version beside it, which Dependabot moves together with the commit."""
    lines = [
        line for path in WORKFLOWS for line in path.read_text().splitlines() if re.search(r"\buses: (?!\./)", line)
    ]
    others = [line.partition("uses: ")[2] for line in lines if not any(name in line for name in _NOT_PINNED)]
    assert [each for each in others if not _PIN.fullmatch(each)] == []
    pins = {each.partition("@")[0]: each for each in others}
    assert {*others} == {*pins.values()}
