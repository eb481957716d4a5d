// Buttons that copy a text.

import { h } from "../elements.js";
import { announce } from "./parts.js";

/** A button that copies what `text` answers when it is pressed. */
export function copyButton(label, text) {
  const button = h("button", { type: "button", class: "act", onclick: copy }, label);

  async function copy() {
    try {
      await navigator.clipboard.writeText(text());
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not allowed";
    }
    announce(button.textContent);
    setTimeout(() => (button.textContent = label), 2000);
  }

  return button;
}
