"""How a streamed turn ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.streaming.listening import code, kinds, listen

if TYPE_CHECKING:
    from tests.support.service import Client


def end_of_stream(client: Client, message: str = "Hello") -> str:
    """The code of the error that ends it; there is no `done`."""
    events = listen(client, message)
    assert "done" not in kinds(events)
    return code(events[-1])
