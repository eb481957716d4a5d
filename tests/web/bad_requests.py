"""Requests that are wrong, and what each is answered with."""

from __future__ import annotations

import string
from dataclasses import dataclass, field
from typing import Any

import orjson

MEGABYTE = 1024 * 1024
JSON = {"Content-Type": "application/json"}
TEXT = {"Content-Type": "text/plain"}
INVALID = (400, "invalid_request")
NO_SESSION = (404, "session_not_found")
NOTHING = (404, "not_found")
NO_METHOD = (405, "method_not_allowed")
NO_TYPE = (415, "unsupported_media_type")
TOO_LARGE = (413, "request_too_large")


@dataclass(frozen=True)
class Bad:
    """A request, and what it is answered with; `$mine`, `$empty`, `$foreign` stand for sessions."""

    what: str
    told: tuple[int, str]
    param: str | None = None
    body: bytes | None = None
    path: str = "/chat"
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=lambda: JSON)

    def __str__(self) -> str:
        return self.what


def said(what: str, param: str | None, **fields: Any) -> Bad:
    """POST /chat with a good message and these fields."""
    return Bad(what, INVALID, param, orjson.dumps({"message": "Hello"} | fields))


def malformed(what: str, body: bytes, param: str | None = None, path: str = "/chat") -> Bad:
    """A body that is no good JSON object."""
    return Bad(what, INVALID, param, body, path)


def text(what: str, param: str | None, query: str = "", body: bytes = b"Hello") -> Bad:
    """POST /chat with a plain text."""
    return Bad(what, INVALID, param, body, "/chat" + query, headers=TEXT)


def other(
    what: str, told: tuple[int, str], line: str, param: str | None = None, **fields: Any
) -> Bad:
    """Another route: `line` is its method and path; `fields` are the body's."""
    method, path = line.split(" ", 1)
    return Bad(what, told, param, orjson.dumps(fields) if fields else None, path, method)


MESSAGES = [
    malformed("no message", b"{}", "message"),
    said("a null message", "message", message=None),
    said("an empty message", "message", message=""),
    said("a blank message", "message", message=" \t\r\n"),
    said("a number for a message", "message", message=5),
    said("a bool for a message", "message", message=True),
    said("a list for a message", "message", message=["Hello"]),
    said("an object for a message", "message", message={"text": "Hello"}),
    said("a message that is too long", "message", message="x" * 200_001),
    malformed("a lone high surrogate", b'{"message": "\\ud800"}'),
    malformed("a lone low surrogate", b'{"message": "a\\udfffb"}'),
    malformed("a surrogate in bytes", b'{"message": "\xed\xa0\x80"}'),
]

NO_JSON = [
    malformed("an empty body", b""),
    malformed("a blank body", b" \n "),
    malformed("null", b"null"),
    malformed("a list", b'[{"message": "Hello"}]'),
    malformed("a string", b'"Hello"'),
    malformed("a number", b"5"),
    malformed("half an object", b'{"message": "Hel'),
    malformed("an object and more", b'{"message": "Hello"} {}'),
    malformed("a trailing comma", b'{"message": "Hello",}'),
    malformed("single quotes", b"{'message': 'Hello'}"),
    malformed("a comment", b'{"message": "Hello" /* or so */}'),
    malformed("NaN", b'{"message": "Hello", "temperature": NaN}'),
    malformed("Infinity", b'{"message": "Hello", "temperature": -Infinity}'),
    malformed("a number that is infinite", b'{"message": "Hello", "temperature": 1e999}'),
    malformed("a number of 5,000 digits", b'{"message": "Hello", "seed": %b}' % (b"9" * 5_000)),
    malformed("a byte order mark", b'\xef\xbb\xbf{"message": "Hello"}'),
    malformed("UTF-16", '{"message": "Hello"}'.encode("utf-16")),
    malformed("Latin-1", '{"message": "Grüße"}'.encode("latin-1")),
    malformed("an overlong encoding", b'{"message": "\xc0\xaf"}'),
    malformed("a raw control character", b'{"message": "a\x01b"}'),
    malformed("a raw line break", b'{"message": "a\nb"}'),
    malformed("a hundred levels", b'{"tools": ' + b"[" * 100 + b"]" * 100 + b"}"),
    malformed("100,000 open brackets", b"[" * 100_000),
    malformed("100,000 open objects", b'{"a":' * 100_000),
    malformed("a name twice", b'{"message": "a", "message": "b"}', "message"),
    malformed("a name twice by escape", b'{"message": "a", "m\\u0065ssage": "b"}', "message"),
    malformed("an inner name twice", b'{"message": "a", "metadata": {"x": "1", "x": "2"}}', "x"),
    malformed("a name twice in a list", b'{"message": "a", "tools": [{"y": 1, "y": 1}]}', "y"),
]

