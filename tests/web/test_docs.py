"""GET /docs: the whole interface on one page, its links whole, nothing from elsewhere."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING

import pytest

from proxy.web.reference import errors
from proxy.web.routes import OPERATIONS
from proxy.web.samples import curl

if TYPE_CHECKING:
    from proxy.web.operation import Operation
    from tests.support.service import Service


@pytest.fixture(scope="module")
def page(service: Service) -> str:
    answer = service.client().get("/docs")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    return answer.text


def shown(operation: Operation) -> str:
    return f"{operation.method.upper()} {operation.path}"


@pytest.mark.parametrize("operation", OPERATIONS, ids=shown)
def test_every_route_is_shown_with_its_example(page: str, operation: Operation) -> None:
    headings = re.findall(r"<h3>.*?</h3>", page, re.DOTALL)
    texts = [" ".join(re.sub("<[^>]*>", " ", heading).split()) for heading in headings]
    also = re.findall(r"Also at <code>([^<]+)</code>", page)
    assert shown(operation) in texts or operation.path in also
    if operation.path not in also:
        assert curl(operation) in unescape(page)


def test_every_link_within_the_page_leads_somewhere(page: str) -> None:
    names = re.findall(r'\bid="([^"]+)"', page)
    assert len(set(names)) == len(names)
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(names)


def test_every_error_is_told(page: str) -> None:
    told = re.findall(r'id="error-([a-z_]+)"', page)
    assert told == [error.code for error in errors()]
    assert {"rate_limit_exceeded", "store_unavailable", "invalid_api_key"} <= set(told)


def test_nothing_comes_from_elsewhere_or_is_written_inline(page: str) -> None:
    links = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert all(link.startswith(("/", "#")) and not link.startswith("//") for link in links)
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", page)
