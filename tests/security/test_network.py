"""A man in the middle of a run and AWS or GitHub. The run is a process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fakes import canaries
from tests.fakes.github_server import GitHubServer
from tests.security import wire

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.fakes.world import World

PROXY_PASSWORD = "proxy-pass-5e1f"
PAGE = b"<html><head><title>Sign in</title></head><body>::set-output name=x::y ##[error]z</body></html>"
WITHOUT_KEYS = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": ""}
ROLE = "arn:aws:iam::123456789012:role/runner-pool-refresh"


def _aws(url: str) -> dict[str, str]:
    return {"AWS_ENDPOINT_URL": url, "AWS_ENDPOINT_URL_DYNAMODB": url}


def _github(url: str) -> dict[str, str]:
    return {"GITHUB_API_URL": url}


@pytest.mark.shows("A37", "A38")
@pytest.mark.parametrize("trusted", [False, True], ids=["untrusted", "trusted"])
@pytest.mark.parametrize(
    "peer",
    [
        pytest.param((_github, "REQUESTS_CA_BUNDLE", canaries.PAT), id="github"),
        pytest.param((_aws, "AWS_CA_BUNDLE", "Signature="), id="aws"),
    ],
)
def test_nothing_is_sent_to_an_untrusted_certificate(
    world: World, tmp_path: Path, peer: tuple[Callable[[str], dict[str, str]], str, str], *, trusted: bool
) -> None:
    """Neither a token nor a signed request. A variable of the job can trust a certificate, as proxies need."""
    environ, bundle, secret = peer
    own = wire.certificate(tmp_path / "certificate.pem")
    with wire.Listener(wire.answer("400 No"), own) as interceptor:
        trust = {bundle: str(own)} if trusted else {}
        code, printed = world.run({**environ(f"https://127.0.0.1:{interceptor.port}"), **trust})
    assert code == 1, printed
    assert bool(interceptor.heard) is (secret.encode() in b"".join(interceptor.heard)) is trusted


@pytest.mark.shows("A39")
@pytest.mark.parametrize(
    ("host", "environ"),
    [("github.test", _github("https://github.test")), ("aws.test", _aws("https://aws.test"))],
    ids=["github", "aws"],
)
def test_a_proxy_learns_only_the_host(world: World, host: str, environ: dict[str, str]) -> None:
    """After CONNECT follows TLS. The proxy's own password is not logged."""
    with wire.Listener(wire.answer("502 No")) as proxy:
        through = {"HTTPS_PROXY": f"http://me:{PROXY_PASSWORD}@127.0.0.1:{proxy.port}"}
        code, printed = world.run({**environ, **through, "RUNNER_DEBUG": "1"})
    assert code == 1, printed
    assert {tuple(heard.split()[:2]) for heard in proxy.heard} == {(b"CONNECT", f"{host}:443".encode())}
    for secret in (canaries.PAT, "Signature", canaries.AWS_SESSION_TOKEN):
        assert not [heard for heard in proxy.heard if secret.encode() in heard]
    assert PROXY_PASSWORD not in printed


@pytest.mark.shows("A40", "A41")
@pytest.mark.parametrize("status", [301, 302, 307])
@pytest.mark.parametrize(
    ("path", "inputs"),
    [
        pytest.param("repos/octo/widgets", {}, id="personal access token"),
        pytest.param("id-token", {"role_to_assume": ROLE}, id="job's token"),
    ],
)
def test_no_token_for_github_follows_a_redirect(world: World, status: int, path: str, inputs: dict[str, str]) -> None:
    """With the job's token any role that trusts the job could be taken."""
    with GitHubServer() as elsewhere:
        world.github.failure = (status, b"{}")
        world.github.headers["Location"] = f"{elsewhere.url.replace('127.0.0.1', 'localhost')}/{path}"
        job = {**WITHOUT_KEYS, **world.github.offered} if inputs else {}
        code, printed = world.run(job, **inputs)
        assert elsewhere.calls == []
    assert code == (2 if inputs else 1), printed
    assert world.github.calls


@pytest.mark.shows("A42")
@pytest.mark.parametrize("status", [301, 302, 307])
def test_no_request_to_aws_follows_a_redirect(world: World, status: int) -> None:
    """It has a signature, and one has the registration token."""
    with wire.Listener(wire.answer("500 No")) as elsewhere:
        target = wire.answer(f"{status} Moved", Location=f"http://localhost:{elsewhere.port}/")
        with wire.Listener(target) as moved:
            code, printed = world.run(_aws(f"http://127.0.0.1:{moved.port}"))
    assert code == 1, printed
    assert moved.heard
    assert elsewhere.heard == []


@pytest.mark.shows("A43")
@pytest.mark.parametrize("mode", ["apply", "plan"])
def test_the_page_of_a_proxy_instead_of_an_answer_of_aws_changes_nothing(world: World, mode: str) -> None:
    """Although its status is 200. The log does not repeat it."""
    with wire.Listener(wire.answer("200 OK", PAGE, Content_Type="text/html")) as proxy:
        code, printed = world.run({**_aws(f"http://127.0.0.1:{proxy.port}"), "GITHUB_ACTIONS": "true"}, mode=mode)
    assert code == 1, printed
    for write in (b"Create", b"PutItem", b"UpdateItem", b"Terminate", b"SetQueue", b"Transact", b"Delete"):
        assert not [heard for heard in proxy.heard if write in heard]
    assert not any(line.startswith("::set-output") or "##[" in line for line in printed.splitlines())
    assert "Traceback" not in printed


@pytest.mark.shows("A49")
def test_a_netrc_in_home_does_not_replace_the_token(world: World, tmp_path: Path) -> None:
    """An earlier container of the job may have left one."""
    (tmp_path / ".netrc").write_text("default login x password other\n")
    (tmp_path / ".netrc").chmod(0o600)
    sent: list[str] = []
    inner = world.github.answer

    def seen(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> tuple[int, bytes]:
        sent.append(headers.get("Authorization", ""))
        return inner(method, path, headers, body)

    world.github.answer = seen  # type: ignore[method-assign, assignment] # every request goes through it
    code, printed = world.run({"HOME": str(tmp_path)})
    assert code == 0, printed
    assert set(sent) == {f"token {canaries.PAT}"}
