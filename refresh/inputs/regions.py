"""AWS's regions: which can exist, and which the pinned botocore knows."""

from __future__ import annotations

import difflib
import re

from refresh.inputs.parsers import Problem

_NAMES = """
af-south-1 ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2 ap-southeast-1
ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-6 ap-southeast-7 ca-central-1 ca-west-1
cn-north-1 cn-northwest-1 eu-central-1 eu-central-2 eu-isoe-west-1 eu-north-1 eu-south-1 eu-south-2 eu-west-1
eu-west-2 eu-west-3 eusc-de-east-1 il-central-1 me-central-1 me-south-1 mx-central-1 sa-east-1 us-east-1 us-east-2
us-gov-east-1 us-gov-west-1 us-iso-east-1 us-iso-west-1 us-isob-east-1 us-isob-west-1 us-isof-east-1 us-isof-south-1
us-west-1 us-west-2
"""
KNOWN_REGIONS = frozenset(_NAMES.split())
"""A test compares them with botocore's: to ask it takes longer than all other checks."""
_DIRECTION = re.compile(r"central|(?:north|south)?(?:east|west)|north|south")
_REGION = re.compile(r"[a-z]{2,}(?:-[a-z]+)*-(?P<direction>[a-z]+)-[1-9][0-9]?")


def region(value: str) -> str:
    """Parse an AWS region that can exist, known or not."""
    found = _REGION.fullmatch(value)
    if found and _DIRECTION.fullmatch(found["direction"]):
        return value
    inside = next((each for each in KNOWN_REGIONS if re.fullmatch(rf"{each}(?:[a-z]|-[a-z0-9-]+[a-z0-9])", value)), "")
    if inside:
        raise Problem("an availability zone, not a region", f"write {inside}")
    close = nearest(value)
    problem = f"not an AWS region: {found['direction']} is not a direction" if found else "not an AWS region"
    raise Problem(problem, f"write {close}, if you mean that" if close else "write one like us-east-1")


def nearest(value: str) -> str:
    """Return the known region that is most similar to a text; "" where none is similar."""
    text = re.sub(r"(?<=[0-9])[a-z]\Z", "", re.sub(r"[\s_]+", "-", value.strip().lower()))
    close = difflib.get_close_matches(text, sorted(KNOWN_REGIONS))
    # Of equally similar ones, the one with swapped letters.
    return min(close, key=lambda each: sorted(each) != sorted(text), default="")
