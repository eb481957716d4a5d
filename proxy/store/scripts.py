"""The scripts of store/lua: their texts, and the digests by which Redis knows them."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources

_SCRIPTS: dict[str, tuple[str, ...]] = {
    "reserve": ("_limits", "_usage", "_rooms"),
    "settle": ("_limits", "_usage"),
    "leave": ("_limits", "_rooms"),
    **dict.fromkeys(("peek", "hold", "learn"), ("_limits",)),
    **dict.fromkeys(
        ("create", "open", "commit", "release", "renew", "read", "patch", "undo", "delete"),
        ("_record", "_session"),
    ),
    **dict.fromkeys(("list", "list_session"), ()),
    **dict.fromkeys(("turn_begin", "turn_read", "turn_cancel", "claim"), ("_record",)),
    **dict.fromkeys(("turn_append", "claim_renew", "claim_end"), ()),
}
"""The scripts, and the files that stand before each."""


@cache
def texts() -> dict[str, str]:
    """The whole text of each script, by its name."""
    folder = resources.files("proxy.store") / "lua"
    return {
        name: "".join((folder / f"{part}.lua").read_text("utf-8") for part in (*preludes, name))
        for name, preludes in _SCRIPTS.items()
    }


@cache
def digests() -> dict[str, str]:
    """What EVALSHA calls each script, by its name."""
    return {
        name: hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        for name, text in texts().items()
    }
