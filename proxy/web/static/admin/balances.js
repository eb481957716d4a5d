// Balances of limits and budgets: each a bar with what is left of it.

import { get } from "./api.js";
import { bar } from "./chart.js";
import { h } from "../elements.js";
import { short, span, usd } from "./format.js";

const WHOSE = {
  upstream: "Everybody",
  model: "ChatGPT, for this model",
  team: "Team",
  key: "This key",
  user: "This user",
};
const WHAT = { requests: "Requests", tokens: "Tokens", concurrency: "In flight", usd: "Budget" };

/** All balances, by scope and id. */
export async function allBalances() {
  return (await get("/limits")).data;
}

/** The budgets among them, by scope and id. */
export function budgets(balances) {
  const money = balances.filter((limit) => limit.resource === "usd");
  return new Map(money.map((limit) => [`${limit.scope}:${limit.id}`, limit]));
}

/** What was spent of a budget, in USD. */
export const spentOf = (limit) => limit.burst - limit.remaining + limit.short;

/** A budget as a bar: what was spent of it. */
export function budgetBar(limit) {
  if (!limit) return "–";
  const used = spentOf(limit);
  const said = `${usd(used)} of ${usd(limit.burst)} a ${limit.period}`;
  return h("div", { class: "amount" }, bar(used, limit.burst, toneOf(1 - used / limit.burst)), h("span", {}, said));
}

/** What a limit counts, and how much of it there is: Tokens, 200K a minute */
export function limitSaid(limit) {
  const format = unit(limit);
  const rate = limit.period ? `${format(limit.rate)} a ${limit.period}` : `${format(limit.rate)} at once`;
  return [WHAT[limit.resource], h("span", { class: "hint" }, ` ${rate}`)];
}

/** What is left of a limit, as a bar and in figures. */
export function leftBar(limit) {
  return h("div", { class: "amount" }, drawn(limit), h("span", {}, leftSaid(limit)));
}

/** A limit as a line: what it counts, how much is left. */
function balance(limit, refusing) {
  const notes = [
    limit.mode === "shadow" && "only counted",
    limit.mode === "learned" && "as ChatGPT told",
    limit.short > 0 && `${unit(limit)(limit.short)} below zero`,
    limit.full_in_s > 0 && `${limit.resource === "usd" ? "renewed" : "full"} in ${span(limit.full_in_s)}`,
  ].filter(Boolean);
  return h(
    "li",
    { class: refusing ? "limit refusing" : "limit" },
    h("span", { class: "limit-name" }, limitSaid(limit)),
    drawn(limit),
    h("span", { class: "limit-left" }, leftSaid(limit), h("span", { class: "hint" }, notes.join(" · "))),
  );
}

const unit = (limit) => (limit.resource === "usd" ? usd : short);

const drawn = (limit) => bar(limit.remaining, limit.burst, toneOf(limit.remaining / limit.burst));

function leftSaid(limit) {
  const format = unit(limit);
  return limit.burst ? `${format(limit.remaining)} of ${format(limit.burst)} left` : "paused";
}

/** Limits, those of one owner together. */
export function balances(limits, refusing) {
  const groups = grouped(limits);
  return [...groups.values()].map((group) => {
    const [{ scope, id }] = group;
    const name = scope === "upstream" ? "" : id;
    return h(
      "section",
      { class: "limit-group" },
      h("h3", {}, WHOSE[scope], name && h("span", { class: "id" }, name)),
      h("ul", { class: "limits" }, group.map((limit) => balance(limit, same(limit, refusing)))),
    );
  });
}

function grouped(limits) {
  const groups = new Map();
  for (const limit of limits) {
    const name = `${limit.scope}:${limit.id}`;
    groups.set(name, [...(groups.get(name) ?? []), limit]);
  }
  return groups;
}

const same = (limit, other) =>
  Boolean(other) && ["scope", "id", "resource"].every((name) => limit[name] === other[name]);

/** Green while there is enough, then amber, then red. */
function toneOf(left) {
  if (left <= 0.05) return "tone-bad";
  return left <= 0.25 ? "tone-warn" : "tone-good";
}
