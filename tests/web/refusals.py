"""What every error has, whatever it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import requests


def refused(
    answer: requests.Response, status: int, code: str, param: str | None = None
) -> dict[str, Any]:
    """Check an error's status, code, param and form; the error itself."""
    assert answer.status_code == status, answer.text
    error: dict[str, Any] = answer.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert (error["code"], error["param"]) == (code, param), error["message"]
    assert error["message"]
    assert error["type"]
    assert answer.headers["X-Request-ID"]
    return error
