"""What every stored record carries: whose it is and in which shape, both verified when it is read.

One that names neither was written by an earlier build, which knew the first shape alone. One that
is damaged, of another shape or somebody else's is never handed out: who asks for it is told so, a
list leaves it out, and the log names it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from proxy.errors import RecordDamaged
from proxy.telemetry import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

SCHEMA = 1
"""The shape of the records that this build writes and reads, as lua/_record.lua has it too."""
SENSELESS = (AttributeError, LookupError, TypeError, ValueError, struct.error)
"""What reading raises where something is missing or is not what it should be."""


@dataclass(frozen=True, slots=True)
class Name:
    """Which record a command reads.

    Attributes:
        kind: such as ``client key``.
        id: which of them.
        in_list: one that cannot be read is left out in place of an error.
    """

    kind: str
    id: str
    in_list: bool = False


def marks(owner: str) -> dict[str, str | int]:
    """The fields that a new record carries beside its own."""
    return {"v": SCHEMA, "owner": owner}


def verified(fields: Mapping[str, str], owner: str) -> Mapping[str, str]:
    """The fields of a record, if it has this build's shape and is this owner's.

    Raises:
        ValueError: it is not.
    """
    if int(fields.get("v", SCHEMA)) != SCHEMA or fields.get("owner", owner) != owner:
        raise ValueError("owner or schema")
    return fields


def understood(name: Name, parse: Callable[[Any], T], reply: Any) -> T | None:
    """What a reply that holds a record says; None for one to leave out of a list.

    Raises:
        RecordDamaged: it makes no sense.
    """
    try:
        return parse(reply)
    except (*SENSELESS, RecordDamaged) as error:
        damaged = error if isinstance(error, RecordDamaged) else RecordDamaged(name.kind)
        logs.problem("record", damaged, kind=name.kind, of=name.id)
        if name.in_list:
            return None
        raise damaged from None
