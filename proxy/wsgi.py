"""The app that gunicorn serves, made from the environment's settings when this is imported."""

from __future__ import annotations

from proxy.app import create_app
from proxy.settings import load

app = create_app(load())
