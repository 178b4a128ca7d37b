"""EC2's instance metadata service, version 2.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
"""

from __future__ import annotations

import http
import os

from refresh.agent.aws import Connection, Unanswered


class Metadata:
    """What EC2 says about this instance. AWS's own tools read the same variable for the address of the service."""

    def __init__(self) -> None:
        address = os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or "http://169.254.169.254"
        self._connection = Connection(address)
        self._token = ""

    def get(self, path: str) -> str | None:
        """Return the text at `/latest/meta-data/<path>`; None if there is none.

        Raises Unanswered.
        """
        status, text = self._look_up(path)
        if status == http.HTTPStatus.UNAUTHORIZED:  # the token is the first one, or has expired
            self._token = self._new_token()
            status, text = self._look_up(path)
        if status == http.HTTPStatus.OK:
            return text
        if status == http.HTTPStatus.NOT_FOUND:
            return None
        raise Unanswered(f"metadata {path}: HTTP {status}")

    def _look_up(self, path: str) -> tuple[int, str]:
        if not self._token:
            return http.HTTPStatus.UNAUTHORIZED, ""
        status, _, body = self._connection.ask(
            "GET", f"/latest/meta-data/{path}", {"X-aws-ec2-metadata-token": self._token}
        )
        return status, body.decode(errors="replace")

    def _new_token(self) -> str:
        lifetime = {"X-aws-ec2-metadata-token-ttl-seconds": "21600"}
        status, _, body = self._connection.ask("PUT", "/latest/api/token", lifetime)
        if status != http.HTTPStatus.OK:
            raise Unanswered(f"metadata token: HTTP {status}")
        return body.decode(errors="replace").strip()
