"""Findings about an image, on which a shell script and GitHub's Linux runner must run; pure.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Image.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh.preflight.findings import Findings
from refresh.text import enumerated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from refresh.desired import DesiredState
    from refresh.preflight.image_lookup import Image

ARCHITECTURES = ("x86_64", "arm64")
"""Architectures that have a runner."""


def judged(desired: DesiredState, name: str, image: Image) -> Findings:
    """Judge an existing image; a member that EC2 does not report is no finding."""
    return Findings(
        tuple(f"ami: {name} {each}" for each in _problems(image)),
        tuple(f"ami: {name} {each}" for each in _warnings(desired, image)),
        tuple(f"ami: {name} {each}" for each in _notes(image)),
    )


def _problems(image: Image) -> Iterator[str]:
    described = image.described
    kind, architecture = described.get("ImageType", "machine"), described.get("Architecture", ARCHITECTURES[0])
    if kind != "machine":
        yield f"is a {kind} image, which cannot launch instances; choose a machine image."
    elif described.get("Platform") == "windows":
        yield "runs Windows, but the agent is a shell script for Linux; choose a Linux image."
    elif architecture not in ARCHITECTURES:
        yield (
            f"is built for {architecture}, for which GitHub has no Linux runner; choose an image for "
            f"{' or '.join(ARCHITECTURES)}."
        )


def _warnings(desired: DesiredState, image: Image) -> Iterator[str]:
    described = image.described
    if image.kept and not desired.delete_volumes_on_termination:
        replaced = {image.device_name} if desired.root_volume else set()
        if kept := [each for each in image.kept if each not in replaced]:
            yield (
                f"keeps the volumes at {enumerated(kept)} when an instance ends, and each costs money until it is "
                "deleted; set delete-volumes-on-termination: true, or build the image with DeleteOnTermination."
            )
    if described.get("ImageAllowed") is False:
        yield "does not meet the account's setting Allowed AMIs; where that is enforced, no instance can be launched."
    if described.get("VirtualizationType") == "paravirtual":
        yield "is paravirtual, which only previous-generation instance types support; choose an image of type hvm."
    if described.get("RootDeviceType") == "instance-store":
        yield "boots from an instance store, which few instance types have; choose an image that boots from EBS."
    if described.get("EnaSupport") is False:
        yield "does not support ENA, which current-generation instance types need; choose a newer image."


def _notes(image: Image) -> Iterator[str]:
    described = image.described
    if any(each.get("ProductCodeType") == "marketplace" for each in described.get("ProductCodes", [])):
        yield "is an AWS Marketplace image: this account must subscribe to it, or every launch fails."
    if described.get("TpmSupport"):
        yield "needs NitroTPM, which few instance types have."
