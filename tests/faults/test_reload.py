"""SIGHUP and recycled workers: others take over, and no request fails by it."""

from __future__ import annotations

import shutil
import signal
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from tests.faults.kept_connection import KeptConnection
from tests.streaming.listening import stream
from tests.support.service import ROOT
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import NewKey, StartService
    from tests.support.service import Client, Service
    from tests.support.simulator import Control

CLIENTS = 8


@contextmanager
def asked_all_the_time(service: Service, caller: Client) -> Iterator[Counter[int]]:
    """Clients that ask one question after the other on kept connections; statuses, counted."""
    statuses: Counter[int] = Counter()
    enough = threading.Event()

    def ask() -> None:
        with KeptConnection(service, caller) as kept:
            while not enough.is_set():
                statuses[kept.chat().status] += 1

    with ThreadPoolExecutor(CLIENTS) as threads, ExitStack() as ended:
        ended.callback(enough.set)
        clients = [threads.submit(ask) for _ in range(CLIENTS)]
        yield statuses
        enough.set()
        for client in clients:
            client.result()


def replaced(service: Service, former: list[int]) -> bool:
    """Whether two other workers are there, and none of the former ones."""
    now = service.workers
    return len(now) == 2 and not set(now) & set(former)


def test_no_request_fails_while_workers_are_replaced(
    start_service: StartService, chatgpt: Control, new_key: NewKey
) -> None:
    service = start_service(WEB_CONCURRENCY="2", PROXY_GRACEFUL_TIMEOUT="60")
    caller = service.client(new_key(rpm=0, tpm=0))
    former = service.workers
    chatgpt.queue(total_chars=40, chunk_size=4, chunks_per_s=4)
    with stream(caller) as events:
        events.until("delta")
        with asked_all_the_time(service, caller) as statuses:
            wait_until(lambda: statuses[200] > 2 * CLIENTS, "the clients to be answered")
            service.tell(signal.SIGHUP)
            wait_until(lambda: replaced(service, former), "the workers to be replaced")
            answered = statuses[200]
            wait_until(lambda: statuses[200] > answered + 2 * CLIENTS, "the new ones to answer")
        assert set(statuses) == {200}
        assert list(events)[-1].kind == "done"


def test_recycled_workers_fail_no_request(
    start_service: StartService, chatgpt: Control, new_key: NewKey
) -> None:
    service = start_service(
        WEB_CONCURRENCY="2", PROXY_RECYCLE_AFTER="100", PROXY_GRACEFUL_TIMEOUT="60"
    )
    caller = service.client(new_key(rpm=0, tpm=0))
    former = service.workers
    with asked_all_the_time(service, caller) as statuses:
        wait_until(lambda: not set(service.workers) & set(former), "both to be replaced", 60)
    assert set(statuses) == {200}


def test_wrong_settings_are_not_reloaded_and_right_ones_are(
    start_service: StartService, chatgpt: Control, new_key: NewKey, tmp_path: Path
) -> None:
    folder = tmp_path / "config"
    shutil.copytree(ROOT / "config", folder)
    service = start_service(WEB_CONCURRENCY="2", PROXY_CONFIG_DIR=str(folder))
    caller, former = service.client(new_key()), service.workers
    (folder / "proxy.toml").write_text("default_model = 7")
    service.tell(signal.SIGHUP)
    wait_until(lambda: "Nothing is reloaded." in service.log, "the log to say so")
    assert "PROXY_DEFAULT_MODEL" in service.log
    assert service.workers == former
    (folder / "proxy.toml").write_text('default_model = "gpt-6-sol"')
    service.tell(signal.SIGHUP)
    wait_until(lambda: replaced(service, former), "the workers to be replaced")
    assert caller.chat().json()["model"] == "simulated-gpt-6-sol"
