"""Credentials: every secret is masked, and no text shows one."""

from __future__ import annotations

import pytest

from refresh.credentials import AppKey, IdTokens, Secret, Secrets

TOKEN, KEY, REQUEST = Secret("token"), Secret("key"), Secret("request")


def test_a_secret_is_shown_in_no_text() -> None:
    assert (str(TOKEN), f"{TOKEN}", repr(TOKEN), TOKEN.reveal()) == ("***", "***", "Secret()", "token")


@pytest.mark.parametrize(
    ("secrets", "masked"),
    [
        (Secrets(TOKEN), (TOKEN,)),
        (Secrets(AppKey("7", KEY)), (KEY,)),
        (Secrets(TOKEN, IdTokens("https://x", REQUEST)), (TOKEN, REQUEST)),
    ],
)
def test_every_secret_is_masked(secrets: Secrets, masked: tuple[Secret, ...]) -> None:
    assert secrets.all == masked
