"""Strict parsers of single input values: text in, value out, `Problem` for anything else.

Python's own are too lenient: `int` takes `1_000` and Arabic digits, `json` keeps the last of two equal keys, and
cattrs turns `true` into 1.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from refresh.agent import user_data
from refresh.desired import ALL_NAMES, RESOLVE, Mode
from refresh.pool.names import Repository

LONGEST_SHOWN = 40
_WHOLE = re.compile(r"-?[0-9]+")
_ID_LENGTHS = r"(?:[0-9a-f]{8}|[0-9a-f]{17})"
_KINDS = {"security group": "sg", "subnet": "subnet"}
_POOL_NAME = re.compile(r"[A-Za-z0-9_.]{1,40}")
"""No hyphen: a label is the id of a run, a hyphen and the name."""
_RUN_ID = re.compile(r"[1-9][0-9]{0,19}")
_RUN_ATTEMPT = re.compile(r"[1-9][0-9]{0,5}")
LONGEST_CLASS_NAME = 80
CLASS_NAME = re.compile(rf"[A-Za-z0-9_-]{{1,{LONGEST_CLASS_NAME}}}")
"""The name of a resource class."""
_RESOLVE = re.compile(rf"{RESOLVE}[A-Za-z0-9_./:-]{{1,1000}}")
_PROFILE_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]{1,128}")
_PROFILE_ARN = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:instance-profile/[A-Za-z0-9_+=,.@/-]{1,512}")
_OWNER_AND_NAME = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9_-]{0,38}))/([A-Za-z0-9._-]{1,100})")
"""The owner of an Enterprise Managed User has an underscore: `octocat_acme`."""
_AROUND_NAME = re.compile(r"^(?:https://[^/@\s]+/|git@[^:\s]+:)|(?:\.git)?/?$")
"""The parts of a repository's address around its name."""
_LOOPBACK = re.compile(r"http://(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]{1,5})?(?:/[^\s]*)?")
_HTTPS = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:/[^\s?#]*)?")


class Problem(Exception):
    """What is wrong with a value, and what to write instead."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy


def cut(value: str) -> str:
    """Quote a value; a long one is cut."""
    return repr(value if len(value) <= LONGEST_SHOWN else value[:LONGEST_SHOWN] + "...")


def decoded(value: str) -> str:
    """Refuse bytes that are not UTF-8, which Python turns into surrogates."""
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise Problem("is not UTF-8", "save the workflow file as UTF-8")
    return value


def visible(value: str) -> str:
    """Strip white space and a byte order mark; refuse invisible characters."""
    value = decoded(value).removeprefix("\ufeff").strip(" \t\r\n")
    for character in value:
        category = unicodedata.category(character)
        if category == "Cc" and character not in "\t\r\n":
            raise Problem(f"contains the control character U+{ord(character):04X}", "remove it")
        if category in ("Cf", "Zl", "Zp") or (category == "Zs" and character != " "):
            raise Problem(f"contains the invisible character U+{ord(character):04X}", "retype the value")
    return value


def whole_number(unit: str, smallest: int, largest: int) -> Callable[[str], int]:
    """Parse a whole number of `unit` in a range; ASCII digits only."""

    def parse(value: str) -> int:
        if not _WHOLE.fullmatch(value):
            raise Problem(f"a whole number of {unit} expected", f"write a number from {smallest} to {largest}")
        negative, digits = value.startswith("-"), value.lstrip("-0") or "0"
        if not negative and (len(digits) > len(str(largest)) or int(digits) > largest):
            raise Problem(f"too large: at most {largest} {unit}", f"write {smallest} to {largest}")
        if negative or int(digits) < smallest:
            raise Problem(f"too small: at least {smallest} {unit}", f"write {smallest} to {largest}")
        return int(digits)

    return parse


def ids(kind: str, most: int) -> Callable[[str], tuple[str, ...]]:
    """Parse ids of one kind (`security group` or `subnet`) separated by white space or commas; repeats are dropped."""
    prefix = _KINDS[kind]
    others = {other_prefix: other for other, other_prefix in _KINDS.items() if other != kind}

    def check(value: str) -> None:
        other = others.get(value.partition("-")[0])
        if re.fullmatch(rf"{prefix}-{_ID_LENGTHS}", value):
            return
        if value[0] in "\"'":
            raise Problem(f"quotes around an id: {cut(value)}", "remove the quotes")
        if strange := next((character for character in value if not character.isascii()), ""):
            raise Problem(f"{cut(value)} is not an id: it contains U+{ord(strange):04X}", "retype the id")
        if other:
            raise Problem(f"a {other} id where a {kind} id is expected: {cut(value)}", f"write {prefix}-...")
        raise Problem(
            f"{cut(value)} is not a {kind} id",
            f"give the id ({prefix}- and 8 or 17 hexadecimal digits), not a name",
        )

    def parse(value: str) -> tuple[str, ...]:
        if value.startswith("["):
            raise Problem("a JSON array", "write ids separated by spaces")
        listed = tuple(dict.fromkeys(filter(None, re.split(r"[\s,]+", value))))
        for each in listed:
            check(each)
        if not 1 <= len(listed) <= most:
            remedy = f"remove {len(listed) - most}: AWS accepts no more" if listed else f"write {prefix}-..."
            raise Problem(f"{len(listed)} ids where 1 to {most} are expected", remedy)
        return listed

    return parse


def pool_name(value: str) -> str:
    """Parse the name of a pool within a run, in lower case: GitHub ignores the case of labels."""
    if _POOL_NAME.fullmatch(value):
        return value.lower()
    raise Problem("not the name of a pool", "use 1 to 40 of A-Z a-z 0-9 _ and .")


def pool_names(value: str) -> str:
    """Parse the name of a pool within a run as `pool_name` does, or `*` for all of them."""
    if value == ALL_NAMES or _POOL_NAME.fullmatch(value):
        return value.lower()
    raise Problem("not the name of a pool", "use 1 to 40 of A-Z a-z 0-9 _ and ., as provision was given, or *")


def class_name(value: str) -> str:
    """Parse the name of a resource class."""
    if CLASS_NAME.fullmatch(value):
        return value
    raise Problem("not the name of a resource class", f"use 1 to {LONGEST_CLASS_NAME} letters, digits, - and _")


def run_id(value: str) -> str:
    """Parse the id of a workflow run."""
    if _RUN_ID.fullmatch(value):
        return value
    raise Problem("not the id of a workflow run", "write its number, ${{ github.event.workflow_run.id }} for example")


def run_attempt(value: str) -> int:
    """Parse the number of an attempt of a workflow run."""
    if _RUN_ATTEMPT.fullmatch(value):
        return int(value)
    raise Problem("not the number of an attempt", "GitHub sets it; outside a workflow, leave it out")


def image(value: str) -> str:
    """Parse an AMI id, or `resolve:ssm:<parameter>`, which new instances follow."""
    if re.fullmatch(rf"ami-{_ID_LENGTHS}", value) or _RESOLVE.fullmatch(value):
        return value
    raise Problem("not an AMI id", "write ami- and 8 or 17 hexadecimal digits, or resolve:ssm:<parameter name>")


def instance_profile(value: str) -> str:
    """Parse the name or ARN of an instance profile."""
    if _PROFILE_NAME.fullmatch(value) or _PROFILE_ARN.fullmatch(value):
        return value
    if ":role/" in value:
        raise Problem(
            "the ARN of a role, not of an instance profile", "write the name of the instance profile that contains it"
        )
    raise Problem("not an instance profile name or ARN", "write its name (up to 128 of A-Z a-z 0-9 _+=,.@-) or its ARN")


def repository(value: str) -> Repository:
    """Parse `owner/name`."""
    found = _OWNER_AND_NAME.fullmatch(value)
    if not found or set(found[2]) == {"."}:
        inside = _OWNER_AND_NAME.fullmatch(_AROUND_NAME.sub("", value))
        example = inside[0] if inside and not found else "it as GitHub spells it, such as octo/widgets"
        raise Problem("owner/name expected", f"write {example}")
    return Repository(found[1], found[2])


def boolean(value: str) -> bool:
    """Parse `true` or `false`, in any case."""
    if value.lower() not in ("true", "false"):
        raise Problem("true or false expected")
    return value.lower() == "true"


_OTHER_ACTIONS = (
    "to refresh use org/refresh-action@v1, to provision org/refresh-action/provision@v1, to release "
    "org/refresh-action/release@v1"
)
"""What replaces the original's modes."""


def mode(action: str) -> Callable[[str], Mode]:
    """Parse the mode of an action, whose name was the original's word for apply."""

    def parse(value: str) -> Mode:
        word = value.lower()
        try:
            return Mode("apply" if word == action else word)
        except ValueError:
            remedy = "write apply, or plan to change nothing"
            if word in ("refresh", "provision", "release"):
                remedy = f"leave mode out, or write apply or plan; {_OTHER_ACTIONS}"
            raise Problem("apply or plan expected", remedy) from None

    return parse


def log_format(value: str) -> bool:
    """Parse the format of the log; true for one JSON object per line."""
    if value.lower() not in ("text", "json"):
        raise Problem("text or json expected")
    return value.lower() == "json"


def unmasked(value: str) -> str:
    """Refuse the expression or the mask of a secret instead of its value."""
    if "${{" in value or set(value) == {"*"}:
        raise Problem(
            "the secret was not expanded",
            "write ${{ secrets.NAME }} with a secret that this workflow can read",
        )
    return value


def github_token(value: str) -> str:
    """Parse a token."""
    unmasked(value)
    if re.search(r"\s", value):
        raise Problem("contains white space", "store the secret again without it")
    if not value.isascii():
        raise Problem("contains characters that are not ASCII", "store the secret again")
    return value


def api_url(*, allow_http: bool) -> Callable[[str], str]:
    """Parse the address of GitHub's API; over plain http the token would travel unencrypted."""

    def parse(value: str) -> str:
        if _HTTPS.fullmatch(value) and (value.startswith("https://") or allow_http or _LOOPBACK.fullmatch(value)):
            return value.rstrip("/")
        raise Problem("an https:// address expected", "GitHub sets it; on GHES it is https://<host>/api/v3")

    return parse


def server_url(*, allow_http: bool) -> Callable[[str], str]:
    """Parse the address of GitHub itself, which is part of the user data."""

    def parse(value: str) -> str:
        try:
            address = api_url(allow_http=allow_http)(value)
        except Problem as problem:
            raise Problem(problem.problem, "GitHub sets it to https://<host>") from None
        if len(address) > user_data.LONGEST_SERVER_URL:
            raise Problem(f"more than {user_data.LONGEST_SERVER_URL} characters", "GitHub sets it to https://<host>")
        return address

    return parse
