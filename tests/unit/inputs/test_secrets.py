"""Secrets in the wrong input or variable: refused before anything is parsed, and never shown."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from refresh import inputs
from refresh.inputs import ALL, checks, pool_access
from refresh.inputs.table import SECRETS
from tests.fakes import app, canaries
from tests.unit.inputs.bad_inputs import environ, problems, row

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY = app.private_key()
LINES = KEY.splitlines()
AS_APP = {"github-token": "", "github-app-id": app.APP_ID, "github-app-private-key": KEY}
SCRIPT = "pre-runner-script"
PLACES = [name for name in (*ALL, checks.TABLE_NAME, *pool_access.VARIABLES) if name not in SECRETS]
# None of these is a real one: they are put together here so that no scanner takes them for one.
LETTERS = "0123456789abcdefghijABCDEFGHIJ012345"
CLASSIC, INSTALLATION = f"ghp_{LETTERS}", f"ghs_{LETTERS}"
FINE = f"github_pat_{LETTERS[:22]}_{LETTERS}{LETTERS[:23]}"
AWS_KEY = f"wJalr{LETTERS[:35]}"
SECRET = "x+y/z>>>???SECRET-0123456789=="  # its base64 has + and /
PADDED = base64.b64encode(f"ab{SECRET}cd".encode()).decode()


def _problem(given: Mapping[str, str], name: str, key: str) -> str:
    """Return the problem of this input; the App's id alone brings another one, that it is not the only way in."""
    found = problems(environ(given))
    assert len(found) == 1 or name == "github-app-id"
    assert canaries.MARKER not in "".join(found)
    (problem,) = (each for each in found if each.startswith(f"{name}: "))
    assert key in problem
    assert not any(part in problem for part in (LETTERS[:20], SECRET, "hunter2", *LINES))
    return problem


@pytest.mark.shows("B90")
@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize(
    ("given", "key"),
    [
        row("B90", "alone", {"tags": canaries.PAT}, "github-token"),
        row("B90", "tag", {"tags": f"token={canaries.PAT}"}, "github-token"),
    ],
)
def test_no_input_and_no_variable_may_hold_the_token(name: str, given: Mapping[str, str], key: str) -> None:
    """The tag `token=<the token>` would otherwise be well-formed."""
    _problem({name: given["tags"]}, name, key)


@pytest.mark.parametrize("escaped", ["\\u{:04x}", "\\u{:04X}"])
def test_no_input_may_hold_the_token_in_the_escapes_of_json(escaped: str) -> None:
    """The name of a class is read from JSON and becomes that of a queue."""
    classes = "resource-class-config"
    token = "".join(escaped.format(ord(character)) for character in canaries.PAT)
    _problem({classes: f'{{"{token}": {{"cpu": 2, "mmem": 4096}}}}'}, classes, "github-token")
    keys = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "SECRET/0123456789/abcdef"}
    _problem({**keys, classes: '{"SECRET\\/0123456789\\/abcdef": 1}'}, classes, "AWS_SECRET_ACCESS_KEY")


@pytest.mark.shows("B76")
@pytest.mark.parametrize(
    "part",
    [KEY, LINES[3], " ".join(LINES), "".join(LINES[1:-1]), "\n".join(f"    {line}" for line in LINES)],
    ids=["all", "line", "one", "body", "indented"],
)
@pytest.mark.parametrize("name", ["ami", "tags", "github-app-id", "resource-class-config", SCRIPT])
def test_no_input_may_hold_a_line_of_the_key(name: str, part: str) -> None:
    """However it was stored itself: with its line ends, in one line, or in base64."""
    for stored in (KEY, KEY.replace("\n", "\\n"), base64.b64encode(KEY.encode()).decode()):
        given = {**AS_APP, "github-app-private-key": stored, name: f"a={part}"}
        _problem(given, name, "github-app-private-key")


@pytest.mark.shows("B90")
@pytest.mark.parametrize(
    "secret",
    ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "GITHUB_TOKEN", "GH_TOKEN"],
)
def test_no_input_may_hold_a_secret_of_the_environment(secret: str) -> None:
    """Nor in another encoding."""
    given = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "another secret", secret: SECRET}
    for form in (SECRET, quote(SECRET, safe=""), PADDED, PADDED.replace("+", "-").replace("/", "_")):
        _problem({**given, "tags": f"a={form}"}, "tags", secret)


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY", "AWS_ENDPOINT_URL_DYNAMODB"])
def test_no_input_may_hold_the_password_of_a_proxy(variable: str) -> None:
    """As it is written and as it is meant."""
    for password in ("correct%2Fhorse%2Fbattery", "correct/horse/battery"):
        given = {variable: "http://ci:correct%2Fhorse%2Fbattery@proxy:8080", "tags": f"a={password}"}
        assert password not in _problem(given, "tags", f"password of {variable}")


