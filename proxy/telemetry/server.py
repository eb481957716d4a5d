"""gunicorn's own lines in the log, without what a caller sent."""

from __future__ import annotations

from typing import Any

from gunicorn.glogging import Logger

_MALFORMED = "Invalid request from ip="


class ServerLog(Logger):  # type: ignore[misc]
    """Tells of a malformed request where it came from, and none of its bytes: one may be a key."""

    def warning(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """As gunicorn's."""
        told = msg.partition(": ")[0] if msg.startswith(_MALFORMED) else msg
        super().warning(told, *args, **kwargs)
