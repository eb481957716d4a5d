// What went wrong, with what helps to find it.

import { h } from "./elements.js";

/** A sentence, and the request's id; `again` tries once more. */
export function failure(error, again) {
  return h(
    "div",
    { class: "notice wrong" },
    h("p", {}, error.message),
    error.requestId && h("p", { class: "hint" }, "Request id ", h("code", {}, error.requestId)),
    again && h("button", { type: "button", class: "quiet", onclick: again }, "Try again"),
  );
}
