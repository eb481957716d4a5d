"""Bytes that are nearly requests: no worker dies, no answer is a 500, none is left out."""

from __future__ import annotations

import random
import re
import socket
import struct
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.security.corpus import SEEDS, mutated
from tests.support.keys import issue
from tests.support.service import Service
from tests.web.settings import QUICK_STOP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.embedded import EmbeddedRedis
    from proxy.simulator.process import SimulatedChatGPT
    from proxy.store.connection import Store

STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
PATIENCE_S = 60
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@pytest.fixture(scope="module")
def attacked(redis_server: EmbeddedRedis, simulator: SimulatedChatGPT) -> Iterator[Service]:
    settings = {"PROXY_WRONG_KEY_DELAY": "0", "PROXY_BODY_DEADLINE": "2", "WEB_CONCURRENCY": "2"}
    with Service(redis_server.url, simulator.url, **settings, **QUICK_STOP) as running:
        yield running


def statuses(port: int, raw: bytes, *, reset: bool) -> list[int]:
    """Send bytes and no more; the statuses of all answers until the connection ends.

    Args:
        port: on loopback.
        raw: what is sent.
        reset: break the connection then, without reading.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connection:
        connection.sendall(raw)
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            return []
        connection.shutdown(socket.SHUT_WR)
        told = b""
        while chunk := connection.recv(65_536):
            told += chunk
    return [int(status) for status in STATUS.findall(told)]


def attack(service: Service, key: str, many: int, seed: int) -> Counter[int]:
    """Send so many mutated requests, eight at a time; how often each status came."""
    chance = random.Random(seed)
    seeds = [raw.replace(b"$KEY", key.encode()) for raw in SEEDS]

    def one(raw: bytes) -> list[int]:
        try:
            return statuses(service.port, raw, reset=zlib.crc32(raw) % 16 == 0)
        except (ConnectionResetError, BrokenPipeError):
            return []  # refused before all of it was read

    told: Counter[int] = Counter()
    with ThreadPoolExecutor(8) as attackers:
        for start in range(0, many, 1_000):
            part = min(1_000, many - start)
            raws = [mutated(chance.choice(seeds), chance) for _ in range(part)]
            for answered in attackers.map(one, raws):
                told.update(answered or [0])
    return told


def harmless(service: Service, key: str, many: int, seed: int) -> Counter[int]:
    """Attack, and see that the service is as well as before."""
    before = set(service.workers)
    told = attack(service, key, many, seed)
    assert set(service.workers) == before
    assert '"defect"' not in service.log
    assert {status for status in told if status >= 500} <= {501, 505}  # "I do not speak this"
    assert told[200] > many // 100
    assert told[400] > many // 10
    assert service.client(key).chat("Hello").ok
    return told


def test_some_thousand_mutated_requests_do_no_harm(attacked: Service, store: Store) -> None:
    harmless(attacked, issue(store, rpm=0, tpm=0)[1], 2_000, seed=1)


@pytest.mark.soak
def test_a_hundred_thousand_mutated_requests_do_no_harm(attacked: Service, store: Store) -> None:
    told = harmless(attacked, issue(store, rpm=0, tpm=0)[1], 100_000, seed=2)
    print(dict(sorted(told.items())))


def test_every_seed_is_a_request_that_is_understood(attacked: Service, store: Store) -> None:
    key = issue(store, rpm=0, tpm=0)[1].encode()
    for raw in SEEDS:
        told = statuses(attacked.port, raw.replace(b"$KEY", key), reset=False)
        assert set(told) <= {100, 200, 201, 204, 401, 404, 409, 429, 499}
        assert told
