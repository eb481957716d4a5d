"""What all pages share: the policy that goes with them, and the parts that they load."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import pytest

from proxy.web.browser_pages import STATIC

if TYPE_CHECKING:
    from tests.support.service import Service

PAGES = ["/", "/admin", "/docs"]
MOST_BYTES = 150_000
SCRIPTS = sorted(str(path.relative_to(STATIC)) for path in STATIC.rglob("*.js"))
IMPORT = re.compile(r'from "(\.{1,2}/[\w./-]+)"')


def loaded(service: Service, path: str) -> dict[str, bytes]:
    """A page and all that it loads, what its scripts import too."""
    found = {path: service.client().get(path).content}
    wanted = re.findall(r'(?:src|href)="(/static/[^"]+)"', found[path].decode())
    while wanted:
        name = wanted.pop()
        if name in found:
            continue
        answer = service.client().get(name)
        assert answer.status_code == 200, name
        found[name] = answer.content
        if name.endswith(".js"):
            wanted += [urljoin(name, other) for other in IMPORT.findall(answer.text)]
    return found


@pytest.mark.parametrize("path", PAGES)
def test_a_page_allows_nothing_inline_and_nothing_from_elsewhere(
    service: Service, path: str
) -> None:
    headers = service.client().get(path).headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert {policy["script-src"], policy["style-src"], policy["connect-src"]} == {"'self'"}
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("path", PAGES)
def test_a_first_load_is_small(service: Service, path: str) -> None:
    parts = loaded(service, path)
    assert sum(map(len, parts.values())) < MOST_BYTES, {n: len(p) for n, p in parts.items()}


@pytest.mark.parametrize("path", PAGES)
def test_a_slash_at_the_end_leads_to_the_same_page(service: Service, path: str) -> None:
    client = service.client()
    assert client.get(f"{path}/").content == client.get(path).content


def test_every_script_is_loaded_by_a_page(service: Service) -> None:
    names = {name for path in PAGES for name in loaded(service, path)}
    assert {f"/static/{script}" for script in SCRIPTS} <= names


def test_parts_have_their_types_and_are_not_sent_twice(service: Service) -> None:
    client = service.client()
    for name, kind in (("style.css", "text/css"), ("admin/main.js", "text/javascript")):
        answer = client.get(f"/static/{name}")
        assert answer.headers["Content-Type"].startswith(kind)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        again = client.get(f"/static/{name}", headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", ["nothing.js", "../app.py", "%2e%2e/pages.py", "", "admin"])
def test_nothing_else_is_served(service: Service, name: str) -> None:
    answer = service.client().get(f"/static/{name}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
