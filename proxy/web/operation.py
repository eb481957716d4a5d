"""A route as GET /openapi.json describes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel


class Operation(NamedTuple):
    """A route: what it does, what it takes, what it answers besides errors.

    `answer` is the name of a schema, or a media type where it is not JSON; `body` is a schema, or
    the name of one; `query` has a schema for each option.
    """

    method: str
    path: str
    summary: str
    body: type[BaseModel] | str | None = None
    status: int = 200
    answer: str | None = None
    query: Mapping[str, Any] | None = None
    open: bool = False

    @property
    def opened_by(self) -> str:
        """What opens it, by its name among the document's security schemes."""
        return "admin_token" if self.path.startswith("/admin/") else "client_key"
