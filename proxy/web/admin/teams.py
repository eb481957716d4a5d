"""/admin/api/teams: teams made, listed, read, changed and deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proxy.operators.records import team_shown
from proxy.web import body, responses
from proxy.web.admin import schemas
from proxy.web.schemas import validate

if TYPE_CHECKING:
    from flask import Blueprint, Response

    from proxy.operators.teams import Teams
    from proxy.settings import Settings
    from proxy.store.teams import Team
    from proxy.web.admin.guard import Guard


class TeamViews:
    """The views of teams."""

    def __init__(self, settings: Settings, guard: Guard, teams: Teams) -> None:
        self._settings = settings
        self._guard = guard
        self._teams = teams

    def blueprint(self) -> Blueprint:
        """The routes of this module."""
        routes = self._guard.blueprint("teams")
        one = "/admin/api/teams/<team_id>"
        routes.get("/admin/api/teams")(self.list)
        routes.post("/admin/api/teams")(self.create)
        routes.get(one)(self.read)
        routes.patch(one)(self.patch)
        routes.delete(one)(self.delete)
        return routes

    def list(self) -> Response:
        """GET /admin/api/teams."""
        return responses.json({"object": "list", "data": [*map(_shown, self._teams.all())]})

    def create(self) -> Response:
        """POST /admin/api/teams."""
        wanted = validate(schemas.NewTeam, body.read_json(self._settings)).given()
        team = self._teams.create(wanted.pop("name"), wanted)
        return responses.json(_shown(team), 201, {"Location": f"/admin/api/teams/{team.id}"})

    def read(self, team_id: str) -> Response:
        """GET /admin/api/teams/{team_id}."""
        return responses.json(_shown(self._teams.find(team_id)))

    def patch(self, team_id: str) -> Response:
        """PATCH /admin/api/teams/{team_id}."""
        wanted = validate(schemas.TeamFields, body.read_json(self._settings))
        return responses.json(_shown(self._teams.change(team_id, wanted.given())))

    def delete(self, team_id: str) -> Response:
        """DELETE /admin/api/teams/{team_id}."""
        self._teams.delete(team_id)
        return responses.nothing()


def _shown(team: Team) -> dict[str, Any]:
    return {"id": team.id, "object": "team"} | team_shown(team)
