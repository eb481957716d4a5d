"""gunicorn's own log: what is no HTTP is told of, and not repeated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.waiting import wait_until
from tests.web.raw_http import exchange
from tests.web.settings import QUICK_STOP

if TYPE_CHECKING:
    from tests.conftest import NewKey, StartService

MANGLED = (
    "GET /sessions Authorization: Bearer $KEY HTTP/1.1\r\nHost: x",
    "GET /sessions HTTP/1.1Authorization: Bearer $KEY\r\nHost: x",
    "GET /sessions HTTP/1.1\r\nHost: x\r\nAuthorization Bearer $KEY",
    "GET /sessions HTTP/1.1\r\nHost: x\r\nAuthorization : Bearer $KEY",
    "Authorization: Bearer $KEY\r\nGET /sessions HTTP/1.1\r\nHost: x",
    "GET /sessions HTTP/1.1\r\nHost: x\r\n Authorization: Bearer $KEY",
    "GET /sessions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: $KEY",
    "GET /sessions HTTP/1.1\r\nHost: x\r\nContent-Length: $KEY",
    "GET /sessions HTTP/1.1\r\nHost: x\r\nExpect: $KEY",
)


def test_a_key_in_a_mangled_request_is_not_logged(
    start_service: StartService, new_key: NewKey
) -> None:
    service, key = start_service(**QUICK_STOP), new_key()
    for mangled in MANGLED:
        sent = mangled.replace("$KEY", key).encode() + b"\r\n\r\n"
        assert 400 <= exchange(service.port, sent, "GET").status < 600
    wait_until(lambda: service.log.count("Invalid request from ip=127.0.0.1") >= 5, "the lines")
    assert key[-43:] not in service.log
