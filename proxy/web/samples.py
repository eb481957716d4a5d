"""An example for each route that GET /openapi.json describes: a line for the shell."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from proxy.web.operation import Operation

ADDRESS = "http://127.0.0.1:8080"
"""Where `make run` listens."""
_CREDENTIALS = {"client_key": "$PROXY_KEY", "admin_token": "$PROXY_ADMIN_TOKEN"}


def curl(operation: Operation) -> str:
    """A line that works once the variables in it are set."""
    path = operation.path
    for parameter in operation.in_path:
        path = path.replace(f"{{{parameter.name}}}", str(parameter.example))
    sent = [one for one in operation.query if one.example is not None]
    query = "&".join(f"{one.name}={_encoded(str(one.example))}" for one in sent)
    options = "-sS"
    if operation.answer == "text/event-stream":
        options += "N"
    if operation.method != ("get" if operation.example is None else "post"):
        options += f" -X {operation.method.upper()}"
    parts = [f'curl {options} "{ADDRESS}{path}{"?" if query else ""}{query}"']
    if not operation.open:
        parts.append(f'-H "Authorization: Bearer {_CREDENTIALS[operation.opened_by]}"')
    if operation.example is not None:
        parts.append("-H 'Content-Type: application/json'")
        parts.append(f"-d '{json.dumps(operation.example, ensure_ascii=False)}'")
    return " \\\n  ".join(parts)


def _encoded(value: str) -> str:
    return value if value.startswith("$") else quote(value)
