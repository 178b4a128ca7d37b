"""What a run proves itself with: what of it is masked, and that no text shows it."""

from __future__ import annotations

import pytest

from refresh.credentials import AppKey, IdTokens, Secret, Secrets

TOKEN, KEY, REQUEST = Secret("token"), Secret("key"), Secret("request")


def test_a_secret_shows_itself_to_nobody() -> None:
    """Neither as a text nor in whatever holds it."""
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
    """Whoever asks GitHub, and the token with which a role is asked for."""
    assert secrets.all == masked
