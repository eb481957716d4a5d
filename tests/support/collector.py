"""A collector of traces: takes OTLP over HTTP, and keeps the spans."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = {1: "internal", 2: "server", 3: "client"}
FAILED = 2


@dataclass(frozen=True, slots=True)
class Span:
    """A span as it was sent; times are in nanoseconds.

    Attributes:
        resource: what sent it.
    """

    trace_id: str
    id: str
    parent_id: str
    name: str
    kind: str
    begin: int
    end: int
    failed: bool
    attributes: dict[str, Any]
    resource: dict[str, Any]


@dataclass(slots=True)
class Collector:
    """What came."""

    url: str = ""
    spans: list[Span] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def trace(self, trace_id: str, many: int) -> dict[str, Span]:
        """So many spans of a trace, as soon as they are there, by their names."""

        def found() -> list[Span]:
            return [span for span in self.spans if span.trace_id == trace_id]

        wait_until(lambda: len(found()) >= many, f"{many} spans, not {found()}")
        named = {span.name: span for span in found()}
        assert len(named) == len(found()) == many, sorted(span.name for span in found())
        return named

    def take(self, body: bytes) -> None:
        """Read what was sent."""
        self.bodies.append(body)
        for sender in ExportTraceServiceRequest.FromString(body).resource_spans:
            resource = _attributes(sender.resource.attributes)
            for scope in sender.scope_spans:
                self.spans += [_span(span, resource) for span in scope.spans]


def _span(span: Any, resource: dict[str, Any]) -> Span:
    return Span(
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.name,
        KINDS[span.kind],
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        span.status.code == FAILED,
        _attributes(span.attributes),
        resource,
    )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, kind)


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector on a port of its own."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            collector.take(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
