"""The credentials of a run: passed separately from the desired state, and shown in no text."""

from __future__ import annotations

from attrs import field, frozen

SHORTEST_SECRET = 12
"""Characters of a real secret: GitHub's shortest has 29, AWS's 40. An emulator's `test` would match any text."""
SHORTEST_LINE = 16
"""Characters of a line of a multi-line secret: a shorter line, such as the end of a key, matches other texts."""


@frozen
class Secret:
    """A value that no text, log or exception shows; only `reveal()` returns it."""

    _value: str = field(repr=False)

    def reveal(self) -> str:
        """Return the value, for the call that needs it."""
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
    """Where GitHub issues this job's OIDC tokens, and the token to request them with.

    https://docs.github.com/en/actions/reference/security/oidc#methods-for-requesting-the-oidc-token
    """

    url: str
    request_token: Secret


@frozen
class Secrets:
    """The credentials that a run was given."""

    github: Secret | AppKey
    """A token, or the App that creates one; an empty token is none."""
    id_tokens: IdTokens | None = None
    """None if the run assumes no role."""
    workflow: Secret = Secret("")
    """The workflow's own token, which may read the runs of its repository; an empty one is none."""

    @property
    def token(self) -> Secret:
        """The token for GitHub; empty with an App, or without any."""
        return Secret("") if isinstance(self.github, AppKey) else self.github

    @property
    def all(self) -> tuple[Secret, ...]:
        """List every secret that must be masked."""
        given = self.github.private_key if isinstance(self.github, AppKey) else self.github
        listed = (given, self.workflow, *((self.id_tokens.request_token,) if self.id_tokens else ()))
        return tuple(each for each in listed if each.reveal())
