"""Every key that the service keeps in Redis: one function a pattern, with its life and meaning.

What stands in braces decides the Redis Cluster slot: keys that one script touches share it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxy.domain.limits import Bucket, Room

UPSTREAM = "openai"
"""The upstream whose limiter keys share a slot."""


def session(session_id: str) -> tuple[str, str, str]:
    """A session's meta (hash), turns (list) and lock (string); the session's ttl, the lease."""
    tag = f"cp:{{s:{session_id}}}"
    return f"{tag}:meta", f"{tag}:turns", f"{tag}:lock"


def deleted_session(session_id: str) -> str:
    """The id of the delete that ended a session (string); a minute."""
    return f"cp:{{s:{session_id}}}:deleted"


def session_list(owner: str) -> tuple[str, str, str, str]:
    """An owner's sessions by change, by expiry, what is shown, turns; the longest ttl of them."""
    tag = f"cp:{{o:{owner}}}"
    return f"{tag}:by_change", f"{tag}:by_expiry", f"{tag}:shown", f"{tag}:counts"


def limits(of: Bucket) -> str:
    """All limits of a limit's owner (packed string); until they are as new, and a minute."""
    return f"cp:{{l:{UPSTREAM}}}:limits:{of.scope}:{of.id}"


def room(of: Room) -> tuple[str, str]:
    """Who waits (sorted set), and what each was served (hash); a minute after the last one."""
    prefix = f"cp:{{l:{UPSTREAM}}}:room:{of.scope}:{of.id}:{of.lane}"
    return f"{prefix}:waiting", f"{prefix}:known"


def learned_models() -> str:
    """The models whose limits ChatGPT told (sorted set by when); a day after the last."""
    return f"cp:{{l:{UPSTREAM}}}:models"


def usage_day(kind: str, name: str, day: str) -> str:
    """What a key, team, user or model used on a day (hash by metric); the retention setting."""
    return f"cp:{{l:{UPSTREAM}}}:usage:{kind}:{name}:{day}"


def usage_index(kind: str, day: str) -> str:
    """The keys, teams, users or models that were used on a day (set); likewise."""
    return f"cp:{{l:{UPSTREAM}}}:usage:{kind}s:{day}"


def reservation(reservation_id: str) -> str:
    """What a request took from its limits (packed string); an hour, or until it is settled."""
    return f"cp:{{l:{UPSTREAM}}}:reservation:{reservation_id}"


def client_key(key_id: str) -> str:
    """A client key's record (hash): permanent."""
    return f"cp:key:{key_id}"


def client_keys() -> str:
    """All client keys' ids by time of creation (sorted set): permanent."""
    return "cp:keys"


def team(team_id: str) -> str:
    """A team's record (hash): permanent."""
    return f"cp:team:{team_id}"


def teams() -> str:
    """All teams' ids by time of creation (sorted set): permanent."""
    return "cp:teams"


def audit() -> str:
    """Who changed what (stream): the newest ten thousand entries."""
    return "cp:audit"


def worker(worker_id: str) -> str:
    """What a worker does at this moment (JSON string): five seconds."""
    return f"cp:worker:{worker_id}"


def workers() -> str:
    """The workers that did something lately (sorted set by when): an hour."""
    return "cp:workers"


def turn(turn_id: str) -> tuple[str, str]:
    """A streamed turn's meta (hash) and log (stream); ten minutes after its end, or an hour."""
    tag = f"cp:{{t:{turn_id}}}"
    return f"{tag}:meta", f"{tag}:log"


def claim(owner: str, key_sha256: str) -> str:
    """An idempotency key's claim (hash); 24 hours after its turn, an hour while it runs."""
    return f"cp:{{i:{owner}}}:claim:{key_sha256}"
