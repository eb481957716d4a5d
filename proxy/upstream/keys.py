"""The keys that ChatGPT is asked with: one, and while it is rotated its successor."""

from __future__ import annotations

_AGAIN_S = 30.0
"""A key that was refused is not tried again for so long: both may be wrong."""


class Keys:
    """Of two keys the one that ChatGPT took last is used, at first the first.

    Attributes:
        current: the key to ask with.
    """

    def __init__(self, words: tuple[str, ...]) -> None:
        """Nothing was refused yet.

        Args:
            words: the keys, the first one first.
        """
        self.current = words[0]
        self._words = words
        self._refused_at: dict[str, float] = {}

    def number(self, key: str) -> int:
        """Which it is, from 1: what a log may tell of it."""
        return self._words.index(key) + 1

    def after(self, refused: str, now: float) -> str | None:
        """Another key to try, since ChatGPT refused this one; None if there is none.

        Args:
            refused: the key.
            now: seconds of a clock that never steps back.
        """
        self._refused_at[refused] = now
        for key in self._words:
            if key != refused and now - self._refused_at.get(key, -_AGAIN_S) >= _AGAIN_S:
                self.current = key
                return key
        return None

    def hide(self, text: str) -> str:
        """A text of ChatGPT's without the keys."""
        for key in sorted(self._words, key=len, reverse=True):
            text = text.replace(key, "[hidden]")
        return text
