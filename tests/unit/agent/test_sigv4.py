"""The signature of a request, compared with botocore's."""

from __future__ import annotations

import datetime as dt
import random
import string
from typing import TYPE_CHECKING
from urllib.parse import quote

from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from refresh.agent.credentials import Keys
from refresh.agent.sigv4 import signed

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

DRAWS = 10_000
UNRESERVED = string.ascii_letters + string.digits + "-._~"
IN_A_PATH = UNRESERVED + "!$&'()*+,;=:@"
IN_A_VALUE = string.ascii_letters + string.digits + string.punctuation + "  \t" + "äß€"


class Draw:
    """A request as random as the rules of HTTP allow."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)  # noqa: S311 - no secret is made of it
        draw = self.draw
        self.method = draw.choice(["GET", "PUT", "POST", "DELETE", "HEAD"])
        self.host = ".".join(
            self._word(string.ascii_lowercase + string.digits, 1, 12) for _ in range(draw.randint(1, 5))
        )
        self.host += draw.choice(["", "", ":8000", ":4566", ":65535"])
        self.path = "/" + "/".join(self._segment() for _ in range(draw.randint(0, 4)))
        self.path += draw.choice(["", "/"]) if self.path != "/" else ""
        self.query = "&".join(self._pair() for _ in range(draw.choice([0, 0, 1, 2, 3, 6])))
        self.headers = self._headers()
        self.body = draw.randbytes(draw.choice([0, 1, 20, 300]))
        token = self._word(string.ascii_letters + "/+=", 20, 900) if draw.random() < 0.5 else ""
        self.keys = Keys("AKIA" + self._word(string.ascii_uppercase, 1, 16), self._word(UNRESERVED, 1, 60), token, 0)
        self.region = draw.choice(["eu-west-1", "us-east-1", "cn-north-1", "us-gov-west-1", "ap-southeast-5"])
        self.service = draw.choice(["dynamodb", "sts", "ec2"])
        self.moment = draw.choice([draw.uniform(0, 4e9), 1_769_850_300 + draw.uniform(0, 86_400)])

    def _word(self, letters: str, shortest: int, longest: int) -> str:
        return "".join(self.draw.choices(letters, k=self.draw.randint(shortest, longest)))

    def _segment(self) -> str:
        plain = self._word(IN_A_PATH, 0, 8) + self.draw.choice(["", quote("ä /%"), "%2F", "%41"])
        return plain if plain.strip(".") else "x" + plain

    def _pair(self) -> str:
        name = quote(self._word(IN_A_VALUE, 1, 3), safe="-_.~")
        return name + self.draw.choice(["", "=", "=" + quote(self._word(IN_A_VALUE, 0, 9), safe="-_.~"), "=a=b"])

    def _headers(self) -> dict[str, str]:
        names: Iterable[str] = {"X-" + self._word(string.ascii_letters + "-", 1, 9).title() for _ in range(3)}
        drawn = {name: self._word(IN_A_VALUE, 0, 30) for name in sorted(names)}
        return drawn | self.draw.choice([{}, {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "a.B"}])

    def ours(self) -> dict[str, str]:
        """Sign it with the agent's code."""
        of_request = self.method, self.host, self.path, self.query, self.headers, self.body
        return signed(*of_request, self.keys, self.region, self.service, self.moment)

    def botocores(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
        """Sign it with botocore."""
        monkeypatch.setattr(auth, "get_current_datetime", lambda: dt.datetime.fromtimestamp(self.moment, dt.UTC))
        url = f"https://{self.host}{self.path}" + (f"?{self.query}" if self.query else "")
        request = AWSRequest(self.method, url, dict(self.headers), self.body)
        keys = Credentials(self.keys.access_key, self.keys.secret_key, self.keys.token or None)
        auth.SigV4Auth(keys, self.service, self.region).add_auth(request)
        return {name.lower(): value for name, value in request.headers.items()} | {"host": self.host}


def test_every_header_equals_botocores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth.logger, "disabled", True)  # it logs four lines a request
    for seed in range(DRAWS):
        request = Draw(seed)
        assert request.ours() == request.botocores(monkeypatch), f"request of seed {seed}"


def test_the_draws_cover_what_a_request_can_have() -> None:
    """Otherwise equality above might say little."""
    drawn = [Draw(seed) for seed in range(1000)]
    for kind in (
        {(each.service, bool(each.keys.token)) for each in drawn},
        {(each.method, bool(each.body)) for each in drawn},
        {(":" in each.host, bool(each.query)) for each in drawn},
        {("%" in each.path, each.path.endswith("/")) for each in drawn},
    ):
        assert len(kind) in {4, 6, 10}


def test_what_is_given_stays_unchanged() -> None:
    headers = {"X-Amz-Target": "a.B"}
    signed("POST", "h", "/", "", headers, b"", Keys("a", "s", "t", 0), "r", "s", 0)
    assert headers == {"X-Amz-Target": "a.B"}
