"""The simulated ChatGPT as a WSGI application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask

from proxy.simulator.api import openai_api
from proxy.simulator.control import control

if TYPE_CHECKING:
    from proxy.simulator.state import State


def build_app(state: State) -> Flask:
    """Join OpenAI's routes and the control routes over one state.

    It has to be served by `proxy.simulator.server`, whose handler gives it the socket.
    """
    app = Flask("proxy.simulator", static_folder=None, template_folder=None)
    app.register_blueprint(openai_api(state))
    app.register_blueprint(control(state))
    return app
