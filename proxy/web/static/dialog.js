// Dialogs: a question, a form, or a secret that is shown once. Focus comes back where it was.

import { fill, h } from "./elements.js";
import { failure } from "./notice.js";

/** Show a dialog; `build(close)` answers what is in it. */
export function open(title, build) {
  const before = document.activeElement;
  const heading = h("h2", { id: "dialog-title" }, title);
  const dialog = h("dialog", { "aria-labelledby": "dialog-title" });
  const close = () => dialog.close();
  dialog.append(heading, ...[build(close)].flat());
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (before?.isConnected) before.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/**
 * A form in a dialog; what went wrong stands in it, and it closes when `send` has succeeded.
 *
 * @param {string} title
 * @param {{ fields: any, action: string, danger?: boolean, send: (data: FormData) => Promise<void> }} told
 */
export function form(title, told) {
  return open(title, (close) => {
    const wrong = h("div", { role: "alert" });
    const submit = h("button", { class: told.danger ? "danger" : "primary" }, told.action);
    const send = async (event) => {
      event.preventDefault();
      submit.disabled = true;
      try {
        await told.send(new FormData(event.target));
        close();
      } catch (error) {
        fill(wrong, failure(error));
      }
      submit.disabled = false;
    };
    return h(
      "form",
      { onsubmit: send },
      told.fields,
      wrong,
      h(
        "div",
        { class: "actions" },
        h("button", { type: "button", class: "quiet", onclick: close }, "Cancel"),
        submit,
      ),
    );
  });
}

/** Show a secret that will not be shown again. */
export function secret(title, about, value) {
  const shown = h("code", { class: "secret", tabindex: "0" }, value);
  const said = h("span", { role: "status" });
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(value);
      said.textContent = "Copied.";
    } catch {
      getSelection().selectAllChildren(shown);
      said.textContent = "Selected: copy it with the keyboard.";
    }
  };
  open(title, (close) => [
    h("p", {}, about),
    h("p", {}, shown),
    h(
      "div",
      { class: "actions" },
      said,
      h("button", { type: "button", class: "quiet", onclick: copy }, "Copy"),
      h("button", { type: "button", class: "primary", onclick: close }, "I have stored it"),
    ),
  ]);
}

/** A labelled field; `hint` says what it may be. */
export function field(label, control, hint) {
  const hintId = `${control.name}-hint`;
  control.id = `field-${control.name}`;
  if (hint) control.setAttribute("aria-describedby", hintId);
  return h(
    "div",
    { class: "field" },
    h("label", { for: control.id }, label),
    control,
    hint && h("p", { class: "hint", id: hintId }, hint),
  );
}

/** A box to choose one of `options`: `[value, text]` each. */
export function choice(name, options, value) {
  const chosen = (one) => String(one) === String(value);
  return h(
    "select",
    { name },
    options.map(([one, text]) => h("option", { value: one, selected: chosen(one) }, text)),
  );
}
