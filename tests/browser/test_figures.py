"""Figures as the dashboard writes them for people; its own module is asked in a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.browser.conftest import Begin
    from tests.support.service import Service

FIGURES: list[tuple[str, Any, str]] = [
    ("whole", 1234567, "1,234,567"),
    ("short", 0, "0"),
    ("short", 9_999, "9,999"),
    ("short", 12_345, "12.3K"),
    ("short", 2_000_000, "2M"),
    ("usd", 0, "$0"),
    ("usd", 20, "$20"),
    ("usd", 1204.5, "$1,204.50"),
    ("usd", 76.00000001, "$76"),
    ("usd", 0.0000119, "$0.000012"),
    ("usd", 123456.78, "$123,457"),
    ("seconds", None, "\u2013"),
    ("seconds", 0, "0"),
    ("seconds", 0.2514, "251 ms"),
    ("seconds", 1.44, "1.4 s"),
    ("seconds", 409.6, "410 s"),
    ("span", 0.2, "less than a second"),
    ("span", 59.4, "59 s"),
    ("span", 240, "4 min"),
    ("span", 200_000, "2 days"),
    ("moment", 1_795_341_600, "Nov 22, 2026, 10:00"),
]


ASK = """([name, ...values]) =>
  import("/static/admin/format.js").then((figures) => figures[name](...values))"""


def test_a_figure_is_written_as_people_read_it(service: Service, visit: Begin) -> None:
    page = visit(service).open("/docs")
    for name, value, said in FIGURES:
        assert page.evaluate(ASK, [name, value]) == said, (name, value)
    assert page.evaluate(ASK, ["share", 1, 250]) == "0.4 %"
