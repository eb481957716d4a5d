"""A ChatGPT behind TLS whose certificate nobody has signed but itself."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

CERTIFICATE = Path(__file__).parent / "certificate.pem"
"""With its key, of this server alone: for 127.0.0.1 and localhost, valid until 2126."""
_BODY = (
    b'{"model": "gpt-6-luna", "choices": [{"index": 0, "finish_reason": "stop", '
    b'"message": {"role": "assistant", "content": "Hello"}}]}'
)
_ANSWER = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b"


class TlsServer:
    """Answers each request alike.

    Attributes:
        heard: what came through the encryption, a request each.
        refused: how many clients did not like the certificate.
    """

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.refused = 0
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(CERTIFICATE)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}/v1"

    def _serve(self) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                client, _ = self._listener.accept()
                with client:
                    self._answer(client)

    def _answer(self, client: socket.socket) -> None:
        client.settimeout(10)
        try:
            secure = self._context.wrap_socket(client, server_side=True)
        except (ssl.SSLError, ConnectionError):
            self.refused += 1
            return
        with secure, suppress(OSError), secure.makefile("rb") as reader:
            head = b"".join(iter(reader.readline, b"\r\n"))
            length = int(head.lower().partition(b"content-length:")[2].split()[0])
            self.heard.append(head + reader.read(length))
            secure.sendall(_ANSWER % (len(_BODY), _BODY))
