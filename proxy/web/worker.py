"""gunicorn's gevent worker, with an end in good order and room for whoever comes next.

The worker that gunicorn ships counts idle connections as work when it is told to stop, is killed
with its streams when its time is over, and lets connections that say nothing fill it.
"""

from __future__ import annotations

import errno
import signal
import socket
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import gevent
import gevent.socket
from gevent.pool import Pool
from gevent.server import StreamServer
from gunicorn.workers.ggevent import GeventWorker

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.sampling import Sampler
    from proxy.workload import Workload

END_S = 3.0
"""How long before it would be killed a worker ends what still runs: turns are stored meanwhile."""
_LINGER_S = 5.0
"""How long a worker that has a successor waits for the next request of an idle connection, to tell
it to come anew: whoever closes an idle connection may meet a request half way."""
_LOOK_S, _DRAINING_LOOK_S = 0.25, 0.05


class Connection(gevent.socket.socket):  # type: ignore[misc]  # gevent has no types
    """A client's connection, to which a little is sent at once: a relayed chunk costs 2 us less."""

    @classmethod
    def taken_from(cls, client: Any) -> Connection:
        """The same connection; what it was before is no more."""
        return cls(client.family, client.type, client.proto, client.detach())

    def sendall(self, data: bytes, flags: int = 0) -> None:
        """Send all of it; gevent's way begins with two copies and a question to the system."""
        sent = self.send(data, flags)
        if sent < len(data):
            super().sendall(memoryview(data)[sent:], flags)


class Worker(GeventWorker):  # type: ignore[misc]  # gunicorn has no types
    """One process that answers.

    Told to stop with the whole service, it goes on listening, says that it drains, begins no turn,
    and ends as soon as the last request is answered. Told to stop because another takes its place
    (a reload, or so many requests answered), it listens no more, and serves its connections
    to the end of the request they are in or send next. Either way, what would still run when
    gunicorn kills it is ended shortly before, as interrupted.
    """

    _load: Workload
    _sampler: Sampler
    _succeeded = False

    def init_signals(self) -> None:
        """SIGHUP tells that the SIGTERM to come means this worker and not the service."""
        super().init_signals()
        signal.signal(signal.SIGHUP, self._note_successor)

    def _note_successor(self, *_: object) -> None:
        self._succeeded = True

    def load_wsgi(self) -> None:
        """Load the app; its workload tells what this worker has to do."""
        super().load_wsgi()
        self._idle: dict[Any, None] = {}
        self._fullest = self.worker_connections * 15 // 16
        self._load = self.wsgi.extensions["workload"]
        self._sampler = self.wsgi.extensions["sampler"]

    def handle_exit(self, sig: int, frame: object) -> None:
        """SIGTERM."""
        if self.booted and not self._succeeded:
            self._load.draining = True
        super().handle_exit(sig, frame)

    def run(self) -> None:
        """Answer until told to stop."""
        pool = Pool(self.worker_connections)
        servers = [self._listen(listener, pool) for listener in self.sockets]
        while self.alive:
            self.notify()
            self._sampler.sample()
            gevent.sleep(_LOOK_S)
        self._drain(servers)

    def _listen(self, listener: Any, pool: Pool) -> StreamServer:
        listener.setblocking(1)
        # Closing the copy leaves the original to those who were accepted just before.
        server = StreamServer(listener.dup(), handle=partial(self.handle, listener), spawn=pool)
        if self.cfg.workers > 1:
            server.max_accept = 1
        server.start()
        return server

    def _drain(self, servers: list[StreamServer]) -> None:
        load = self._load
        begun, grace = time.monotonic(), self.cfg.graceful_timeout
        stopping = load.draining
        if not stopping:
            for server in servers:
                server.close()

        def done() -> bool:
            waits = not stopping and self._idle and time.monotonic() < begun + _LINGER_S
            return not (load.requests or load.turns or waits)

        self._wait(done, begun + grace - min(END_S, grace / 2))
        load.interrupt()
        self._wait(lambda: not (load.requests or load.turns), begun + grace)

    def _wait(self, done: Callable[[], bool], until: float) -> None:
        while not done() and time.monotonic() < until:
            self.notify()
            self._sampler.sample()
            gevent.sleep(_DRAINING_LOOK_S)

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """Serve a connection; when there are too many, the one that was idle longest goes."""
        if self._idle and len(self._idle) + self._load.requests >= self._fullest:
            _hang_up(next(iter(self._idle)))
        connection = Connection.taken_from(client)
        self._idle[connection] = None
        try:
            super().handle(listener, connection, addr)
        finally:
            self._idle.pop(connection, None)

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> None:
        """Answer a request; a client that does not read its answer is let go."""
        load = self._load
        self._idle.pop(sock, None)
        load.requests += 1
        sock.settimeout(load.write_timeout)
        try:
            super().handle_request(listener_name, req, sock, addr)
        except TimeoutError:
            raise BrokenPipeError(errno.EPIPE, "the client reads no more") from None
        finally:
            sock.settimeout(None)
            load.requests -= 1
            self._idle[sock] = None


def _hang_up(connection: socket.socket) -> None:
    """Close a connection; who waits for it to say something learns that it has ended."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
