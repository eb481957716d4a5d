"""docs/observability.md against the figures and the fields that the service tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.docs import pages
from tests.support.figures import exposed
from tests.support.keys import form_team
from tests.support.log import line_of

if TYPE_CHECKING:
    from proxy.store.connection import Store
    from tests.conftest import NewKey, StartService
    from tests.support.service import Client, Service
    from tests.support.simulator import Control

PAGE = "docs/observability.md"


def test_every_figure_has_its_row_with_its_labels(
    start_service: StartService, chatgpt: Control, new_key: NewKey, store: Store
) -> None:
    form_team(store, rpm=600)
    client = start_service(PROXY_UPSTREAM_RPM="1000000").client(new_key())
    assert client.chat().ok
    shown = {pages.code(row[0])[0]: set(pages.code(row[1])) for row in pages.rows(PAGE, "Figure")}
    assert shown == exposed(client)


def test_every_field_of_a_request_s_line_has_its_row(
    service: Service, api: Client, chatgpt: Control
) -> None:
    answers = [api.chat(), api.chat(stream=True), api.chat(temperature=9)]
    fields = {field for answer in answers for field in line_of(service, answer)}
    assert fields | {"trace"} == {
        name for row in pages.rows(PAGE, "Field") for name in pages.code(row[0])
    }
