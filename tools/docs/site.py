"""Builds the documentation site strictly into FOLDER/site: python -m tools.docs.site [FOLDER], by default build.

Pages that GitHub expects at the top of the repository become pages of the site, and links between the two are
rewritten. The renderer of the diagrams is part of the site, so that a reader's browser loads nothing from other hosts.
"""

from __future__ import annotations

import posixpath
import re
import shutil
import subprocess
import sys
import sysconfig
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
CONFIGURATION = ROOT / "mkdocs.yml"
PAGES = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
"""Pages at the top, and their names in the site."""
RENDERER = resources.files("diagram_renderer") / "renderers" / "static" / "js" / "mermaid.min.js"
_DECISION = re.compile(r"decisions/0.*\.md")
"""Pages that neither the navigation nor the search has: their list has both, and names each."""
_MARKUP = re.compile(r"\[([^]]*)\]\([^)]*\)|[`*]")
_DESCRIPTION = 160
"""As many characters of a description as search engines show."""
_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)#]+)")
_ELSEWHERE = re.compile(rb"https://(?:unpkg\.com|cdn\.jsdelivr\.net|api\.github\.com|gitlab\.com)/")
"""Hosts that the theme's script would call for unused libraries and for a repository's stars."""


class Broken(Exception):
    """A page cannot be part of the site."""


def main(arguments: list[str]) -> int:
    """Build the site; return the generator's exit code, or 1 for pages that it would accept but should not."""
    folder = Path(arguments[0] if arguments else ROOT / "build").resolve()
    try:
        prepare(folder)
    except Broken as broken:
        sys.stderr.write(f"{broken}\n")
        return 1
    generator = str(Path(sysconfig.get_path("scripts")) / "zensical")
    command = [generator, "build", "--strict", "--clean", "--config-file", str(folder / CONFIGURATION.name)]
    built = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)  # noqa: S603 - our own pages
    if built.returncode:
        sys.stderr.write(built.stdout)
        return built.returncode
    for script in (folder / "site" / "assets" / "javascripts").rglob("*.js"):
        script.write_bytes(_ELSEWHERE.sub(b"about:blank#", script.read_bytes()))
    return 0


def prepare(folder: Path) -> None:
    """Write the generator's input: its configuration, all pages, the renderer and our parts of the theme."""
    pages = folder / "pages"
    for each in (pages, folder / "site", folder / "theme"):
        shutil.rmtree(each, ignore_errors=True)
    shutil.copytree(ROOT / "docs", pages)
    shutil.copytree(ROOT / "tools" / "docs" / "theme", folder / "theme")
    shutil.copy(CONFIGURATION, folder)
    for page in pages.rglob("*.md"):
        name = page.relative_to(pages).as_posix()
        page.write_text(_front_matter(page.read_text(), name) + _site_links(page.read_text(), name))
    for name, page_name in PAGES.items():
        (pages / page_name).write_text(_LINK.sub(lambda link: _from_the_top(link[1]), (ROOT / name).read_text()))
    (pages / "assets").mkdir()
    (pages / "assets" / "mermaid.min.js").write_bytes(RENDERER.read_bytes())
    _require_whole(pages)


def _require_whole(pages: Path) -> None:
    """Refuse what the generator accepts: pages outside the navigation, and links from the server's root."""
    listed = set(_listed(yaml.load(CONFIGURATION.read_text(), Loader=_Plain)["nav"]))  # noqa: S506 - our own file, no objects
    problems = []
    for page in sorted(pages.rglob("*.md")):
        name = page.relative_to(pages).as_posix()
        if name not in listed and not _DECISION.fullmatch(name):
            problems.append(f"{name}: not in the navigation of {CONFIGURATION.name}")
        problems += [
            f"{name}: absolute link {link[1]}" for link in _LINK.finditer(page.read_text()) if link[1][0] == "/"
        ]
    if problems:
        raise Broken("\n".join(problems))


class _Plain(yaml.SafeLoader):
    """Reads the configuration without loading the objects that its tags name."""


_Plain.add_multi_constructor("tag:yaml.org,2002:python/name:", lambda *_: None)


def _listed(navigation: object) -> Iterator[str]:
    match navigation:
        case str():
            yield navigation
        case list():
            for each in navigation:
                yield from _listed(each)
        case dict():
            for each in navigation.values():
                yield from _listed(each)


def _front_matter(text: str, page: str) -> str:
    """Describe the page to search engines by its first paragraph, and keep decisions out of the site's own search."""
    paragraphs = (each for each in text.split("\n\n") if each[:1].isalpha())
    description = " ".join(_MARKUP.sub(r"\1", next(paragraphs, "")).split())
    if len(description) > _DESCRIPTION:
        description = description[:_DESCRIPTION].rpartition(" ")[0] + " ..."
    settings: dict[str, object] = {"description": description} if description else {}
    if _DECISION.fullmatch(page):
        settings["search"] = {"exclude": True}
    return f"---\n{yaml.safe_dump(settings, width=1000)}---\n"


def _site_links(text: str, page: str) -> str:
    return _LINK.sub(lambda link: _from_docs(link[1], page), text)


def _from_docs(link: str, page: str) -> str:
    """Rewrite a link that leaves docs/ to the site's page, or to the file on GitHub."""
    folder = posixpath.dirname(page)
    target = posixpath.normpath(posixpath.join("docs", folder, link))
    if target.startswith("docs/") or link.startswith("/"):
        return link
    found = _from_the_top(target)
    return posixpath.relpath(found, folder) if folder and ":" not in found else found


def _from_the_top(target: str) -> str:
    if target in PAGES:
        return PAGES[target]
    if target.startswith("docs/"):
        return target.removeprefix("docs/")
    return f"https://github.com/org/refresh-action/blob/main/{target}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
