"""What is no HTTP: refused with a 4xx that ends the connection, and the worker lives on."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from tests.web.raw_http import exchange

if TYPE_CHECKING:
    from tests.support.service import Client, Service

HEAD = b"POST /chat HTTP/1.1\r\nHost: x\r\n"
TWO = b"0\r\n\r\nGET /readyz HTTP/1.1\r\nHost: x\r\n\r\n"
"""The end of a chunked body, and another request behind it."""


@pytest.mark.parametrize(
    "sent",
    [
        HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + TWO,
        HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + TWO,
        HEAD + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        HEAD + b"Content-Length: 5, 5\r\n\r\nhello",
        HEAD + b"Content-Length: +5\r\n\r\nhello",
        HEAD + b"Content-Length: 0x5\r\n\r\nhello",
        HEAD + b"Content-Length: 5 5\r\n\r\nhello",
        HEAD + b"Content-Length:\r\n\r\nhello",
        HEAD + b"Transfer-Encoding: chunked, chunked\r\n\r\n" + TWO,
        HEAD + b"Transfer-Encoding: xchunked\r\n\r\n" + TWO,
        HEAD + b"Transfer-Encoding: \x0bchunked\r\n\r\n" + TWO,
        HEAD + b"Transfer-Encoding : chunked\r\n\r\n" + TWO,
        HEAD + b"X: a\r\n folded\r\n\r\n",
        HEAD + b"X: a\r\n\tfolded\r\n\r\n",
        HEAD + b"X: a\nY: b\r\n\r\n",
        b"POST /chat HTTP/1.1\nHost: x\r\n\r\n",
        b"POST /chat HTTP/1.1\r\nHost: x\n\r\n\r\n",
        HEAD + b"X: a\x00b\r\n\r\n",
        HEAD + b"X\x00: a\r\n\r\n",
        HEAD + b"X: a\rb\r\n\r\n",
        HEAD + b": a\r\n\r\n",
        HEAD + b"X y: a\r\n\r\n",
        HEAD + b"".join(b"X-%d: a\r\n" % number for number in range(200)) + b"\r\n",
        b"POST  /chat HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /chat\r\nHost: x\r\n\r\n",
        b"POST /chat HTTP/2.0\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\n\r\n",
    ],
)
def test_malformed_framing_is_refused_and_nothing_behind_it_is_answered(
    service: Service, sent: bytes
) -> None:
    workers = service.workers
    answered = everything(service.port, sent)
    assert answered.count(b"HTTP/1.1 ") == 1
    status = int(answered.split(b" ", 2)[1])
    assert 400 <= status < 500 or status == 501
    assert b"redis" not in answered
    assert service.workers == workers


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"5",
        b"5\r\nhel",
        b"\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"+5\r\nhello\r\n0\r\n\r\n",
        b" 5\r\nhello\r\n0\r\n\r\n",
        b"5 \r\nhello\r\n0\r\n\r\n",
        b"5\nhello\r\n0\r\n\r\n",
        b"5\r\nhello0\r\n\r\n",
        b"5\r\nhello\r\n0\r\nX: a\n\r\n\r\n",
        b"5\r\nhello\r\n0\r\nX: a\r\n folded\r\n\r\n",
        b"FFFFFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n",
        b"1" * 20_000 + b"\r\n",
        b"5;" + b"x" * 20_000,
    ],
)
def test_bad_chunks_are_a_400(service: Service, api: Client, body: bytes) -> None:
    key = api.headers["Authorization"].encode()
    sent = HEAD + b"Authorization: " + key + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + body
    workers = service.workers
    answered = everything(service.port, sent)
    assert answered.startswith(b"HTTP/1.1 400 ")
    assert service.workers == workers


@pytest.mark.parametrize("path", ["//livez", "//", "///chat", "/chat//", "/%2f%2flivez"])
def test_slashes_make_no_other_path(service: Service, path: str) -> None:
    sent = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert exchange(service.port, sent.encode()).status in {404, 405, 200}


def everything(port: int, sent: bytes) -> bytes:
    """All that the service answers to this, and that the sender ends there."""
    answered = b""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        with suppress(OSError):  # who sends on after a refusal may meet an RST
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):
            while part := connection.recv(65_536):
                answered += part
    return answered