FIELDS = [
    said("a wait below nothing", "wait", wait=-1),
    said("a wait of more than a day", "wait", wait=86_401),
    said("a wait in words", "wait", wait="a while"),
    *(
        Bad(
            f"a Prefer header with wait={wait!r}",
            INVALID,
            "Prefer",
            b'{"message": "Hello"}',
            headers=JSON | {"Prefer": f"wait={wait}"},
        )
        for wait in ("", "soon", "-1", "1e3", "0x10", "1 2")
    ),
    said("an unknown field", "top_q", top_q=1),
    said("a field of OpenAI's", "messages", messages=[]),
    said("a field without a name", "", **{"": 1}),
    said("a field with a name of 1,000 letters", "x" * 200, **{"x" * 1_000: 1}),
    said("a word for a temperature", "temperature", temperature="hot"),
    said("a number in a string", "temperature", temperature="0.5"),
    said("a bool for a temperature", "temperature", temperature=True),
    said("a temperature below 0", "temperature", temperature=-0.1),
    said("a temperature above 2", "temperature", temperature=2.1),
    said("a top_p above 1", "top_p", top_p=1.1),
    said("a top_k of 0", "top_k", top_k=0),
    said("half a top_k", "top_k", top_k=1.5),
    said("a bool for a top_k", "top_k", top_k=True),
    said("no tokens at most", "max_tokens", max_tokens=0),
    said("a float for tokens", "max_tokens", max_tokens=5.5),
    said("a string for tokens", "max_tokens", max_tokens="5"),
    said("more tokens than any model has", "max_tokens", max_tokens=10**8),
    malformed("a seed of 30 digits", b'{"message": "a", "seed": %b}' % (b"9" * 30), "seed"),
    said("a seed of 64 bits and a sign", "seed", seed=2**63),
    said("a float for a seed", "seed", seed=1.5),
    said("no stops", "stop", stop=[]),
    said("five stops", "stop", stop=["a"] * 5),
    said("an empty stop", "stop", stop=""),
    said("a number for a stop", "stop", stop=5),
    said("a number among the stops", "stop", stop=["a", 5]),
    said("a presence penalty above 2", "presence_penalty", presence_penalty=2.1),
    said("a word for a frequency penalty", "frequency_penalty", frequency_penalty="high"),
    said("an unknown effort", "reasoning_effort", reasoning_effort="extreme"),
    said("a number for an effort", "reasoning_effort", reasoning_effort=1),
    said("a string for a format", "response_format", response_format="json"),
    said("no tools", "tools", tools=[]),
    said("a tool that is not in a list", "tools", tools={"type": "function"}),
    said("a string for a tool", "tools.0", tools=["search"]),
    said("129 tools", "tools", tools=[{"type": "function"}] * 129),
    said("an unknown choice of tools", "tool_choice", tool_choice="maybe"),
    said("a list for a choice of tools", "tool_choice", tool_choice=[]),
    said("a number for a choice of tools", "tool_choice", tool_choice=1),
    said("a list for metadata", "metadata", metadata=["a"]),
    said("a number in metadata", "metadata.a", metadata={"a": 1}),
    said("17 metadata", "metadata", metadata=dict.fromkeys(string.ascii_letters[:17], "x")),
    said("a long key in metadata", "metadata", metadata={"k" * 65: "x"}),
    said("a long value in metadata", "metadata", metadata={"k": "x" * 513}),
    said("a number for instructions", "system", system=5),
    said("instructions that are too long", "system", system="x" * 200_001),
    said("an unknown persona", "persona", persona="nobody"),
    said("a persona without a name", "persona", persona=""),
    said("a model without a name", "model", model=""),
    said("a model with a name of 257 letters", "model", model="m" * 257),
    said("a number for a model", "model", model=6),
    said("a word for a bool", "drop_params", drop_params="yes"),
    said("a number for a bool", "drop_params", drop_params=1),
    said("an object for tool results", "tool_results", tool_results={}),
    said("a tool result of nothing", "tool_results.0.tool_call_id", tool_results=[{}]),
    said(
        "a tool result without content",
        "tool_results.0.content",
        tool_results=[{"tool_call_id": "call_1"}],
    ),
    said(
        "results nobody asked for",
        "tool_results",
        tool_results=[{"tool_call_id": "c", "content": ""}],
    ),
]

