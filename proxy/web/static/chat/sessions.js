// The list of conversations, and the search in it.

import { h } from "../elements.js";
import { json } from "./api.js";
import { moreSessions, search, sessions, sessionsSaid } from "./parts.js";
import { running } from "./pending.js";

const A_PAGE = 100;
const PAUSE_MS = 200;
const DAY_S = 86_400;

let cursor = null;
let shown = [];
let asked = 0;
let timer = 0;

export function start() {
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(refresh, PAUSE_MS);
  });
  search.form.addEventListener("submit", (event) => {
    event.preventDefault();
    refresh();
  });
  moreSessions.addEventListener("click", () => load(cursor));
  addEventListener("hashchange", mark);
}

/** Ask for the list anew. */
export const refresh = () => load(null);

/** What the list knows of a conversation. */
export const find = (id) => shown.find((session) => session.id === id);

/** Show which one is open. */
export function mark() {
  for (const link of sessions.querySelectorAll("a")) {
    if (link.hash === location.hash) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

async function load(after) {
  const turn = ++asked;
  const query = new URLSearchParams({ limit: A_PAGE, q: search.value.trim() });
  if (after) query.set("cursor", after);
  let page;
  try {
    page = await json("GET", `/sessions?${query}`);
  } catch (error) {
    sessionsSaid.textContent = error.message;
    return;
  }
  if (turn !== asked) return;
  shown = after ? [...shown, ...page.data] : [...(query.get("q") ? [] : fresh(page)), ...page.data];
  cursor = page.next_cursor;
  sessions.replaceChildren(...shown.map(entry));
  moreSessions.hidden = cursor === null;
  sessionsSaid.textContent = summary(search.value.trim());
  mark();
  document.dispatchEvent(new Event("sessions"));
}

/** Those whose first answer is on its way: the service lists a conversation once it holds one. */
function fresh({ data }) {
  return running().filter(({ id }) => !data.some((session) => session.id === id));
}

function summary(query) {
  if (query) return shown.length ? `${shown.length}${cursor ? "+" : ""} found` : "Nothing found";
  return shown.length ? "" : "No conversations yet";
}

function entry(session) {
  const at = new Date(session.updated_at * 1000);
  return h(
    "li",
    {},
    h(
      "a",
      { href: `#${session.id}`, title: session.title },
      h("span", { class: "session-title" }, session.title || "Untitled"),
      h("time", { datetime: at.toISOString() }, spoken(at)),
    ),
  );
}

function spoken(at) {
  const days = (Date.now() - at) / 1000 / DAY_S;
  if (days < 0.5) return at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false });
  return at.toLocaleDateString([], { day: "numeric", month: "short" });
}