@pytest.mark.shows("B90")
@pytest.mark.parametrize("secret", ["test", "testing", "minioadmin", "octo"])
def test_short_value_of_an_emulator_is_no_secret(secret: str) -> None:
    given = {"AWS_ACCESS_KEY_ID": secret, "AWS_SECRET_ACCESS_KEY": secret, "tags": f"stage={secret}"}
    assert inputs.load(environ(given)).desired.tags == (("stage", secret),)


@pytest.mark.shows("B91")
@pytest.mark.parametrize("name", ["tags", "role-session-name", "GITHUB_SERVER_URL", SCRIPT])
@pytest.mark.parametrize(
    ("given", "key"),
    [
        row("B91", "classic", {"tags": CLASSIC}, "a GitHub token"),
        row("B91", "installation", {"tags": INSTALLATION}, "a GitHub token"),
        row("B91", "fine-grained", {"tags": FINE}, "a GitHub token"),
        row("B91", "key", {"tags": f"-----BEGIN EC PRIVATE KEY-----\n{LETTERS}abcd\n"}, "a private key"),
        row("B91", "aws", {"tags": f"AWS_SECRET_ACCESS_KEY='{AWS_KEY}'"}, "an AWS secret access key"),
        row("B91", "session", {"tags": f"IQoJb3JpZ2lu{LETTERS}{LETTERS}"}, "an AWS session token"),
    ],
)
def test_recognizable_secrets_of_any_owner_are_refused(name: str, given: Mapping[str, str], key: str) -> None:
    """Another workflow's token in a tag is as public as this one's."""
    _problem({name: f"a={given['tags']}"}, name, key)


@pytest.mark.shows("B91")
@pytest.mark.parametrize(
    "text",
    [
        f"ghp_{'x' * 36}",
        "ghp_short",
        f"aws_secret_access_key = {AWS_KEY[:-10]}EXAMPLEKEY",
        "grep -q -- '-----BEGIN PRIVATE KEY-----' key.pem",
        f"sha1={LETTERS}abcd",
        'export AWS_SECRET_ACCESS_KEY="$KEY"',
        "git clone https://x-access-token:$TOKEN@github.com/octo/widgets",
        f"echo {LINES[-2][-3:]}",
    ],
    ids=["example", "short", "example of AWS", "name of a key", "checksum", "variable", "address", "end of the key"],
)
def test_examples_checksums_and_variables_are_no_secrets(text: str) -> None:
    loaded = inputs.load(environ({**AS_APP, SCRIPT: text}))
    assert (loaded.desired.pre_runner_script, loaded.warnings) == (text, ())


@pytest.mark.shows("B76")
@pytest.mark.parametrize(
    ("given", "key"),
    [
        row("B76", "alone", {SCRIPT: f"curl -H 'Authorization: {canaries.PAT}'"}, "github-token"),
        row("B76", "unreadable", {SCRIPT: f"echo '{canaries.PAT}"}, "github-token"),
        row("B76", "python", {SCRIPT: f"#!/usr/bin/python\n{canaries.PAT}"}, "github-token"),
        row("B76", "base64", {SCRIPT: f"echo {base64.b64encode(canaries.PAT.encode()).decode()}"}, "github-token"),
    ],
)
def test_script_with_the_token_is_refused_with_a_remedy(given: Mapping[str, str], key: str) -> None:
    assert "on the instance" in _problem(given, SCRIPT, key)


@pytest.mark.shows("B89")
@pytest.mark.parametrize(
    ("given", "key"),
    [
        row("B89", "tag", {"tags": "at=https://ci:hunter2@registry.example.com"}, "password"),
        row("B89", "api", {"GITHUB_API_URL": "https://user:hunter2@ghe.example.com"}, "password"),
    ],
)
def test_address_with_a_password_is_refused_but_in_a_script_a_warning(given: Mapping[str, str], key: str) -> None:
    ((name, value),) = given.items()
    _problem(given, name, key)
    (warning,) = inputs.load(environ({SCRIPT: f"curl {value}"})).warnings
    assert warning.startswith(f"{SCRIPT}: ")
    assert key in warning
