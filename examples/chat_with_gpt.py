"""A chatbot in plain requests: `python examples/chat_with_gpt.py`, with PROXY_URL and PROXY_KEY."""

import contextlib
import os
import time

import requests

URL = os.environ.get("PROXY_URL", "http://127.0.0.1:8080")
KEY = os.environ.get("PROXY_KEY", "")


def chat_with_gpt(
    message: str, session_id: str | None = None, **parameters: object
) -> tuple[str, str]:
    """Send a message; give the answer's text and the id of the session that remembers it."""
    payload = {"message": message, **parameters}
    if session_id:
        payload["session_id"] = session_id
    headers = {"Authorization": f"Bearer {KEY}"} if KEY else {}
    for _ in range(5):
        response = requests.post(f"{URL}/chat", json=payload, headers=headers, timeout=(5, 600))
        wait = float(response.headers.get("Retry-After", 0))
        if response.status_code not in (409, 429) or not 0 < wait <= 60:
            break
        print(f"(The service asks for {wait:g} s.)")
        time.sleep(wait)
    answer = response.json()
    if not response.ok:
        raise RuntimeError(answer["error"]["message"])
    return answer["reply"], answer["session_id"]


def main() -> None:
    """Talk until `bye`."""
    session_id = None
    for message in iter(lambda: input("you> "), "bye"):
        try:
            reply, session_id = chat_with_gpt(message, session_id)
            print(f"gpt> {reply}")
        except (RuntimeError, requests.RequestException) as error:
            print(f"Error: {error}")
    print("Goodbye.")


if __name__ == "__main__":
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        main()
