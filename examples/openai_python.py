"""OpenAI's own SDK: `python examples/openai_python.py`, with PROXY_URL and PROXY_KEY.

`pip install openai`; the base URL and the client key are all that differs from OpenAI itself.
"""

import os

from openai import OpenAI

URL = os.environ.get("PROXY_URL", "http://127.0.0.1:8080")
KEY = os.environ.get("PROXY_KEY", "")
MODEL = "gpt-6-luna"

client = OpenAI(base_url=f"{URL}/v1", api_key=KEY or "a proxy in open mode asks for none")


def ask(question: str, session_id: str | None = None) -> str:
    """The whole answer; with a session's id it is a turn of that session, which remembers it."""
    answer = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": question}],
        extra_headers={"X-Session-ID": session_id} if session_id else None,
    )
    return answer.choices[0].message.content or ""


def ask_streamed(question: str) -> None:
    """The answer word for word."""
    chunks = client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": question}], stream=True
    )
    for chunk in chunks:
        if chunk.choices:
            print(chunk.choices[0].delta.content or "", end="", flush=True)
    print()


def new_session() -> str:
    """The id of a new session: not an OpenAI call, so the proxy's own address is given whole."""
    session = client.post(f"{URL}/sessions", body={}, cast_to=dict[str, object])
    return str(session["id"])


def main() -> None:
    """Ask in each of these ways."""
    print(ask("Name a river in France."))
    ask_streamed("Name a river in Spain.")
    session_id = new_session()
    print(ask("My name is Ada.", session_id))
    print(ask("What is my name?", session_id))


if __name__ == "__main__":
    main()
