"""What operators may send: the fields of keys and teams, their ranges; null is the default."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from proxy.settings import LARGEST_LIMIT
from proxy.web.parameters import Body

LARGEST_BUDGET_USD = 1_000_000
LARGEST_WEIGHT = 1_000
LAST_MOMENT = 253_402_300_799
"""The last second of the year 9999."""
LONGEST_OVERLAP_S = 366 * 86_400

Limit = Annotated[int, Field(ge=0, le=LARGEST_LIMIT)]
Model = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\s,]+$")]


class _Fields(Body):
    rpm: Limit | None = Field(None, description="requests a minute; 0 for no limit")
    tpm: Limit | None = Field(None, description="tokens a minute; 0 for no limit")
    burst: Limit | None = Field(None, description="requests at once; null for a minute's worth")
    max_parallel: Limit | None = Field(None, description="requests in flight; 0 for no limit")
    budget_usd: float | None = Field(
        None, gt=0, le=LARGEST_BUDGET_USD, allow_inf_nan=False, description="null for no budget"
    )
    budget_period: Literal["day", "month"] | None = Field(
        None, description="after which the budget renews itself, at midnight UTC"
    )
    shadow: bool | None = Field(None, description="count and tell the limits, refuse nobody")

    def given(self) -> dict[str, Any]:
        """The fields that were sent, by name."""
        return self.model_dump(include=self.model_fields_set)


class KeyFields(_Fields):
    """The body of PATCH /admin/api/keys/{key_id}."""

    name: str = Field("", description="one line of 1 to 100 characters")
    team: str | None = Field(None, description="null for none")
    models: list[Model] | None = Field(None, max_length=256, description="null for all")
    expires_at: int | None = Field(
        None, ge=1, le=LAST_MOMENT, description="seconds since 1970; null for never"
    )

    def given(self) -> dict[str, Any]:
        """The fields that were sent, by name, as a key's record has them."""
        fields = super().given()
        if fields.get("models") is not None:
            fields["models"] = tuple(fields["models"])
        return fields


class NewKey(KeyFields):
    """The body of POST /admin/api/keys."""

    name: str = Field(description="one line of 1 to 100 characters")


class TeamFields(_Fields):
    """The body of PATCH /admin/api/teams/{team_id}."""

    weight: int | None = Field(
        None, ge=1, le=LARGEST_WEIGHT, description="its due when all wait, compared to others"
    )


class NewTeam(TeamFields):
    """The body of POST /admin/api/teams."""

    name: str = Field(description="1 to 64 of A-Z a-z 0-9 . _ -; it is the team's id")


class Rotation(Body):
    """The body of POST /admin/api/keys/{key_id}/rotate."""

    overlap: int = Field(
        0, ge=0, le=LONGEST_OVERLAP_S, description="seconds that the former secret stays good"
    )


class ExplainQuery(BaseModel):
    """The query of GET /admin/api/limits."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    explain: str | None = None
    model: str | None = Field(None, min_length=1, max_length=256)
    tokens: int | None = Field(None, ge=1, le=LARGEST_LIMIT)


class EventsQuery(BaseModel):
    """The query of GET /admin/api/events."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: int = Field(50, ge=1, le=1000)
    cursor: str | None = None
