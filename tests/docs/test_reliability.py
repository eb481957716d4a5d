"""docs/reliability.md against the tests: each promise is tested, and each test stands there."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import rows, text
from tests.support.service import ROOT

PAGE = "docs/reliability.md"
NAMED = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text(PAGE))


@pytest.mark.parametrize("column", ["Fault", "Trap"])
def test_every_row_names_a_test(column: str) -> None:
    promised = rows(PAGE, column)
    assert len(promised) >= 10
    assert [row for row in promised if "`tests/" not in row[-1]] == []


@pytest.mark.parametrize(("path", "name"), sorted(set(NAMED)))
def test_every_test_that_is_named_is_there(path: str, name: str) -> None:
    written = (ROOT / path).read_text("utf-8")
    assert re.search(rf"^def {name or 'test_'}", written, re.MULTILINE)


def test_every_fault_that_is_tested_is_promised() -> None:
    tested = {str(path.relative_to(ROOT)) for path in (ROOT / "tests/faults").glob("test_*.py")}
    assert tested <= {path for path, _ in NAMED}
