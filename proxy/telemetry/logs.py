"""Structured logs on standard output: JSON lines, or readable lines on a terminal.

What is logged is named field by field. Secrets never are, message texts only where a setting asks
for them, and an exception is told by its kind alone: its text may repeat what a caller or ChatGPT
sent.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import orjson
import structlog

from proxy.telemetry import current
from proxy.telemetry.throttle import Throttle

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.settings import Settings
    from proxy.telemetry.current import Current

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_MOST_A_SECOND = 10
"""Problems of a kind that are told in a second, by all workers of the service together."""
_throttle = Throttle(_MOST_A_SECOND)
_log = structlog.get_logger("chat-proxy")
_told: dict[str, bool] = {"messages": False}


def configure(settings: Settings) -> None:
    """Set the form, the level and the share of the logs of this process."""
    _throttle.most = max(1, _MOST_A_SECOND // settings.workers)
    _told["messages"] = settings.log_messages
    if settings.log_format == "console":
        renderer: Any = structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())
        printer: Any = structlog.PrintLoggerFactory(sys.stdout)
    else:
        renderer = structlog.processors.JSONRenderer(_line)
        printer = structlog.BytesLoggerFactory(sys.stdout.buffer)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[settings.log_level]),
        logger_factory=printer,
        cache_logger_on_first_use=True,
    )


def silence() -> None:
    """Log nothing: a command of the terminal has its own words for what goes wrong."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())


def access(now: Current, fields: Mapping[str, Any]) -> None:
    """One request that was answered.

    Args:
        now: where its time went, and what it used.
        fields: what else is known; what is None is left out.
    """
    told = {name: value for name, value in fields.items() if value is not None} | now.parts()
    if now.usage is not None:
        told["model"] = now.model
        told["prompt_tokens"] = now.usage.prompt_tokens
        told["completion_tokens"] = now.usage.completion_tokens
        told["cost_usd"] = now.cost_usd
    _log.info("request", **told)


def messages(question: Any, answer: Any, **fields: Any) -> None:
    """What was asked and answered, word for word: only where PROXY_LOG_MESSAGES asks for it.

    Args:
        question: messages.
        answer: likewise; None where it is not known.
        fields: whose they are.
    """
    if _told["messages"]:
        known = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
        _log.info("messages", **_of_request(), question=question, answer=known, **fields)


def problem(what: str, error: BaseException, *, every_s: float = 0, **fields: Any) -> None:
    """Something the service depends on failed; the caller is told on its own way.

    A flood is cut: of problems of a kind, which is `what` and the error's class, the service tells
    at most ten a second; the next one that is told has in `left_out` how many were not.

    Args:
        what: which part failed: one of few words, never one out of a request.
        error: how; its class is told, its words are not.
        every_s: tell it once in so many seconds in each worker, in place of ten a second.
        fields: what else is known.
    """
    name = type(error).__name__
    left_out = _throttle.passes(f"{what} {name}", time.monotonic(), every_s)
    if left_out is not None:
        counted = {"left_out": left_out} if left_out else {}
        _log.warning("problem", what=what, error=name, **_of_request(), **fields, **counted)


def defect(error: BaseException, **fields: Any) -> None:
    """A bug of ours: where it happened, without values."""
    name = type(error).__name__
    _log.error("defect", error=name, where=_where(error), **_of_request(), **fields)


def notice(event: str, **fields: Any) -> None:
    """Something an operator should know."""
    _log.warning(event, **fields)


def alarm(event: str, **fields: Any) -> None:
    """Something an operator must mend: the service cannot do its work."""
    _log.error(event, **fields)


def _line(event: dict[str, Any], **_: Any) -> bytes:
    return orjson.dumps(event, default=str)


def _of_request() -> dict[str, str]:
    """Which request it happened to, if to any."""
    request_id = current.get().request_id
    return {"request_id": request_id} if request_id else {}


def _where(error: BaseException) -> list[str]:
    places = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return places[-8:]
