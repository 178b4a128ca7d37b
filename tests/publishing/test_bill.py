"""The bill of materials says which package needs which."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tools.publishing import bill
from tools.publishing.version import Version

if TYPE_CHECKING:
    from pathlib import Path


def _install(folder: Path, name: str, *required: str) -> None:
    place = folder / f"{name}-1.0.dist-info"
    place.mkdir()
    needs = "".join(f"Requires-Dist: {each}\n" for each in required)
    (place / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\n{needs}")


def test_a_package_needs_what_it_requires_and_not_what_only_its_extras_require(tmp_path: Path) -> None:
    _install(tmp_path, "Some_Client", "token.reader[sealed]>=1", "absent; python_version < '3'")
    _install(tmp_path, "token_reader", 'sealing; extra == "sealed"')
    (tmp_path / "compiled.txt").write_text("sealing==2.0 \\\n    --hash=sha256:00\n")
    made = json.loads(bill.text(tmp_path, "Org/x", Version(1, 2, 3), "sha256:0", "2026-01-31T00:00:00Z"))
    client, reader, sealing = "pkg:pypi/some-client@1.0", "pkg:pypi/token-reader@1.0", "pkg:pypi/sealing@2.0"
    assert {each["ref"]: each["dependsOn"] for each in made["dependencies"]} == {
        "pkg:github/org/x@v1.2.3": [client, reader, sealing],
        client: [reader],
        reader: [],
    }
