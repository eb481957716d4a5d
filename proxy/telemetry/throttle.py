"""Lets only so many lines of a kind through in a time, and counts those that it leaves out."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Kind:
    """When the newest lines went through, and how many were left out since."""

    passed: deque[float] = field(default_factory=deque)
    left_out: int = 0


class Throttle:
    """What it remembers grows with the kinds, which therefore have to be few.

    Attributes:
        most: how many lines of a kind may pass in any second.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._kinds: dict[str, _Kind] = {}

    def passes(self, kind: str, now: float, every_s: float = 0) -> int | None:
        """Whether one more line of this kind may pass.

        Args:
            kind: which; each is counted for itself.
            now: seconds of a clock that never steps back.
            every_s: let one pass in so many seconds, in place of `most` in one.

        Answers how many were left out since the last that passed; None to leave this one out too.
        """
        most, seconds = (1, every_s) if every_s else (self.most, 1.0)
        known = self._kinds.setdefault(kind, _Kind())
        while known.passed and now - known.passed[0] >= seconds:
            known.passed.popleft()
        if len(known.passed) >= most:
            known.left_out += 1
            return None
        known.passed.append(now)
        left_out, known.left_out = known.left_out, 0
        return left_out
