"""`python -m proxy.simulator`."""

from __future__ import annotations

import argparse
import os
import sys

from proxy.simulator.app import build_app
from proxy.simulator.server import serve
from proxy.simulator.state import State


def main() -> None:
    """Run the simulated ChatGPT until it is told to stop."""
    parser = argparse.ArgumentParser(prog="python -m proxy.simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    parser.add_argument(
        "--profile",
        choices=("openai", "compatible"),
        default="openai",
        help="compatible takes fields that OpenAI refuses, such as top_k, as vLLM does",
    )
    options = parser.parse_args()
    state = State(
        api_key=os.environ.get("SIMULATOR_API_KEY") or None,
        lenient=options.profile == "compatible",
    )
    try:
        serve(build_app(state), options.host, options.port)
    except OSError as error:
        sys.exit(f"cannot listen on {options.host}:{options.port}: {error.strerror}")


main()
