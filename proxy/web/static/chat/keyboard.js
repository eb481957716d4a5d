// Keys. Those of one letter act only where nobody types, and never with Ctrl, Alt or Cmd.

import { open } from "../dialog.js";
import { h } from "../elements.js";

const TOLD = [
  ["Enter", "send the message"],
  ["Shift+Enter", "begin a new line"],
  ["Esc", "stop the answer"],
  ["?", "these keys"],
  ["/", "search the conversations"],
  ["n", "begin a new conversation"],
  ["m", "go to the message"],
  ["e", "edit the newest message"],
  ["r", "have it answered anew"],
  ["u", "take it back"],
  ["s", "settings of this conversation"],
];
const NOTE = "Those of one letter act while you type nowhere: Tab or Esc leaves the message first.";

/** Show what each key does. */
export function help() {
  open("Keyboard", (close) => [
    h(
      "dl",
      { class: "keys" },
      TOLD.map(([key, does]) => h("div", {}, h("dt", {}, h("kbd", {}, key)), h("dd", {}, does))),
    ),
    h("p", { class: "hint" }, NOTE),
    h(
      "div",
      { class: "actions" },
      h("button", { type: "button", class: "primary", onclick: close, autofocus: true }, "Close"),
    ),
  ]);
}

/** Act on keys: `acts` by key, `escape` on Esc. */
export function listen(acts, escape) {
  addEventListener("keydown", (event) => {
    const plain = !event.ctrlKey && !event.altKey && !event.metaKey && !event.isComposing;
    const elsewhere = document.querySelector("dialog[open], :popover-open");
    if (!plain || elsewhere || event.defaultPrevented) return;
    if (event.key === "Escape") {
      escape(event);
      return;
    }
    const act = acts[event.key];
    if (!act || event.target.matches("input, select, textarea")) return;
    event.preventDefault();
    act();
  });
}
