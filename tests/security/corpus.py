"""Requests as bytes, and what a fuzzer makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

_JSON = b"Content-Type: application/json\r\n"
_CHAT = b'{"message": "Hello"}'
_COMPLETION = b'{"model": "gpt-6-luna", "messages": [{"role": "user", "content": "Hello"}]}'
_SESSION = b"s_aaaaaaaaaaaaaaaaaaaaaa"


def _request(line: bytes, body: bytes = b"", headers: bytes = _JSON) -> bytes:
    """A good request; $KEY stands for a client key."""
    length = b"Content-Length: %d\r\n" % len(body) if body else b""
    head = b" HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer $KEY\r\n"
    return line + head + headers + length + b"\r\n" + body


def _chunked(line: bytes, *chunks: bytes) -> bytes:
    sent = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return _request(line, headers=_JSON + b"Transfer-Encoding: chunked\r\n") + sent + b"0\r\n\r\n"


SEEDS: tuple[bytes, ...] = (
    _request(b"GET /livez"),
    _request(b"GET /readyz"),
    _request(b"GET /metrics"),
    _request(b"GET /openapi.json"),
    _request(b"GET /sessions?limit=5&q=a&cursor="),
    _request(b"GET /sessions/" + _SESSION),
    _request(b"GET /sessions/" + _SESSION + b"/export?format=markdown"),
    _request(b"PATCH /sessions/" + _SESSION, b'{"title": "A", "ttl": 60}'),
    _request(b"DELETE /sessions/" + _SESSION),
    _request(b"POST /sessions", b'{"system": "Be brief.", "parameters": {"seed": 1}}'),
    _request(b"POST /sessions/" + _SESSION + b"/fork", b'{"turn": 1}'),
    _request(b"POST /chat", _CHAT),
    _request(b"POST /chat", b'{"message": "Hello", "stream": true, "wait": 0.1}'),
    _request(b"POST /chat?max_tokens=50", b"Hello", b"Content-Type: text/plain\r\n"),
    _request(b"POST /chat", _CHAT, _JSON + b"Idempotency-Key: abc\r\nPrefer: wait=1\r\n"),
    _request(b"POST /chat", _CHAT, _JSON + b"Accept: text/plain;q=0.5, */*\r\nX-Request-ID: a\r\n"),
    _request(b"POST /chat", _CHAT, _JSON + b"Expect: 100-continue\r\n"),
    _chunked(b"POST /chat", _CHAT[:7], _CHAT[7:]),
    _chunked(b"POST /v1/chat/completions", _COMPLETION[:1], _COMPLETION[1:40], _COMPLETION[40:]),
    _request(b"POST /v1/chat/completions", _COMPLETION),
    _request(b"POST /v1/chat/completions", _COMPLETION[:-1] + b', "stream": true}'),
    _request(b"POST /v1/embeddings", b'{"model": "text-embedding-3-small", "input": "Hello"}'),
    _request(b"POST /v1/responses", b'{"model": "gpt-6-luna", "input": "Hello"}'),
    _request(b"GET /v1/models/gpt-6-luna"),
    _request(b"GET /chat/turns/t_aaaaaaaaaaaaaaaaaaaaaa/events", headers=b"Last-Event-ID: 3\r\n"),
    _request(b"POST /chat/turns/t_aaaaaaaaaaaaaaaaaaaaaa/cancel"),
    _request(b"POST /tokens", b'{"user": "ada", "ttl": 5, "limits": {"rpm": 5, "burst": 1}}'),
    _request(b"OPTIONS /chat", headers=b"Origin: https://a.example\r\n"),
    _request(b"POST /admin/api/keys", b'{"name": "Ada"}'),
    _request(b"GET /livez") + _request(b"GET /sessions") + _request(b"POST /chat", _CHAT),
)

TOKENS: tuple[bytes, ...] = (
    *(b"\r\n", b"\n", b"\r", b"\x00", b" ", b"\t", b":", b"/", b"..", b"%00", b"%", b"%2e", b"?"),
    *(
        b"\xff",
        b"\xc3",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xef\xbb\xbf",
        b"\\ud800",
        b"\\u0000",
    ),
    *(b"{", b"}", b"[", b"]", b'"', b",", b"null", b"true", b"NaN", b"-1", b"1e999", b"0x1f"),
    *(b"9" * 30, b"[" * 200, b"A" * 5_000, b"\r\nX: " + b"y" * 3_000),
    *(b"\r\nTransfer-Encoding: chunked", b"\r\nContent-Length: 0", b"\r\nContent-Length: 99"),
    *(b"\r\nConnection: close", b"\r\nUpgrade: h2c", b"\r\nExpect: 100-continue", b"\r\nHost: x"),
    *(b"HTTP/1.0", b"HTTP/2.0", b"GET", b"HEAD", b"PATCH", b"0\r\n\r\n", b"ffffffffffffffff\r\n"),
)


def mutated(seed: bytes, chance: random.Random) -> bytes:
    """A seed with one to six changes."""
    raw = bytearray(seed)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(raw) + 1)
        until = min(len(raw), at + chance.choice((1, 1, 2, 4, 16, 64)))
        kind = chance.randrange(6)
        if kind == 0:
            raw[at:until] = chance.choice(TOKENS)
        elif kind == 1:
            raw[at:at] = chance.choice(TOKENS)
        elif kind == 2:
            raw[at:until] = chance.randbytes(until - at)
        elif kind == 3:
            del raw[at:until]
        elif kind == 4:
            raw[at:at] = raw[at:until] * chance.choice((1, 2, 8))
        elif raw and at < len(raw):
            raw[at] ^= 1 << chance.randrange(8)
    return bytes(raw)
