"""Secrets in inputs and variables where none belong: refused before anything is parsed, and never shown."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest

from refresh import inputs
from refresh.inputs import ALL, VARIABLES, checks
from refresh.inputs.table import SECRETS
from tests.fakes import app, canaries
from tests.unit.inputs.bad_inputs import environ, problems, row

KEY = app.private_key()
LINES = KEY.splitlines()
AS_APP = {"github-token": "", "github-app-id": app.APP_ID, "github-app-private-key": KEY}
SCRIPT = "pre-runner-script"
PLACES = [name for name in (*ALL, checks.TABLE_NAME, *VARIABLES) if name not in SECRETS]
TAKEN_OUT = "so it is not shown; remove it from this"
# None of these is anyone's: they are put together here so that no scanner takes them for one.
LETTERS = "0123456789abcdefghijABCDEFGHIJ012345"
CLASSIC, INSTALLATION = f"ghp_{LETTERS}", f"ghs_{LETTERS}"
FINE = f"github_pat_{LETTERS[:22]}_{LETTERS}{LETTERS[:23]}"
AWS_KEY = f"wJalr{LETTERS[:35]}"
LOOKS = [
    row("91", "classic", CLASSIC, "holds what looks like a GitHub token"),
    row("91", "installation", INSTALLATION, "holds what looks like a GitHub token"),
    row("91", "fine-grained", FINE, "holds what looks like a GitHub token"),
    row("91", "key", f"-----BEGIN EC PRIVATE KEY-----\n{LETTERS}abcd\n", "holds what looks like a private key"),
    row("91", "aws", f"AWS_SECRET_ACCESS_KEY='{AWS_KEY}'", "holds what looks like an AWS secret access key"),
    row("91", "session", f"IQoJb3JpZ2lu{LETTERS}{LETTERS}", "holds what looks like an AWS session token"),
]


def _told(given: dict[str, str], name: str) -> str:
    """Give the problem of this input; the App's id alone may bring another one, that it is not the only way in."""
    told = problems(environ(given))
    assert len(told) == 1 or name == "github-app-id"
    assert canaries.MARKER not in "".join(told)
    return next(problem for problem in told if problem.startswith(f"{name}: holds "))


@pytest.mark.shows("B90")
@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize(
    ("around", "expected"),
    [
        row("90", "alone", "{}", "holds the github-token"),
        row("90", "tag", "token={}", "holds the github-token"),
        row("90", "other-problem", "#!/usr/bin/python\n{}", "holds the github-token"),
    ],
)
def test_no_input_and_no_variable_may_hold_the_token(name: str, around: str, expected: str) -> None:
    """Whatever else would be said of its value; the tag `token=<the token>` would be well-formed."""
    assert f"{name}: {expected}, " in _told({name: around.format(canaries.PAT)}, name)


@pytest.mark.parametrize("escaped", ["\\u{:04x}", "\\u{:04X}"])
def test_no_input_may_hold_the_token_in_the_escapes_of_json(escaped: str) -> None:
    """The name of a class is read from JSON and becomes that of a queue."""
    token = "".join(escaped.format(ord(character)) for character in canaries.PAT)
    classes = f'{{"{token}": {{"cpu": 2, "mmem": 4096}}}}'
    assert "holds the github-token, " in _told({"resource-class-config": classes}, "resource-class-config")
    key = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "SECRET/0123456789/abcdef"}
    given = {**key, "resource-class-config": '{"SECRET\\/0123456789\\/abcdef": 1}'}
    assert "holds the AWS_SECRET_ACCESS_KEY, " in _told(given, "resource-class-config")


@pytest.mark.shows("B76")
@pytest.mark.parametrize(
    "part", [KEY, LINES[3], " ".join(LINES), "".join(LINES[1:-1])], ids=["all", "line", "one", "body"]
)
@pytest.mark.parametrize("name", ["ami", "tags", "github-app-id", "resource-class-config", SCRIPT])
def test_no_input_may_hold_a_line_of_the_key(name: str, part: str) -> None:
    """However it was stored itself: with its line ends, in one line, or in base64."""
    for stored in (KEY, KEY.replace("\n", "\\n"), base64.b64encode(KEY.encode()).decode()):
        problem = _told({**AS_APP, "github-app-private-key": stored, name: f"a={part}"}, name)
        assert problem.startswith(f"{name}: holds the github-app-private-key, ")
        assert not any(line in problem for line in LINES)


