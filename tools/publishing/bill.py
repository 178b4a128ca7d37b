"""The bill of materials of the packages in the commit of a release, in CycloneDX's form. The image has its own.

https://cyclonedx.org/docs/1.6/json/
"""

from __future__ import annotations

import json
import re
import uuid
from importlib import metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from tools.publishing.version import Version


def text(folder: Path, repository: str, version: Version, digest: str, made: str) -> str:
    """Return the bill of a folder of packages as JSON; `made` is the time of the commit."""
    this = f"pkg:github/{repository.lower()}@{version.tag}"
    installed = sorted(metadata.distributions(path=[str(folder)]), key=lambda each: _normal(each.name))
    carried = {_normal(each.name): _carried(each) for each in installed}
    compiled = _compiled(folder)
    needed = [
        {"ref": carried[_normal(each.name)]["purl"], "dependsOn": _needs(each, carried | compiled)}
        for each in installed
    ]
    everything = [*carried.values(), *compiled.values()]
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": uuid.uuid5(uuid.NAMESPACE_URL, f"{this}#{digest}").urn,
        "version": 1,
        "metadata": {
            "timestamp": made,
            "lifecycles": [{"phase": "build"}],
            "component": _component("application", this, "refresh-action", str(version), _expression("MIT")),
            "properties": [{"name": "refresh-action:packages", "value": digest}],
        },
        "components": everything,
        "dependencies": [{"ref": this, "dependsOn": [each["purl"] for each in everything]}, *needed],
    }
    return json.dumps(bill, indent=2) + "\n"


def _carried(package: metadata.Distribution) -> dict[str, Any]:
    name = _normal(package.name)
    purl = f"pkg:pypi/{name}@{package.version}"
    return _component("library", purl, name, package.version, _licenses(package.metadata)) | {"scope": "required"}


def _licenses(said: metadata.PackageMetadata) -> list[dict[str, Any]]:
    """Return what a package says of its license, in the newest of the three forms that it uses."""
    if "License-Expression" in said:
        return _expression(said["License-Expression"])
    classified = [
        each.rpartition(" :: ")[2] for each in said.get_all("Classifier", []) if each.startswith("License ::")
    ]
    return [{"license": {"name": name}} for name in ([said["License"]] if "License" in said else classified)]


def _compiled(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the packages that are installed by their hashes when a GitHub App's key is used."""
    listed = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", (folder / "compiled.txt").read_text(), re.MULTILINE)
    return {
        _normal(name): _component("library", f"pkg:pypi/{_normal(name)}@{version}", name, version, [])
        | {"scope": "optional"}
        for name, version in listed
    }


def _component(kind: str, purl: str, name: str, version: str, licenses: list[dict[str, Any]]) -> dict[str, Any]:
    named = {"type": kind, "bom-ref": purl, "name": name, "version": version, "purl": purl}
    return named | ({"licenses": licenses} if licenses else {})


def _expression(text: str) -> list[dict[str, Any]]:
    return [{"expression": text}]


def _needs(package: metadata.Distribution, listed: dict[str, dict[str, Any]]) -> list[str]:
    """Return the packages of the bill that a package requires, without those that only its extras require."""
    required = [each for each in package.requires or () if "extra ==" not in each]
    names = sorted({_normal(re.split(r"[^A-Za-z0-9._-]", each)[0]) for each in required})
    return [listed[name]["purl"] for name in names if name in listed]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
