"""What can go wrong between ChatGPT and its client; each fault spoils an answer on its way out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.simulator.faults import body, stream, wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.simulator.outgoing import Outgoing
    from proxy.simulator.script import FaultName

FAULTS: dict[FaultName, Callable[[Outgoing], Outgoing]] = {
    "close_delimited": wire.close_delimited,
    "comments": stream.comments,
    "crlf": stream.crlf,
    "cut_body": body.cut_body,
    "cut_stream": stream.cut_stream,
    "drip": wire.drip,
    "endless_stream": stream.endless_stream,
    "enormous_line": body.enormous_line,
    "error_event": stream.error_event,
    "gzip_bomb": body.gzip_bomb,
    "invalid_utf8": body.invalid_utf8,
    "malformed_event": stream.malformed_event,
    "malformed_json": body.malformed_json,
    "no_done": stream.no_done,
    "no_status_line": wire.no_status_line,
    "raw": wire.raw,
    "redirect": body.redirect,
    "silence": wire.silence,
    "wrong_content_length": body.wrong_content_length,
}