@pytest.mark.shows("B90")
@pytest.mark.parametrize(
    "secret",
    ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "GITHUB_TOKEN", "GH_TOKEN"],
)
def test_no_input_may_hold_a_secret_of_the_environment(secret: str) -> None:
    """Nor in another encoding."""
    value = "x+y/z-SECRET-0123456789=="
    given = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "another one of theirs", secret: value}
    padded = base64.b64encode(f"ab{value}cd".encode()).decode()
    for form in (value, quote(value, safe=""), padded, padded.replace("+", "-").replace("/", "_")):
        assert f"holds the {secret}, {TAKEN_OUT} input" in _told({**given, "tags": f"a={form}"}, "tags")


@pytest.mark.shows("B90")
@pytest.mark.parametrize("secret", ["test", "testing", "minioadmin", "octo"])
def test_a_short_value_of_an_emulator_is_no_secret(secret: str) -> None:
    """It stands in names of all kinds."""
    given = {"AWS_ACCESS_KEY_ID": secret, "AWS_SECRET_ACCESS_KEY": secret, "tags": f"stage={secret}"}
    assert inputs.load(environ(given)).desired.tags == (("stage", secret),)


@pytest.mark.shows("B91")
@pytest.mark.parametrize("name", ["tags", "role-session-name", "GITHUB_SERVER_URL", SCRIPT])
@pytest.mark.parametrize(("value", "expected"), LOOKS)
def test_what_is_recognisably_a_secret_is_refused_wherever_it_came_from(name: str, value: str, expected: str) -> None:
    """Another workflow's token in a tag is as public as this one's."""
    problem = _told({name: f"a={value}"}, name)
    assert problem.startswith(f"{name}: {expected}, ")
    assert LETTERS[:20] not in problem


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
def test_an_example_a_checksum_and_a_variable_are_no_secrets(text: str) -> None:
    """A script that only speaks of them is taken without a word."""
    loaded = inputs.load(environ({**AS_APP, SCRIPT: text}))
    assert (loaded.desired.pre_runner_script, loaded.warnings) == (text, ())


@pytest.mark.shows("B76")
@pytest.mark.parametrize(
    ("script", "expected"),
    [
        row("76", "alone", f"curl -H 'Authorization: {canaries.PAT}'", "holds the github-token"),
        row("76", "unreadable", f"echo '{canaries.PAT}", "holds the github-token"),
        row("76", "base64", f"echo {base64.b64encode(canaries.PAT.encode()).decode()}", "holds the github-token"),
    ],
)
def test_a_script_with_the_token_in_it_is_refused(script: str, expected: str) -> None:
    """User data can be read by everyone on the instance."""
    assert f"{SCRIPT}: {expected}, and user data can be read by" in _told({SCRIPT: script}, SCRIPT)


@pytest.mark.shows("B89")
@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        row("89", "tag", "tags", "at=https://ci:hunter2@registry.example.com", "holds an address with a password"),
        row("89", "api", "GITHUB_API_URL", "https://user:hunter2@ghe.example.com", "holds an address with a password"),
    ],
)
def test_an_address_with_a_password_is_refused_and_in_a_script_mentioned(name: str, value: str, expected: str) -> None:
    """In a script it may be meant, for what all on the instance may read."""
    assert expected in _told({name: value}, name)
    assert "hunter2" not in _told({name: value}, name)
    (warning,) = inputs.load(environ({SCRIPT: f"curl {value}"})).warnings
    assert warning.startswith(f"{SCRIPT}: {expected}, which everyone on the instance can read")


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY", "AWS_ENDPOINT_URL_DYNAMODB"])
def test_the_password_of_a_proxy_is_a_secret_too(variable: str) -> None:
    """As it is written and as it is meant."""
    for password in ("correct%2Fhorse%2Fbattery", "correct/horse/battery"):
        given = {variable: "http://ci:correct%2Fhorse%2Fbattery@proxy:8080", "tags": f"a={password}"}
        assert f"holds the password of {variable}, {TAKEN_OUT} input" in _told(given, "tags")
