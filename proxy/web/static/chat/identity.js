// Who is here: a client key is traded for a token, and forgotten. The tab keeps the token alone.

import { field, form } from "../dialog.js";
import { h } from "../elements.js";
import { chat, identity, signInOut, who } from "./parts.js";
import { forgetAll } from "./pending.js";
import { reach } from "./refusal.js";

const KEPT = "chat-proxy browser token";
const FIRST = "Your conversations open with a client key.";
const ENDED = "Your sign-in has ended. Nothing you wrote is lost: it goes on once you are back.";
const asksForKey = chat.dataset.asksForKey === "1";
let asking = null;

/** The headers that tell who asks. */
export function authorization() {
  const token = kept();
  return token ? { Authorization: `Bearer ${token.token}` } : {};
}

/** Whether requests can be made now, without asking for a key. */
export const known = () => !asksForKey || kept() !== null;

/** Ask for a key until there is a token or the asking is given up; answers whether there is one. */
export function signIn() {
  const why = sessionStorage.getItem(KEPT) ? ENDED : FIRST;
  sessionStorage.removeItem(KEPT);
  show();
  asking ??= asked(why).finally(() => (asking = null));
  return asking;
}

export function signOut() {
  forgetAll();
  sessionStorage.removeItem(KEPT);
  location.assign("/");
}

/** Show who is signed in. */
export function show() {
  const token = kept();
  identity.hidden = !asksForKey;
  who.textContent = token ? token.user : "Not signed in";
  signInOut.textContent = token ? "Sign out" : "Sign in";
}

function asked(why) {
  const key = h("input", {
    name: "key",
    type: "password",
    required: true,
    autocomplete: "off",
    spellcheck: "false",
    autofocus: true,
  });
  const user = h("input", { name: "user", required: true, maxlength: "128", value: lastUser() });
  const dialog = form("Sign in", {
    action: "Sign in",
    fields: [
      h("p", { class: "hint" }, why),
      field("Client key", key, "Traded for a token that ends within an hour. The key is not kept."),
      field("Your name", user, "Conversations are kept apart by it, for those who share a key."),
    ],
    send: (data) => trade(data.get("key").trim(), data.get("user").trim()),
  });
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(known())));
}

async function trade(key, user) {
  const answer = await reach("/tokens", {
    method: "POST",
    headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
    body: JSON.stringify({ user }),
  });
  sessionStorage.setItem(KEPT, JSON.stringify(await answer.json()));
  localStorage.setItem("chat-proxy user", user);
  show();
}

function kept() {
  const token = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
  return token && token.expires_at * 1000 > Date.now() ? token : null;
}

const lastUser = () => localStorage.getItem("chat-proxy user") ?? "me";
