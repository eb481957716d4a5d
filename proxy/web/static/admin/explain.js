// Why a key's request is refused, or would be: each limit that holds for it, and the verdict.

import { get } from "./api.js";
import { balances } from "./balances.js";
import { fill, h } from "../elements.js";
import { failure } from "../notice.js";

/** The explanation of a key, for a model and a number of tokens that one may choose. */
export function explanation(id) {
  const told = h("div", { "aria-live": "polite" });
  const model = h("input", { name: "model", placeholder: "the default", autocomplete: "off" });
  const tokens = h("input", { name: "tokens", type: "number", min: 1, step: 1, value: 1000 });
  const explain = async () => {
    const asked = new URLSearchParams({ explain: id });
    if (model.value.trim()) asked.set("model", model.value.trim());
    if (tokens.value) asked.set("tokens", tokens.value);
    try {
      fill(told, verdict(await get(`/limits?${asked}`)));
    } catch (error) {
      fill(told, failure(error, explain));
    }
  };
  const submit = (event) => {
    event.preventDefault();
    explain();
  };
  explain();
  return h(
    "div",
    {},
    h(
      "form",
      { class: "tools", onsubmit: submit },
      h("label", {}, "Model ", model),
      h("label", {}, "Tokens ", tokens),
      h("button", { class: "quiet" }, "Explain"),
    ),
    told,
  );
}

function verdict(told) {
  const { next, limits } = told;
  return [
    h(
      "p",
      { class: next.passes ? "verdict passes" : "verdict refused" },
      h("strong", {}, next.passes ? "Passes. " : "Refused. "),
      next.message,
      next.code && [" ", h("code", {}, next.code)],
    ),
    limits.length
      ? balances(limits, next.limit)
      : h("p", { class: "empty" }, "Nothing limits this key."),
  ];
}
