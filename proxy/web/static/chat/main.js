// The chat page: joins its parts.

import { Conversation } from "./conversation.js";
import * as identity from "./identity.js";
import * as keeping from "./keeping.js";
import * as keyboard from "./keyboard.js";
import {
  chat,
  composer,
  earlier,
  menu,
  message,
  openSidebar,
  press,
  search,
  signInOut,
  title,
} from "./parts.js";
import * as sessions from "./sessions.js";
import * as settings from "./settings.js";

const conversation = new Conversation(sessions.refresh);

function go() {
  const id = location.hash.slice(1);
  closeSidebar();
  if (id && id !== conversation.id) conversation.open(id);
  if (!id) conversation.begin();
}

function startNew() {
  history.pushState(null, "", "/");
  go();
  sessions.mark();
  message.focus();
}

function nameIt() {
  const known = sessions.find(conversation.id) ?? conversation.session;
  title.textContent = known?.title || "New conversation";
  document.title = `${known?.title || "Chat"} · chat-proxy`;
}

function submit() {
  const text = message.value;
  if (!text.trim() || conversation.busy) return;
  message.value = "";
  fit();
  message.focus();
  conversation.send(text);
}

function fit() {
  message.rows = Math.min(10, message.value.split("\n").length);
}

function closeSidebar() {
  chat.classList.remove("listing");
  openSidebar.setAttribute("aria-expanded", "false");
}

function toggleSidebar() {
  const listing = chat.classList.toggle("listing");
  openSidebar.setAttribute("aria-expanded", String(listing));
  if (listing) search.focus();
}

function escape() {
  if (chat.classList.contains("listing")) {
    closeSidebar();
    openSidebar.focus();
  } else if (conversation.busy) {
    conversation.stop();
  } else if (document.activeElement === message || document.activeElement === search) {
    document.activeElement.blur();
  }
}

const changeSettings = () => conversation.attempt(() => settings.change(conversation));

/** What needs a conversation that is stored does nothing in a new one. */
const ifStored = (act) => () => {
  menu.hidePopover();
  if (conversation.id) conversation.attempt(async () => act());
};

composer.addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
message.addEventListener("input", fit);
message.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  submit();
});
earlier.addEventListener("click", () => conversation.openWhole());
openSidebar.addEventListener("click", toggleSidebar);
chat.addEventListener("click", (event) => event.target === chat && closeSidebar());
signInOut.addEventListener("click", () => {
  if (identity.known()) identity.signOut();
  else enter();
});
press("new", startNew);
press("stop", () => conversation.stop());
press("settings", changeSettings);
press("help", () => (menu.hidePopover(), keyboard.help()));
press("rename", ifStored(() => keeping.rename(conversation, sessions.refresh)));
press("delete", ifStored(() => keeping.remove(conversation, () => (startNew(), sessions.refresh()))));
press("export-markdown", ifStored(() => keeping.save(conversation, "markdown")));
press("export-json", ifStored(() => keeping.save(conversation, "json")));
keyboard.listen(
  {
    "?": keyboard.help,
    "/": () => search.focus(),
    n: startNew,
    m: () => message.focus(),
    e: () => conversation.startEdit(),
    r: () => conversation.regenerate(),
    u: () => conversation.undo(),
    s: changeSettings,
  },
  escape,
);
addEventListener("hashchange", go);
addEventListener("popstate", go);
document.addEventListener("sessions", nameIt);

async function arrive() {
  sessions.refresh();
  go();
  message.focus();
}

async function enter() {
  if (await identity.signIn()) arrive();
}

identity.show();
sessions.start();
if (identity.known()) arrive();
else enter();
