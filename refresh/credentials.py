"""What a run proves itself with: it travels apart from the desired state, and no text shows it."""

from __future__ import annotations

from attrs import field, frozen

SHORTEST_SECRET = 12
"""Characters of a real one: GitHub's shortest has 29, AWS's 40. An emulator's `test` would stand in any text."""
SHORTEST_LINE = 16
"""Of a secret with several lines: a shorter one, such as the end of a key, stands in other texts as well."""


@frozen
class Secret:
    """A value that no text, log or exception ever shows; `reveal()` is the only way to it."""

    _value: str = field(repr=False)

    def reveal(self) -> str:
        """Give the value itself, for the one call that needs it."""
        return self._value

    def __str__(self) -> str:
        return "***"


@frozen
class AppKey:
    """A GitHub App and its private key, in PEM."""

    app_id: str
    private_key: Secret


@frozen
class IdTokens:
    """Where GitHub gives this job tokens that say who it is, and the token to ask with.

    https://docs.github.com/en/actions/reference/security/oidc#methods-for-requesting-the-oidc-token
    """

    url: str
    request_token: Secret


@frozen
class Secrets:
    """What travels apart from the desired state."""

    github: Secret | AppKey
    """A token, or the App that issues itself one."""
    id_tokens: IdTokens | None = None
    """None where no role is asked for."""

    @property
    def all(self) -> tuple[Secret, ...]:
        """List every secret, to be masked."""
        given = self.github.private_key if isinstance(self.github, AppKey) else self.github
        return (given, self.id_tokens.request_token) if self.id_tokens else (given,)
