"""A GitHub App as its owner has it: an id, and a key that is made anew for every test run."""

from __future__ import annotations

import functools

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.fakes import canaries

APP_ID = "123456"
INSTALLATION_ID = 7


@functools.cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def private_key() -> str:
    """Give the key as GitHub's .pem file has it; the test that asks for it must not let it out."""
    return canaries.plant("App's private key", _written())


@functools.cache
def _written() -> str:
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return _key().private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def signed_by(token: str) -> str:
    """Return the App that signed a token with this key, "" for none."""
    try:
        return str(jwt.decode(token, _key().public_key(), algorithms=["RS256"])["iss"])
    except jwt.PyJWTError:
        return ""
