// Why there is no answer, in a person's terms: what to do, until when to wait, and where to ask.

import { h } from "../elements.js";
import { chat } from "./parts.js";

const LONGEST_WAIT_S = Number(chat.dataset.waitMax);
const TO_DO = {
  context_length_exceeded: "Shorten the message, or begin a new conversation.",
  idempotency_conflict: "Send the message again.",
  insufficient_quota: "Ask whoever gave you the key for a larger budget, or wait until it renews itself.",
  invalid_api_key: "Sign in with a client key that is good.",
  invalid_request: "Change the message or the settings as it says.",
  model_not_allowed: "Choose another model in Settings.",
  model_not_found: "Choose another model in Settings.",
  origin_not_allowed: "Open this page at the address that the key is for.",
  rate_limit_exceeded: "Your share is used up for the moment: wait, or queue for the next free turn.",
  session_busy: "Another answer is being written in this conversation: wait for its end.",
  session_not_found: "It was deleted, or kept its time. Begin a new one.",
  store_unavailable: "The service's memory is away. It usually comes back by itself.",
  turn_interrupted: "What was written is kept. Ask again.",
  unreachable: "Check your connection, then try again.",
  upstream_auth_failed: "Tell whoever runs this service: its own key is refused.",
  upstream_error: "ChatGPT failed. Try again.",
  upstream_quota_exhausted: "Tell whoever runs this service: its account is out of credit.",
  upstream_rate_limited: "ChatGPT itself is busy: wait, or queue for the next free turn.",
  upstream_timeout: "ChatGPT took too long. Try again.",
  upstream_unavailable: "ChatGPT has failed for a while, and is left alone. Try again soon.",
};
const QUEUED_FOR = new Set(["rate_limit_exceeded", "session_busy", "upstream_rate_limited"]);

/** A refusal with its remedies; `queue(seconds)` asks again and waits its turn. */
export function explained(refusal, { again, queue }) {
  const toDo = TO_DO[refusal.code] ?? "Try again; if it stays so, tell whoever runs this service.";
  const canQueue = queue && QUEUED_FOR.has(refusal.code) && refusal.waitS < LONGEST_WAIT_S;
  return h(
    "div",
    { class: "notice wrong" },
    h("p", {}, h("strong", {}, refusal.message)),
    h("p", {}, toDo),
    refusal.requestId && h("p", { class: "hint" }, "Request id ", h("code", {}, refusal.requestId)),
    h(
      "div",
      { class: "actions", "aria-live": "off" }, // else each second is read aloud
      canQueue &&
        h(
          "button",
          { type: "button", class: "primary", onclick: () => queue(LONGEST_WAIT_S) },
          "Wait in the queue",
        ),
      again && countdown(refusal, again),
    ),
  );
}

function countdown(refusal, again) {
  const button = h("button", { type: "button", class: "quiet", onclick: again }, "Try again");
  const until = Date.now() + refusal.waitS * 1000;
  const timer = setInterval(tick, 250);

  function tick() {
    const left = Math.ceil((until - Date.now()) / 1000);
    button.disabled = left > 0;
    button.textContent = left > 0 ? `Try again in ${spoken(left)}` : "Try again";
    if (left <= 0) clearInterval(timer);
  }

  tick();
  return button;
}

function spoken(seconds) {
  if (seconds < 100) return `${seconds} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 100 ? `${minutes} min` : `${Math.ceil(minutes / 60)} h`;
}
