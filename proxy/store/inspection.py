"""What Redis is and how it is set: said by `doctor`, at the start, and by GET /readyz."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from proxy.errors import StoreUnavailable
from proxy.settings import LOOPBACK
from proxy.store.connection import Command
from proxy.telemetry import logs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.settings import Settings
    from proxy.store.connection import Store

OLDEST_REDIS = (6, 2)
MENDED_S = 10.0
"""When to look again at what a person has to mend."""
UNSEEN = "its user may not run INFO: version, role, memory and file were not looked at"
_SECTIONS = ("server", "memory", "persistence", "replication", "cluster")


@dataclass(frozen=True, slots=True)
class Finding:
    """How something is: ``ok``, a ``warning``, or ``wrong``; and what to do where it is not ok."""

    state: Literal["ok", "warning", "wrong"]
    told: str

    def at(self, where: str) -> Finding:
        """The same of one of several servers."""
        return replace(self, told=f"{where}: {self.told}") if where else self


def examine(store: Store) -> list[Finding]:
    """What each server of Redis tells of itself, where it may be asked; its version first.

    Raises:
        StoreUnavailable: one of them cannot be asked.
    """
    findings: list[Finding] = []
    for where, sections in store.run_everywhere(*map(info, _SECTIONS)).items():
        if None in sections:
            found = [Finding("warning", UNSEEN)]
        else:
            told = {name: value for part in sections for name, value in part.items()}
            found = [*_of_server(told, where), *_of_memory(told), *_of_disk(told)]
        findings += (finding.at(where) for finding in found)
    return findings


def of_replicas(store: Store, settings: Settings) -> list[Finding]:
    """Whether as many replicas follow as must have a turn before it is acknowledged.

    Raises:
        StoreUnavailable: it cannot be asked.
    """
    wanted = settings.redis_wait_replicas
    findings = []
    for where, (told,) in store.run_everywhere(info("replication")).items():
        if told is None:
            continue
        there = int(told.get("connected_slaves", 0))
        if there < wanted:
            text = f"of {wanted} replicas that PROXY_REDIS_WAIT_REPLICAS asks for {there} are there"
            findings.append(Finding("wrong", f"{text}: no turn is acknowledged").at(where))
    return findings


def of_way(settings: Settings) -> list[Finding]:
    """What the way to Redis is like."""
    address = settings.redis
    url = urlsplit(address.whole)
    hosts = [host for host, _ in address.places] or [url.hostname or ""]
    if url.password or url.scheme == "unix" or all(host in LOOPBACK for host in hosts):
        return []
    told = f"whoever reaches {', '.join(hosts)} reads every conversation: give Redis a password"
    return [Finding("warning", told)]


def report(store: Store, settings: Settings) -> None:
    """Say in the log what is not as it should be, once, when the service starts."""
    try:
        found = [*examine(store), *of_replicas(store, settings)]
    except StoreUnavailable:
        logs.alarm("redis_unavailable", told="the service answers 503 until Redis is there")
        return
    for finding in [*found, *of_way(settings)]:
        if finding.state == "wrong":
            logs.alarm("redis_wrong", told=finding.told)
        elif finding.state == "warning" and not settings.simulated:
            logs.notice("redis_unsafe", told=finding.told)


def readiness(store: Store) -> str:
    """``ok`` if Redis can be worked with, or that it answers and may not be looked at.

    Raises:
        StoreUnavailable: it does not answer, or cannot be worked with; the message says why.
    """
    found = examine(store)
    told = [finding.told for finding in found if finding.state == "wrong"]
    if told:
        raise StoreUnavailable(f"Redis is not fit: {'; '.join(told)}.", retry_after=MENDED_S)
    return UNSEEN if any(finding.told.endswith(UNSEEN) for finding in found) else "ok"


def info(section: str) -> Command[dict[str, str] | None]:
    """A section of Redis's INFO, by name; None where the service's user may not run it."""
    return Command(("INFO", section), _pairs, spared=True)


def _of_server(told: dict[str, str], where: str) -> Iterator[Finding]:
    version = told.get("redis_version", "0.0")
    parsed = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    state: Literal["ok", "wrong"] = "ok" if parsed >= OLDEST_REDIS else "wrong"
    yield Finding(state, f"version {version}; 6.2 or later is needed")
    if told.get("role") == "slave":
        yield Finding("wrong", "it is a replica and takes no writes: name its master")
    if told.get("cluster_enabled") == "1" and not where:
        yield Finding("wrong", "it is a part of a cluster: let REDIS_URL begin with redis+cluster")


def _of_memory(told: dict[str, str]) -> Iterator[Finding]:
    policy = told.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        yield Finding("wrong", f"it may drop sessions ({policy}): use noeviction")
    most = int(told.get("maxmemory", 0))
    if most and int(told.get("used_memory", 0)) >= most:
        yield Finding("wrong", "its memory is full and it takes no writes: raise maxmemory")


def _of_disk(told: dict[str, str]) -> Iterator[Finding]:
    if told.get("aof_enabled") != "1":
        yield Finding("warning", "a crash loses turns: set appendonly yes")
    elif told.get("aof_last_write_status", "ok") != "ok":
        yield Finding("wrong", "it cannot write its file and takes no writes: look at its disk")


def _pairs(reply: Any) -> dict[str, str]:
    lines = (line.partition(":") for line in reply.decode().splitlines() if ":" in line)
    return {name: value for name, _, value in lines}
