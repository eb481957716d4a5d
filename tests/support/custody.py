"""Secrets, and where they must not be: checked of whatever any test's service says and keeps."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from proxy.store.connection import Command, Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CANARY = "sk-canary-5f0c2e7d9b1a4c68"
"""Stands for the upstream key; it must turn up nowhere."""
ADMIN_TOKEN = "admin-canary-3e9c51d07ab842f6-of-tests"
"""Opens the admin interface of the tests' shared service."""
_SECRET_CHARS = 43
_WORD = re.compile(rf"[A-Za-z0-9_-]{{{_SECRET_CHARS},}}")
_AT_ONCE = 500
_READERS = {
    b"string": ("GET",),
    b"hash": ("HGETALL",),
    b"list": ("LRANGE", 0, -1),
    b"set": ("SMEMBERS",),
    b"zset": ("ZRANGE", 0, -1),
    b"stream": ("XRANGE", "-", "+"),
}

issued: set[str] = set()
"""The secrets of all client keys that tests made or were told."""


def learn(text: str) -> None:
    """Note the secrets of the client keys in a text."""
    for word in _WORD.findall(text):
        if word.startswith("sk-proxy-"):
            issued.add(word[-_SECRET_CHARS:])


def found_in(text: str, *more: str) -> list[str]:
    """The secrets that a text tells: those of every test, client keys' and these."""
    always = [secret for secret in (CANARY, ADMIN_TOKEN, *more) if secret and secret in text]
    return always + [word for word in _WORD.findall(text) if word[-_SECRET_CHARS:] in issued]


def check_answer(headers: Mapping[str, str], body: bytes, sent: str) -> None:
    """An answer tells neither the service's secrets nor the one that it was asked with."""
    sent = sent if len(sent) >= _SECRET_CHARS else CANARY
    text = f"{headers} {body.decode('utf-8', 'replace')}"
    told = [secret for secret in {CANARY, ADMIN_TOKEN, sent} if secret in text]
    assert told == [], f"an answer told {told}: {text[:2000]}"
    if '"key"' in text:
        learn(text)


def check_service(log: str, arguments: str, password: str) -> None:
    """Neither the log of a service nor the arguments of its processes tell a secret."""
    assert found_in(log, password) == [], "the log told a secret"
    assert found_in(arguments, password) == [], "an argument told a secret"


def check_redis(store: Store) -> None:
    """Nothing that Redis keeps tells a secret."""
    for entry in dump(store):
        assert found_in(entry) == [], f"Redis keeps a secret: {entry[:2000]}"


def dump(store: Store) -> Iterator[str]:
    """Every key of Redis with its value, whatever its type."""
    keys = store.run(Command(("KEYS", "*"), list))
    for start in range(0, len(keys), _AT_ONCE):
        some = keys[start : start + _AT_ONCE]
        types = store.run_all(*(Command(("TYPE", key), bytes) for key in some))
        there = [pair for pair in zip(some, types, strict=True) if pair[1] in _READERS]
        reads = [Command((_READERS[kind][0], key, *_READERS[kind][1:]), str) for key, kind in there]
        values = store.run_all(*reads) if reads else []
        for (key, _), value in zip(there, values, strict=True):
            yield f"{key!r} {value}"


def family(pid: int) -> list[int]:
    """A process and all that it started."""
    return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]


def arguments(pid: int) -> str:
    """A process's command line; empty once it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""
