"""Whoever sits between a run and AWS or GitHub, as the entrypoint meets them in a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fakes import canaries
from tests.fakes.github_server import GitHubServer
from tests.security import wire

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.world import World

PROXY_PASSWORD = "proxy-pass-5e1f"
PAGE = b"<html><head><title>Sign in</title></head><body>::set-output name=x::y ##[error]z</body></html>"
WITHOUT_KEYS = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": ""}
REDIRECTS = (301, 302, 307)


def _aws(url: str) -> dict[str, str]:
    return {"AWS_ENDPOINT_URL": url, "AWS_ENDPOINT_URL_DYNAMODB": url}


@pytest.mark.shows("A37")
@pytest.mark.parametrize("trusted", [False, True], ids=["untrusted", "trusted"])
def test_github_s_token_is_not_sent_to_a_certificate_that_nobody_signed(
    world: World, tmp_path: Path, *, trusted: bool
) -> None:
    """Only whoever may set the job's variables can have it trusted, as a proxy of one's own needs."""
    own = wire.certificate(tmp_path / "certificate.pem")
    with wire.Listener(wire.answer("500 No"), own) as interceptor:
        environ = {"GITHUB_API_URL": f"https://127.0.0.1:{interceptor.port}"}
        code, printed = world.run({**environ, **({"REQUESTS_CA_BUNDLE": str(own)} if trusted else {})})
    assert code == 1, printed
    assert (canaries.PAT.encode() in b"".join(interceptor.heard)) is trusted
    assert bool(interceptor.heard) is trusted
    assert "registration token" in printed


@pytest.mark.shows("A38")
@pytest.mark.parametrize("trusted", [False, True], ids=["untrusted", "trusted"])
def test_nothing_is_signed_for_an_aws_whose_certificate_nobody_signed(
    world: World, tmp_path: Path, *, trusted: bool
) -> None:
    """A signed request could be sent on to the real one."""
    own = wire.certificate(tmp_path / "certificate.pem")
    with wire.Listener(wire.answer("400 No"), own) as interceptor:
        environ = _aws(f"https://127.0.0.1:{interceptor.port}")
        code, printed = world.run({**environ, **({"AWS_CA_BUNDLE": str(own)} if trusted else {})})
    assert code == 1, printed
    assert (b"Signature=" in b"".join(interceptor.heard)) is trusted
    assert bool(interceptor.heard) is trusted


@pytest.mark.shows("A39")
@pytest.mark.parametrize(
    ("host", "environ"),
    [("github.test", {"GITHUB_API_URL": "https://github.test"}), ("aws.test", _aws("https://aws.test"))],
    ids=["github", "aws"],
)
def test_a_proxy_learns_the_host_and_nothing_else(world: World, host: str, environ: dict[str, str]) -> None:
    """It is asked to connect; what follows is TLS. Its own password is in no log."""
    with wire.Listener(wire.answer("502 No")) as proxy:
        through = {"HTTPS_PROXY": f"http://me:{PROXY_PASSWORD}@127.0.0.1:{proxy.port}"}
        code, printed = world.run({**environ, **through, "RUNNER_DEBUG": "1"})
    assert code == 1, printed
    assert {tuple(heard.split()[:2]) for heard in proxy.heard} == {(b"CONNECT", f"{host}:443".encode())}
    for secret in (canaries.PAT, "Signature", canaries.AWS_SESSION_TOKEN):
        assert not [heard for heard in proxy.heard if secret.encode() in heard]
    assert PROXY_PASSWORD not in printed


@pytest.mark.shows("A40")
@pytest.mark.parametrize("status", REDIRECTS)
def test_github_s_token_does_not_follow_to_another_host(world: World, status: int) -> None:
    """Whatever the answer says."""
    with GitHubServer() as elsewhere:
        world.github.failure = (status, b"{}")
        world.github.headers["Location"] = f"{elsewhere.url.replace('127.0.0.1', 'localhost')}/repos/octo/widgets"
        code, printed = world.run()
        assert elsewhere.calls == []
    assert code == 1, printed
    assert world.github.calls


@pytest.mark.shows("A41")
@pytest.mark.parametrize("status", REDIRECTS)
def test_the_job_s_token_for_oidc_does_not_follow_to_another_host(world: World, status: int) -> None:
    """With it any role that trusts the job could be taken."""
    with GitHubServer() as elsewhere:
        world.github.failure = (status, b"{}")
        world.github.headers["Location"] = f"{elsewhere.url.replace('127.0.0.1', 'localhost')}/id-token"
        environ = {
            **WITHOUT_KEYS,
            **world.github.offered,
        }
        code, printed = world.run(environ, role_to_assume="arn:aws:iam::123456789012:role/runner-pool-refresh")
        assert elsewhere.calls == []
    assert code == 2, printed
    assert len(world.github.calls) == 1


@pytest.mark.shows("A42")
@pytest.mark.parametrize("status", REDIRECTS)
def test_requests_to_aws_do_not_follow_to_another_host(world: World, status: int) -> None:
    """Neither their signature nor the registration token in them."""
    with wire.Listener(wire.answer("500 No")) as elsewhere:
        target = wire.answer(f"{status} Moved", Location=f"http://localhost:{elsewhere.port}/")
        with wire.Listener(target) as moved:
            code, printed = world.run(_aws(f"http://127.0.0.1:{moved.port}"))
    assert code == 1, printed
    assert moved.heard
    assert elsewhere.heard == []


@pytest.mark.shows("A43")
@pytest.mark.parametrize("mode", ["apply", "plan"])
def test_a_page_of_a_proxy_in_place_of_aws_s_answers_changes_nothing(world: World, mode: str) -> None:
    """With status 200 it is an answer, but none to what was asked; it is not repeated either."""
    with wire.Listener(wire.answer("200 OK", PAGE, Content_Type="text/html")) as proxy:
        code, printed = world.run({**_aws(f"http://127.0.0.1:{proxy.port}"), "GITHUB_ACTIONS": "true"}, mode=mode)
    assert code == 1, printed
    for write in (b"Create", b"PutItem", b"UpdateItem", b"Terminate", b"SetQueue", b"Transact", b"Delete"):
        assert not [heard for heard in proxy.heard if write in heard]
    assert not any(line.startswith("::set-output") or "##[" in line for line in printed.splitlines())
    assert "Traceback" not in printed


@pytest.mark.shows("A49")
def test_a_netrc_in_home_does_not_replace_the_token(world: World, tmp_path: Path) -> None:
    """An earlier container of the job may have left one; GitHub would be asked as somebody else."""
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
