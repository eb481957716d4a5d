"""The client's connection underneath WSGI: waits that notice its end, and raw bytes."""

from __future__ import annotations

import errno
import socket
import time
from typing import Any

import gevent
from gevent.socket import wait_read


class Cut(ConnectionResetError):
    """Ends the connection at once; gevent's server closes it as if the client had gone."""

    def __init__(self) -> None:
        super().__init__(errno.ECONNRESET, "cut by the script")


class ClientGone(ConnectionResetError):
    """The client has closed its side."""

    def __init__(self) -> None:
        super().__init__(errno.ECONNRESET, "the client is gone")


class _Elapsed(Exception):
    """The pause is over."""


class Connection:
    """The socket of one request, beside what the WSGI server does with it."""

    __slots__ = ("_socket",)

    KEY = "simulator.connection"
    """Where the WSGI environ has it."""

    def __init__(self, sock: Any) -> None:
        """Wrap a socket of gevent's."""
        self._socket = sock

    def pause(self, seconds: float | None) -> None:
        """Let time pass, for ever when None, and other requests go on.

        Raises:
            ClientGone: the client went away meanwhile.
        """
        if seconds == 0:
            gevent.sleep(0)
            return
        started = time.monotonic()
        try:
            wait_read(self._socket.fileno(), seconds, _Elapsed)
        except _Elapsed:
            return
        if not self._socket.recv(1, socket.MSG_PEEK):
            raise ClientGone
        if seconds is not None:  # it has sent its next request already, and waits
            gevent.sleep(max(0.0, seconds - (time.monotonic() - started)))

    def send(self, data: bytes) -> None:
        """Send bytes past the WSGI server."""
        self._socket.sendall(data)
