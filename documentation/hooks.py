"""Brings the pages that GitHub wants at the top of the repository into the site, and mends the links between the two."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.structure.files import File, Files

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
PAGES = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
"""Pages at the top, and what they are called in the site."""
_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)#]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the top."""
    for name, page in PAGES.items():
        text = _LINK.sub(lambda link: _from_the_top(link[1], config), (ROOT / name).read_text())
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, **_: Any) -> str:
    """Let links that leave docs/ lead to the site's page, or to the file on GitHub."""
    folder = posixpath.dirname(page.file.src_uri)

    def mended(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join("docs", folder, link[1]))
        if page.file.src_uri in PAGES.values() or target.startswith("docs/"):
            return link[1]
        found = _from_the_top(target, config)
        return posixpath.relpath(found, folder) if folder and ":" not in found else found

    return _LINK.sub(mended, markdown)


def _from_the_top(target: str, config: MkDocsConfig) -> str:
    if target in PAGES:
        return PAGES[target]
    if target.startswith("docs/"):
        return target.removeprefix("docs/")
    return f"{config.repo_url}/blob/main/{target}"
