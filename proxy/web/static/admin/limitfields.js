// The limits of keys and teams: as fields of a form, as what is sent, and as a line of text.

import { choice, field } from "../dialog.js";
import { h } from "../elements.js";
import { short, usd } from "./format.js";

const NUMBERS = [
  ["rpm", "Requests a minute"],
  ["tpm", "Tokens a minute"],
  ["burst", "Requests at once"],
  ["max_parallel", "Requests in flight"],
];

/** The fields; `hint` says what an empty one means. */
export function limitFields(record, hint) {
  const number = ([name, label]) =>
    field(label, h("input", { name, type: "number", min: 0, step: 1, value: record[name] ?? "" }));
  const budget = { name: "budget_usd", type: "number", min: 0, step: "any", value: record.budget_usd ?? "" };
  const periods = [["day", "a day"], ["month", "a month"]];
  return [
    h(
      "fieldset",
      {},
      h("legend", {}, "Limits"),
      h("p", { class: "hint" }, hint),
      h("div", { class: "columns" }, NUMBERS.map(number)),
    ),
    h(
      "fieldset",
      {},
      h("legend", {}, "Budget"),
      h(
        "div",
        { class: "columns" },
        field("USD", h("input", budget), "Empty for none."),
        field("For", choice("budget_period", periods, record.budget_period ?? "month")),
      ),
    ),
    h(
      "label",
      { class: "check" },
      h("input", { name: "shadow", type: "checkbox", checked: record.shadow === true }),
      " Count these limits, and refuse nobody",
    ),
  ];
}

/** What the fields hold, as the service takes it: an empty one is null. */
export function limitsGiven(data) {
  const number = (name) => (data.get(name) === "" ? null : Number(data.get(name)));
  return {
    ...Object.fromEntries(NUMBERS.map(([name]) => [name, number(name)])),
    budget_usd: number("budget_usd"),
    budget_period: data.get("budget_period"),
    shadow: data.has("shadow"),
  };
}

/** 60 requests, 200K tokens a minute, 4 in flight */
export function limitsSaid(record, unset) {
  const said = [];
  if (record.rpm) said.push(`${short(record.rpm)} requests/min`);
  if (record.tpm) said.push(`${short(record.tpm)} tokens/min`);
  if (record.max_parallel) said.push(`${short(record.max_parallel)} in flight`);
  if (record.shadow) said.push("only counted");
  return said.join(", ") || unset;
}

/** $20 a month */
export const budgetSaid = (record) =>
  record.budget_usd ? `${usd(record.budget_usd)} a ${record.budget_period}` : "none";
