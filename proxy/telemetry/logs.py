"""Structured logs on standard output: JSON lines, or readable lines on a terminal.

What is logged is named field by field. Message texts and secrets never are, and an exception is
told by its kind alone: its text may repeat what a caller or ChatGPT sent.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import structlog

from proxy.telemetry.throttle import Throttle

if TYPE_CHECKING:
    from proxy.settings import Settings

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_MOST_A_SECOND = 10
"""Problems of a kind that are told in a second, by all workers of the service together."""
_throttle = Throttle(_MOST_A_SECOND)
_log = structlog.get_logger("chat-proxy")


def configure(settings: Settings) -> None:
    """Set the form, the level and the share of the logs of this process."""
    _throttle.most = max(1, _MOST_A_SECOND // settings.workers)
    renderer: Any = structlog.processors.JSONRenderer()
    if settings.log_format == "console":
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[settings.log_level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )


def silence() -> None:
    """Log nothing: a command of the terminal has its own words for what goes wrong."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())


def access(**fields: Any) -> None:
    """One request that was answered."""
    _log.info("request", **fields)


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
        _log.warning("problem", what=what, error=name, **fields, **counted)


def defect(error: BaseException, **fields: Any) -> None:
    """A bug of ours: where it happened, without values."""
    _log.error("defect", error=type(error).__name__, where=_where(error), **fields)


def notice(event: str, **fields: Any) -> None:
    """Something an operator should know."""
    _log.warning(event, **fields)


def alarm(event: str, **fields: Any) -> None:
    """Something an operator must mend: the service cannot do its work."""
    _log.error(event, **fields)


def _where(error: BaseException) -> list[str]:
    places = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return places[-8:]
