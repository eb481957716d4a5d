"""Markdown to HTML that is safe to show: POST /markdown, for the chat page and pages like it.

Raw HTML in the text stays text, and what comes out holds nothing but what is listed here: no
script, image, form, style or event handler, and no address but of http, https and mailto.
"""

from __future__ import annotations

import html
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import gevent
import nh3
from flask import Blueprint, Response, g, request
from markdown_it import MarkdownIt
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import find_lexer_class_by_name
from pygments.token import STANDARD_TYPES
from pygments.util import ClassNotFound

from proxy.web import body, responses, schemas

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it.renderer import RendererHTML
    from markdown_it.token import Token
    from markdown_it.utils import EnvType, OptionsDict

    from proxy.settings import Settings
    from proxy.web.auth import Authenticator

MOST_CHARS = 60_000
"""So much of a request is rendered, and the rest shown as it is: at worst it takes a second."""
_MOST_HIGHLIGHTED = 20_000
_TAGS = {
    *("p", "br", "hr", "h3", "h4", "h5", "h6", "em", "strong", "s", "blockquote", "ul", "ol", "li"),
    *("a", "pre", "code", "span", "table", "thead", "tbody", "tr", "th", "td"),
}
_ALIGNED = {f"align-{side}" for side in ("left", "center", "right")}
_CLASSES = {"span": set(STANDARD_TYPES.values()) - {""}, "th": _ALIGNED, "td": _ALIGNED}
_ATTRIBUTES = {"a": {"href"}, "pre": {"data-language"}, "ol": {"start"}}
_FORMATTER = HtmlFormatter[str](nowrap=True)


def render_all(texts: Sequence[str]) -> list[str]:
    """The HTML of each text; of those beyond MOST_CHARS together it is the text itself."""
    sums = accumulate(map(len, texts))
    return [
        render(text) if total <= MOST_CHARS else f"<pre><code>{html.escape(text)}</code></pre>"
        for text, total in zip(texts, sums, strict=True)
    ]


def render(text: str) -> str:
    """The HTML of a Markdown text; headings begin at the third level."""
    return nh3.clean(
        _MARKDOWN.render(text),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        allowed_classes=_CLASSES,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )


def blueprint(settings: Settings, authenticator: Authenticator) -> Blueprint:
    """The routes of this module."""
    routes = Blueprint("markdown", __name__)

    @routes.post("/markdown")
    def markdown() -> Response:
        g.key_id = authenticator.caller(request.headers).key_id
        asked = schemas.validate(schemas.MarkdownRequest, body.read_json(settings))
        threads = gevent.get_hub().threadpool  # so that streams flow on meanwhile
        return responses.json({"html": threads.apply(render_all, (asked.texts,))})

    return routes


def _highlighted(code: str, language: str, _: str) -> str:
    """Code with a span for each token; empty, which means as it is, for what is not known."""
    if len(code) > _MOST_HIGHLIGHTED:
        return ""
    try:
        lexer = find_lexer_class_by_name(language)(stripnl=False)
    except ClassNotFound:
        return ""
    return highlight(code, lexer, _FORMATTER)


def _fence(
    _: RendererHTML, tokens: Sequence[Token], index: int, __: OptionsDict, ___: EnvType
) -> str:
    token = tokens[index]
    language = (token.info.split() or [""])[0]
    code = _highlighted(token.content, language, "") or html.escape(token.content)
    return f'<pre data-language="{html.escape(language)}"><code>{code}</code></pre>\n'


def _image(
    _: RendererHTML, tokens: Sequence[Token], index: int, __: OptionsDict, ___: EnvType
) -> str:
    """A picture as a link to it: it would be fetched from elsewhere, and tell who reads it."""
    token = tokens[index]
    address = html.escape(str(token.attrs.get("src", "")))
    return f'<a href="{address}">{html.escape(token.content or "picture")}</a>'


def _adapt(state: Any) -> None:
    """Headings below those of the page; columns aligned by a class, since styles are forbidden."""
    for token in state.tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(6, int(token.tag[1]) + 2)}"
        elif style := token.attrs.pop("style", ""):
            token.attrs["class"] = "align-" + str(style).rpartition(":")[2]


def _markdown() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True})
    parser.enable(["table", "strikethrough"])
    parser.core.ruler.push("adapt", _adapt)
    parser.add_render_rule("fence", _fence)
    parser.add_render_rule("image", _image)
    return parser


_MARKDOWN = _markdown()