SESSIONS = [
    said("a number for a session", "session_id", session_id=5),
    Bad("an empty session", NO_SESSION, "session_id", b'{"message": "a", "session_id": ""}'),
    Bad("a word for a session", NO_SESSION, "session_id", b'{"message": "a", "session_id": "x"}'),
    Bad(
        "a path for a session", NO_SESSION, "session_id", b'{"message": "a", "session_id": "../x"}'
    ),
    Bad(
        "a NUL in a session",
        NO_SESSION,
        "session_id",
        b'{"message": "a", "session_id": "s_\\u0000"}',
    ),
    Bad(
        "a session never issued",
        NO_SESSION,
        "session_id",
        b'{"message": "a", "session_id": "$none"}',
    ),
    Bad(
        "another's session", NO_SESSION, "session_id", b'{"message": "a", "session_id": "$foreign"}'
    ),
    Bad(
        "another's in the query",
        NO_SESSION,
        "session_id",
        b'{"message": "a"}',
        "/chat?session=$foreign",
    ),
    Bad("two in the query", INVALID, "session", b'{"message": "a"}', "/chat?session=a&session=b"),
    Bad(
        "another's in the header",
        NO_SESSION,
        "session_id",
        b'{"message": "a"}',
        headers=JSON | {"X-Session-ID": "$foreign"},
    ),
    Bad(
        "a long one in the header",
        NO_SESSION,
        "session_id",
        b'{"message": "a"}',
        headers=JSON | {"X-Session-ID": "s" * 5_000},
    ),
    Bad(
        "two that differ",
        INVALID,
        "session_id",
        b'{"message": "a", "session_id": "$mine"}',
        "/chat?session=$none",
    ),
]

TYPES = [
    Bad(f"a body of {kind}", NO_TYPE, None, b'{"message": "Hello"}', headers={"Content-Type": kind})
    for kind in (
        "application/xml",
        "application/octet-stream",
        "application/json-patch+json",
        "multipart/form-data; boundary=x",
        "text/html",
        "nonsense",
    )
] + [
    Bad(
        "XML for a session",
        NO_TYPE,
        None,
        b"<a/>",
        "/sessions",
        headers={"Content-Type": "text/xml"},
    ),
    Bad("text for a fork", NO_TYPE, None, b"{}", "/sessions/$mine/fork", headers=TEXT),
    Bad(
        "text for a regeneration", NO_TYPE, None, b"{}", "/sessions/$mine/regenerate", headers=TEXT
    ),
]

SIZES = [
    Bad("10 MB of JSON", TOO_LARGE, None, b'{"message": "%b"}' % (b"x" * 10 * MEGABYTE)),
    Bad("10 MB of text", TOO_LARGE, None, b"x" * 10 * MEGABYTE, headers=TEXT),
    Bad("a byte more than a megabyte", TOO_LARGE, None, b" " * (MEGABYTE + 1)),
    Bad("10 MB for a session", TOO_LARGE, None, b" " * 10 * MEGABYTE, "/sessions"),
]

TEXTS = [
    text("an empty text", "message", body=b""),
    text("a text of line breaks", "message", body=b"\r\n\n"),
    text("a blank text", "message", body=b"   "),
    text("a text that is not UTF-8", "message", body=b"Gr\xfc\xdfe"),
    text("a text that is too long", "message", body=b"x" * 200_001),
    text("an unknown option", "colour", "?colour=red"),
    text("a word for a number", "temperature", "?temperature=hot"),
    text("not a number", "temperature", "?temperature=nan"),
    text("an infinite number", "temperature", "?temperature=inf"),
    text("a number out of range", "temperature", "?temperature=9"),
    text("a float for a whole number", "max_tokens", "?max_tokens=1.5"),
    text("a whole number of 4,000 digits", "seed", "?seed=" + "9" * 3_900),
    text("an option without a value", "max_tokens", "?max_tokens="),
    text("an option twice", "seed", "?seed=1&seed=2"),
    text("a word for a bool", "drop_params", "?drop_params=perhaps"),
    text("tools in a query", "tools", "?tools=[]"),
    text("the message in the query", None, "?message=Hi"),
    text("a session by its JSON name", None, "?session_id=$mine"),
    Bad(
        "an option beside JSON", INVALID, "temperature", b'{"message": "a"}', "/chat?temperature=1"
    ),
]

