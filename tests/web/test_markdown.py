"""Markdown to HTML: what an answer may hold is shown, and nothing that acts gets through."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from proxy.web.markdown import MOST_CHARS, render, render_all
from tests.browser.payloads import PAYLOADS, RAN

if TYPE_CHECKING:
    from tests.support.service import Client, Service

ELEMENTS = {
    *("p", "br", "hr", "h3", "h4", "h5", "h6", "em", "strong", "s", "blockquote", "ul", "ol", "li"),
    *("a", "pre", "code", "span", "table", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES = {"class", "data-language", "href", "rel", "start", "target", "title"}
AROUND = ("{}", "# {}", "- {}", "> {}", "**{}**", "a\n\n{}\n\nb", "| a |\n| - |\n| {} |")
MARKDOWN = (
    f"[x](javascript:{RAN})",
    f"[x](JaVaScRiPt:{RAN})",
    f"[x](&#106;avascript:{RAN})",
    f"[x](java\tscript:{RAN})",
    "[x](data:text/html,<script>1</script>)",
    f"<javascript:{RAN}>",
    f"[x]: javascript:{RAN}\n\n[x]",
    f"![x](javascript:{RAN})",
    "![x](https://elsewhere.invalid/x.png)",
    f'[x](https://a.invalid "x\\" onmouseover={RAN}")',
    f'```"><img src=x onerror={RAN}>\nx\n```',
    f"```html\n<script>{RAN}</script>\n```",
    f"`<script>{RAN}</script>`",
    f"| <img src=x onerror={RAN}> |\n| - |\n| <svg onload={RAN}> |",
)


class Seen(HTMLParser):
    """The elements of a document, as a browser would make them."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: dict[str, str | None] = {}
        self.feed(document)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= dict(attrs)


@pytest.mark.parametrize("payload", [*PAYLOADS, *MARKDOWN])
def test_nothing_that_acts_gets_through(payload: str) -> None:
    for around in AROUND:
        seen = Seen(render(around.format(payload)))
        assert seen.elements <= ELEMENTS
        assert seen.attributes.keys() <= ATTRIBUTES
        assert re.match("(https?|mailto):", seen.attributes.get("href") or "https:")


def test_code_is_highlighted_by_classes() -> None:
    shown = render("```python\nimport os  # why\n```")
    assert '<pre data-language="python"><code><span class="kn">import</span>' in shown
    assert '<span class="c1"># why</span>' in shown


@pytest.mark.parametrize("language", ["", "no-such-language", "c++", "../../etc/passwd"])
def test_code_of_any_language_is_kept_letter_for_letter(language: str) -> None:
    shown = render(f"```{language}\n\n  a < b && c;\n\n```")
    code = re.sub(r"<[^>]+>", "", shown)
    assert code.replace("&lt;", "<").replace("&amp;", "&") == "\n  a < b && c;\n\n\n"


def test_tables_have_aligned_columns_without_styles() -> None:
    shown = render("| a | b |\n|---|--:|\n| 1 | 2 |")
    assert '<th class="align-right">b</th>' in shown
    assert "style" not in shown


def test_headings_stand_below_those_of_the_page() -> None:
    assert render("# One\n\n##### Five") == "<h3>One</h3>\n<h6>Five</h6>\n"


def test_a_link_opens_elsewhere_and_tells_nobody_whence() -> None:
    shown = render("[a](https://example.com)")
    assert 'target="_blank"' in shown
    assert 'rel="noopener noreferrer nofollow"' in shown


def test_a_picture_becomes_a_link() -> None:
    assert ">a cat</a>" in render("![a cat](https://example.com/cat.png)")


def test_more_than_is_rendered_at_once_is_shown_as_it_is() -> None:
    first, long, last = render_all(["*a*", "*a* <b>\n" * MOST_CHARS, "*c*"])
    assert first == "<p><em>a</em></p>\n"
    assert long.startswith("<pre><code>*a* &lt;b&gt;\n*a*")
    assert last == "<pre><code>*c*</code></pre>"


def test_texts_are_rendered_in_their_order(api: Client) -> None:
    answer = api.post("/markdown", json={"texts": ["*a*", "b"]})
    assert answer.json() == {"html": ["<p><em>a</em></p>\n", "<p>b</p>\n"]}


@pytest.mark.parametrize("body", [{}, {"texts": "a"}, {"texts": ["a"] * 51}, {"texts": [1]}])
def test_a_wrong_body_is_refused(api: Client, body: dict[str, object]) -> None:
    assert api.post("/markdown", json=body).status_code == 400


def test_it_needs_a_key(service: Service) -> None:
    assert service.client().post("/markdown", json={"texts": []}).status_code == 401
