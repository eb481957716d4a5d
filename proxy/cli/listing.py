"""Sessions in a table, and one in a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.cli.answers import counted, moment, one_line

if TYPE_CHECKING:
    from proxy.cli.client import Json

COLUMNS = ["ID", "UPDATED", "TURNS", "TITLE"]


def cells(session: Json) -> tuple[str, ...]:
    """A session's cells under COLUMNS."""
    return (
        session["id"],
        moment(session["updated_at"]),
        str(session["turn_count"]),
        one_line(session["title"]),
    )


def summary(session: Json) -> str:
    """A session in one line: title, id, turns, when it was last used."""
    title = one_line(session["title"]) or "(no title)"
    turns = counted(session["turn_count"], "turn")
    return f"{title} · {session['id']} · {turns} · {moment(session['updated_at'])}"
