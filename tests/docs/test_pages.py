"""The pages themselves: links, length, the commands they name."""

from __future__ import annotations

import re

import pytest

from tests.docs import pages
from tests.support.service import ROOT


@pytest.mark.parametrize("page", pages.PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    for link in pages.links(page):
        if link.startswith(("https://", "http://")):
            continue
        path, _, anchor = link.partition("#")
        target = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        assert target.exists(), f"{page}: {link}"
        if anchor:
            assert anchor in pages.anchors(str(target.relative_to(ROOT))), f"{page}: {link}"


def test_the_index_names_every_page_of_the_documentation() -> None:
    folder = ROOT / "docs"
    named = {(folder / link).resolve() for link in pages.links("docs/index.md")}
    missing = [
        page for page in pages.PAGES if page.startswith("docs/") and ROOT / page not in named
    ]
    assert missing == ["docs/index.md"]


def test_the_readme_is_short() -> None:
    assert len(pages.text("README.md").splitlines()) <= 150


@pytest.mark.parametrize("page", pages.PAGES)
def test_every_make_target_that_is_named_is_there(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    in_code = re.findall(r"```sh\n(.*?)```|`([^`\n]+)`", pages.text(page), re.DOTALL)
    named = re.findall(
        r"\bmake ([a-z]+(?:-[a-z]+)*)", "\n".join("".join(found) for found in in_code)
    )
    assert set(named) <= targets


def test_decisions_have_context_decision_and_consequences() -> None:
    for page in pages.PAGES:
        if page.startswith("docs/decisions/"):
            assert pages.headings(page)[1:] == ["Context", "Decision", "Consequences"], page


def test_the_changelog_has_a_place_for_what_is_not_released() -> None:
    assert "[Unreleased]" in pages.headings("CHANGELOG.md")
