// The page: shows a conversation, and has it in sessionStorage so that a reload loses no word.

import { Turn } from "./chat-stream.js";

const [talk, form, message, send, stop, fresh] = ["talk", "form", "message", "send", "stop", "new"].map(
  (id) => document.getElementById(id),
);
const KEPT = "chat";

/** The session's id, what was said, and the turn that is being answered. */
let kept = JSON.parse(sessionStorage.getItem(KEPT)) ?? { sessionId: null, said: [] };
let turn = null;

function keep() {
  sessionStorage.setItem(KEPT, JSON.stringify({ ...kept, turn: turn?.state }));
}

function show(who, text) {
  const line = document.createElement("li");
  line.className = who;
  line.textContent = text;
  talk.append(line);
  line.scrollIntoView({ block: "end" });
  return line;
}

function say(who, text) {
  kept.said.push({ who, text });
  keep();
}

/** Show the words of the turn as they come; those of one that fails or is stopped stay. */
async function follow() {
  send.disabled = true;
  const line = show("gpt", turn.text || "…");
  let failure = null;
  try {
    for await (const { kind } of turn.events()) {
      stop.hidden = false;
      line.textContent = turn.text || "…";
      if (kind === "start") keep();
    }
  } catch (error) {
    failure = error.code === "turn_cancelled" ? "Stopped." : error.message;
    if (error.code === "session_not_found") kept.sessionId = null;
  }
  const { text, state } = turn;
  turn = null;
  if (text) kept.sessionId = state.sessionId;
  line.textContent = text;
  say("gpt", text);
  if (failure) {
    show("note", failure);
    say("note", failure);
  }
  send.disabled = false;
  stop.hidden = true;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (turn) return;
  const request = { message: message.value };
  if (kept.sessionId) request.session_id = kept.sessionId;
  message.value = "";
  show("you", request.message);
  turn = new Turn({ request });
  say("you", request.message);
  follow();
});

stop.addEventListener("click", () => turn?.cancel().catch((error) => show("note", error.message)));

fresh.addEventListener("click", () => {
  sessionStorage.removeItem(KEPT);
  removeEventListener("pagehide", keep);
  location.reload();
});

// The place in the turn is stored when the page goes; all of a turn that was not is told again.
addEventListener("pagehide", keep);

for (const { who, text } of kept.said) show(who, text);
if (kept.turn) {
  turn = new Turn({ state: kept.turn });
  follow();
}
