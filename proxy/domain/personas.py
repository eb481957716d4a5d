"""Personas: a name for instructions, from config/personas.toml."""

from __future__ import annotations

from typing import Any

from proxy.errors import InvalidRequest, SettingsError


class Personas:
    """Looks a persona's instructions up by its name."""

    def __init__(self, table: dict[str, Any]) -> None:
        """Build it from the content of personas.toml.

        Raises:
            SettingsError: a persona lacks its perspective or has another field than style.
        """
        self._instructions = {name: _instructions(name, entry) for name, entry in table.items()}

    @property
    def names(self) -> list[str]:
        """The personas there are."""
        return list(self._instructions)

    def check(self, name: str) -> None:
        """Refuse a name that is not there.

        Raises:
            InvalidRequest: there is no such persona; the message lists those there are.
        """
        if name not in self._instructions:
            raise InvalidRequest(
                f"'persona' must be one of {', '.join(self.names)}.", param="persona"
            )

    def system(self, persona: str, system: str) -> str:
        """The system message: the persona's instructions, then the caller's own."""
        return "\n\n".join(part for part in (self._instructions.get(persona), system) if part)


def _instructions(name: str, entry: object) -> str:
    if not isinstance(entry, dict) or not isinstance(entry.get("perspective"), str):
        raise SettingsError(f"personas.toml: [{name}] needs perspective = 'You are ...'.")
    if entry.keys() - {"perspective", "style"}:
        raise SettingsError(f"personas.toml: [{name}] takes perspective and style alone.")
    return "\n".join(str(part) for part in entry.values())
