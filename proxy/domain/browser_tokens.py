"""Browser tokens: what a client key vouches for, signed, so that nothing of it needs to be kept.

A token is ``ut-proxy-`` and a URL-safe text of itsdangerous: what it says as JSON in base64, and an
HMAC-SHA256 over it. Its bearer can read it and cannot change it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from itsdangerous import BadData, URLSafeSerializer

from proxy.domain.limits import Limits

if TYPE_CHECKING:
    from proxy.settings import Settings

PREFIX = "ut-proxy-"
SEAL_CHARS = 16
"""So many characters of the hash of a key's secret tell its secrets apart, and betray none."""

_SALT = "chat-proxy browser token 1"
"""With the number of the payload's form: a token of another form is none."""
_LONGEST = 8_000
_FORM = re.compile(r"\.?[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")
"""One spelling a token: base64 is read leniently, and its last character holds two idle bits."""
_WORD_CHARS = 20
"""A key for ChatGPT that is shorter is a word such as EMPTY or simulated, which can be guessed."""


@dataclass(frozen=True, slots=True)
class BrowserToken:
    """What a token says.

    Attributes:
        key_id: the client key that vouches for the user.
        seal: of the secret that the key had; the token ends with it.
        user: whom the key vouches for, as it names them.
        expires_ms: milliseconds since 1970.
        origin: whose pages may use it; empty for all.
        limits: the user's own.
    """

    key_id: str
    seal: str
    user: str
    expires_ms: int
    origin: str = ""
    limits: Limits = field(default_factory=Limits)

    @property
    def name(self) -> str:
        """The user without the characters that mean something in Redis keys and addresses."""
        return quote(self.user, safe="")


class _Written(NamedTuple):
    """A token's payload: a list is shorter than an object."""

    key_id: str
    seal: str
    user: str
    expires_ms: int
    origin: str
    limits: list[int]


class Signer:
    """Signs tokens, and reads those that it or another with the same secret signed."""

    def __init__(self, secret: bytes) -> None:
        self._serializer = URLSafeSerializer(
            secret,
            salt=_SALT,
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )

    def sign(self, token: BrowserToken) -> str:
        """What the browser sends."""
        limits = token.limits
        own = [limits.rpm, limits.tpm, limits.burst, limits.max_parallel]
        written = _Written(
            token.key_id,
            token.seal,
            token.user,
            token.expires_ms,
            token.origin,
            [limit or 0 for limit in own],
        )
        return PREFIX + str(self._serializer.dumps(written))

    def read(self, text: str, now: float) -> BrowserToken | None:
        """The token, None if it is none of ours, was changed, or has expired.

        Args:
            text: as the browser sent it.
            now: seconds since 1970.
        """
        signed = text.removeprefix(PREFIX)
        if len(signed) > _LONGEST or not _FORM.fullmatch(signed):
            return None
        try:
            written = _Written(*self._serializer.loads(signed))
        except BadData:
            return None
        if now * 1000 >= written.expires_ms:
            return None
        rpm, tpm, burst, max_parallel = written.limits
        return BrowserToken(*written[:-1], limits=Limits(rpm, tpm, burst, max_parallel))


def seal(secret_hash: str) -> str:
    """What a token keeps of the hash of a key's secret."""
    return secret_hash[:SEAL_CHARS]


def signer(settings: Settings) -> Signer | None:
    """The service's signer; None where there is nothing secret to sign with.

    Without a secret of their own, tokens are signed with one that is derived from the key for
    ChatGPT: services with the same key agree, and the key cannot be found out from it.
    """
    if settings.token_secret:
        return Signer(settings.token_secret.get_secret_value().encode())
    key = settings.openai_api_key.get_secret_value()
    if len(key) < _WORD_CHARS:
        return None
    return Signer(hmac.digest(key.encode(), b"chat-proxy browser tokens", "sha256"))