ROUTES = [
    malformed("no JSON for a session", b"{", path="/sessions"),
    malformed("a list for a session", b"[]", path="/sessions"),
    malformed("a title twice", b'{"title": "a", "title": "b"}', "title", "/sessions"),
    other("an unknown setting", INVALID, "POST /sessions", "colour", colour="red"),
    other("a number for a title", INVALID, "POST /sessions", "title", title=5),
    other("a title of 201 letters", INVALID, "POST /sessions", "title", title="x" * 201),
    other("a life of 59 s", INVALID, "POST /sessions", "ttl", ttl=59),
    other("a life of ages", INVALID, "POST /sessions", "ttl", ttl=10**12),
    other("a string for a life", INVALID, "POST /sessions", "ttl", ttl="60"),
    other("a bool for a life", INVALID, "POST /sessions", "ttl", ttl=True),
    other("no persona of that name", INVALID, "POST /sessions", "persona", persona="nobody"),
    other("a number for parameters", INVALID, "POST /sessions", "parameters", parameters=5),
    other(
        "a wrong parameter",
        INVALID,
        "POST /sessions",
        "parameters.temperature",
        parameters={"temperature": 9},
    ),
    malformed("no JSON for a fork", b"{", path="/sessions/$mine/fork"),
    other("half a turn", INVALID, "POST /sessions/$mine/fork", "turn", turn=1.5),
    other("a bool for a turn", INVALID, "POST /sessions/$mine/fork", "turn", turn=True),
    other("an object for a turn", INVALID, "POST /sessions/$mine/fork", "turn", turn={"id": 1}),
    other("no such turn", (404, "turn_not_found"), "POST /sessions/$mine/fork", "turn", turn="t_x"),
    other("a turn to come", (404, "turn_not_found"), "POST /sessions/$mine/fork", "turn", turn=9),
    other("a turn below 0", (404, "turn_not_found"), "POST /sessions/$mine/fork", "turn", turn=-1),
    malformed("no JSON to regenerate", b"{", path="/sessions/$mine/regenerate"),
    Bad("a vertical tab to fork", INVALID, None, b"\x0b", "/sessions/$mine/fork"),
    other(
        "a message to regenerate",
        INVALID,
        "POST /sessions/$mine/regenerate",
        "message",
        message="a",
    ),
    other("nothing to regenerate", INVALID, "POST /sessions/$empty/regenerate", "session_id"),
    other("nothing to undo", INVALID, "POST /sessions/$empty/undo", "session_id"),
    Bad("no JSON for a change", INVALID, None, b"{", "/sessions/$mine", "PATCH"),
    other("an unknown change", INVALID, "PATCH /sessions/$mine", "colour", colour="red"),
    other("a change that is no object", INVALID, "PATCH /sessions/$mine", "system", system=["a"]),
    other("an export of no known form", INVALID, "GET /sessions/$mine/export?format=pdf", "format"),
    other("no number a page", INVALID, "GET /sessions?limit=", "limit"),
    other("no sessions a page", INVALID, "GET /sessions?limit=0", "limit"),
    other("101 sessions a page", INVALID, "GET /sessions?limit=101", "limit"),
    other("a word for a limit", INVALID, "GET /sessions?limit=all", "limit"),
    other("a limit below 0", INVALID, "GET /sessions?limit=-1", "limit"),
    other("a float for a limit", INVALID, "GET /sessions?limit=1.0", "limit"),
    other("a limit of Arabic digits", INVALID, "GET /sessions?limit=%D9%A3", "limit"),
    other("a limit behind zeros", INVALID, "GET /sessions?limit=000000001999999", "limit"),
    other(
        "a limit of 40 digits", INVALID, "GET /sessions/$mine?limit=000000001" + "9" * 31, "limit"
    ),
    other("1,001 turns", INVALID, "GET /sessions/$mine?limit=1001", "limit"),
    other("a word for a cursor", INVALID, "GET /sessions?cursor=next", "cursor"),
    other("a cursor of Arabic digits", INVALID, "GET /sessions?cursor=%D9%A3.$none", "cursor"),
    other("a cursor with a NUL", INVALID, "GET /sessions?cursor=1.$none%00", "cursor"),
]

FOREIGN = [
    other(f"{line} of {whose}", NO_SESSION, line.format(whose), "session_id")
    for line in (
        "GET /sessions/{}",
        "PATCH /sessions/{}",
        "DELETE /sessions/{}",
        "POST /sessions/{}/fork",
        "POST /sessions/{}/undo",
        "POST /sessions/{}/regenerate",
        "GET /sessions/{}/export",
    )
    for whose in ("$foreign", "$none", "x", "s_%7D", "%00", "%FF", "a%0D%0AX-Evil:%201")
]

METHODS = [
    other(line, NO_METHOD, line)
    for line in (
        "GET /chat",
        "PUT /chat",
        "PATCH /sessions",
        "POST /sessions/$mine",
        "GET /sessions/$mine/undo",
        "POST /sessions/$mine/export",
        "POST /livez",
        "DELETE /openapi.json",
        "BREW /chat",
        "TRACE /chat",
    )
]

PATHS = [
    other(line[:40], NOTHING, line)
    for line in (
        "GET /nothing",
        "POST /chat/",
        "POST /Chat",
        "POST /chat;a=b",
        "POST /chat%00",
        "GET /sessions/",
        "GET /sessions/$mine/",
        "GET /sessions/$mine/turns",
        "GET /" + "a" * 3_900,
        "GET /wp-login.php",
        "GET /.env",
    )
]

ALL = [
    *(MESSAGES + NO_JSON + FIELDS + SESSIONS + TYPES + SIZES + TEXTS + ROUTES),
    *(FOREIGN + METHODS + PATHS),
]
