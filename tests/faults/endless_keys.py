"""What in Redis never ends by itself, and what of it may."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from proxy.store.connection import Command
from tests.docs import pages

if TYPE_CHECKING:
    from proxy.store.connection import Store

PERMANENT = {"for ever", "the newest ten thousand entries"}
"""How docs/architecture.md says of a key that it does not end."""


def endless(redis_admin: Store) -> set[str]:
    """The keys without an end."""
    names = redis_admin.run(Command(("KEYS", "*"), list))
    ends = redis_admin.run_all(*(Command(("PTTL", name.decode()), int) for name in names))
    return {name.decode() for name, left in zip(names, ends, strict=True) if left == -1}


def permanent(key: str) -> bool:
    """Whether the documentation says that this key has no end."""
    rows = pages.rows("docs/architecture.md", "Key")
    patterns = [pages.code(row[0])[0] for row in rows if row[2] in PERMANENT]
    return any(re.fullmatch(_regex(pattern), key) for pattern in patterns)


def _regex(pattern: str) -> str:
    return re.sub(r"[A-Z][A-Z_0-9]*", ".+", re.escape(pattern))
