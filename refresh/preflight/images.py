"""What an image says of itself, judged by what runs on it: a shell script and GitHub's runner for Linux; pure.

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
"""For which there is a runner."""


def judged(desired: DesiredState, name: str, image: Image) -> Findings:
    """Judge an image that is there; what EC2 does not say is right."""
    return Findings(
        tuple(f"ami: {name} {each}" for each in _problems(image)),
        tuple(f"ami: {name} {each}" for each in _warnings(desired, image)),
        tuple(f"ami: {name} {each}" for each in _notes(image)),
    )


def _problems(image: Image) -> Iterator[str]:
    said = image.described
    kind, architecture = said.get("ImageType", "machine"), said.get("Architecture", ARCHITECTURES[0])
    if kind != "machine":
        yield f"is a {kind} image, from which no instance can be launched; choose a machine image."
    elif said.get("Platform") == "windows":
        yield "runs Windows, and the agent is a shell script for Linux; choose a Linux image."
    elif architecture not in ARCHITECTURES:
        yield (
            f"is built for {architecture}, for which GitHub has no Linux runner; choose an image for "
            f"{' or '.join(ARCHITECTURES)}."
        )


def _warnings(desired: DesiredState, image: Image) -> Iterator[str]:
    said = image.described
    if image.kept and not desired.delete_volumes_on_termination:
        replaced = {image.device_name} if desired.root_volume else set()
        if kept := [each for each in image.kept if each not in replaced]:
            yield (
                f"keeps the volumes at {enumerated(kept)} when an instance ends, and each of them costs until it is "
                "deleted; set delete-volumes-on-termination: true, or build the image with DeleteOnTermination."
            )
    if said.get("ImageAllowed") is False:
        yield "does not meet the account's setting Allowed AMIs; where that is enforced, no instance can be launched."
    if said.get("VirtualizationType") == "paravirtual":
        yield "is paravirtual, which only instance types of previous generations run; choose an image of type hvm."
    if said.get("RootDeviceType") == "instance-store":
        yield "boots from an instance store, which few instance types have; choose an image that boots from EBS."
    if said.get("EnaSupport") is False:
        yield "has no support for ENA, which instance types of the current generation need; choose a newer image."


def _notes(image: Image) -> Iterator[str]:
    said = image.described
    if any(each.get("ProductCodeType") == "marketplace" for each in said.get("ProductCodes", [])):
        yield "is an offer of AWS Marketplace: this account has to be subscribed to it, or every launch fails."
    if said.get("TpmSupport"):
        yield "needs instance types with a NitroTPM, which leaves fewer to choose from."
