"""Connections to Redis: none with anything unread is used again, and there are only so many."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import redis

from proxy.settings import load
from proxy.store.wires import Wires
from tests.support.fault_proxy import FaultProxy
from tests.support.service import CANARY
from tests.support.tls_server import CERTIFICATE
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.store.wires import Wire
    from tests.support.redis_server import RedisServer

MOST = 3


def wires_to(url: str) -> Wires:
    settings = {"PROXY_REDIS_MAX_CONNECTIONS": str(MOST), "PROXY_REDIS_CONNECT_TIMEOUT": "30"}
    return Wires(url, load({"REDIS_URL": url, "OPENAI_API_KEY": CANARY, **settings}))


@pytest.fixture
def wires(redis_server: RedisServer) -> Iterator[Wires]:
    with closing(wires_to(redis_server.admin_url)) as opened:
        yield opened


def said(wire: Wire, *words: str) -> object:
    wire.send([words])
    return wire.replies(1)[0]


@contextmanager
def encrypted(server: RedisServer) -> Iterator[str]:
    """A way to this server through TLS, for one connection: its URL."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=relay, args=(listener, context, server), daemon=True).start()
        enters = urlsplit(server.admin_url).netloc
        yield f"rediss://{enters}127.0.0.1:{listener.getsockname()[1]}?ssl_ca_certs={CERTIFICATE}"


def relay(listener: socket.socket, context: ssl.SSLContext, server: RedisServer) -> None:
    with socket.socket(socket.AF_UNIX) as beyond, suppress(OSError):
        beyond.connect(urlsplit(server.url).path)
        with context.wrap_socket(listener.accept()[0], server_side=True) as client:
            while asked := client.recv(65_536):
                beyond.sendall(asked)
                client.sendall(beyond.recv(65_536))


def test_the_one_that_was_used_last_is_used_next(wires: Wires) -> None:
    first, second = wires.take(), wires.take()
    wires.give_back(second)
    wires.give_back(first)
    assert [wires.take(), wires.take()] == [first, second]


def test_one_with_an_unread_reply_is_not_used_again(wires: Wires) -> None:
    wire = wires.take()
    wire.send([("ECHO", "Ada's secret")])
    wait_until(lambda: not wire.quiet, "the reply")
    wires.give_back(wire)
    assert said(wires.take(), "ECHO", "mine") == b"mine"


def test_one_with_a_reply_too_many_is_not_used_again(wires: Wires) -> None:
    wire = wires.take()
    wire.send([("ECHO", "mine"), ("ECHO", "Ada's secret")])
    assert wire.replies(1) == [b"mine"]
    wires.give_back(wire)
    assert said(wires.take(), "ECHO", "mine") == b"mine"


def test_idle_ones_that_redis_closed_are_replaced_unseen(wires: Wires) -> None:
    taken = [wires.take() for _ in range(MOST)]
    said(taken[0], "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    for wire in taken:
        wires.give_back(wire)
    assert [said(wires.take(), "ECHO", text) for text in "abc"] == [b"a", b"b", b"c"]


def test_one_that_was_reset_is_replaced(redis_server: RedisServer) -> None:
    with FaultProxy(redis_server.url) as proxy, closing(wires_to(proxy.url)) as wires:
        wire = wires.take()
        wires.give_back(wire)
        proxy.reset()
        wait_until(lambda: not wire.quiet, "the connection to be reset")
        assert said(wires.take(), "PING") == b"PONG"


def test_there_are_no_more_than_the_setting_says(wires: Wires) -> None:
    taken = [wires.take() for _ in range(MOST)]
    with pytest.raises(redis.ConnectionError, match="taken"):
        wires.take()
    wires.drop(taken[0])
    assert said(wires.take(), "PING") == b"PONG"


def test_who_waits_gets_the_one_that_is_given_back(wires: Wires) -> None:
    taken = [wires.take() for _ in range(MOST)]
    threading.Timer(0.05, wires.give_back, [taken[0]]).start()
    assert wires.take() is taken[0]


def test_a_crowd_is_no_outage(redis_server: RedisServer) -> None:
    """Each waits longer than for a reply, but not longer than that for another's."""
    settings = {"PROXY_REDIS_MAX_CONNECTIONS": "1", "PROXY_REDIS_TIMEOUT": "1"}
    url = redis_server.admin_url
    loaded = load({"REDIS_URL": url, "OPENAI_API_KEY": CANARY, **settings})
    with closing(Wires(url, loaded)) as wires, ThreadPoolExecutor(12) as threads:

        def hold() -> None:
            wire = wires.take()
            time.sleep(0.2)
            wires.give_back(wire)

        for done in [threads.submit(hold) for _ in range(12)]:
            done.result()


def test_a_connection_that_cannot_be_made_takes_no_place(redis_server: RedisServer) -> None:
    with FaultProxy(redis_server.url) as proxy, closing(wires_to(proxy.url)) as wires:
        proxy.cut_after = 0
        for _ in range(MOST + 1):
            with pytest.raises(redis.ConnectionError, match=r"^(?!.*taken)"):
                wires.take()
        proxy.cut_after = None
        assert said(wires.take(), "PING") == b"PONG"


def test_who_is_given_back_after_the_end_is_closed(wires: Wires) -> None:
    wire = wires.take()
    wires.close()
    wires.give_back(wire)
    assert not wire.quiet


def test_redis_is_told_the_name_and_the_database(redis_server: RedisServer) -> None:
    with closing(wires_to(redis_server.admin_url.replace("db=0", "db=3"))) as wires:
        told = said(wires.take(), "CLIENT", "INFO")
    assert isinstance(told, bytes)
    assert {b"name=chat-proxy", b"db=3"} <= set(told.split())


def test_it_can_be_encrypted_and_used_again(redis_server: RedisServer) -> None:
    with encrypted(redis_server) as url, closing(wires_to(url)) as wires:
        wire = wires.take()
        assert said(wire, "PING") == b"PONG"
        wires.give_back(wire)
        assert wires.take() is wire
        assert said(wire, "ECHO", "again") == b"again"
