// Live limits: what is left of what all share, who waits for what, and where little is left.

import { get } from "./api.js";
import { allBalances, balances, leftBar, limitSaid } from "./balances.js";
import { fill, h } from "../elements.js";
import { span, whole } from "./format.js";
import { allKeys } from "./names.js";
import { failure } from "../notice.js";
import { repeat } from "./now.js";
import { table } from "./table.js";

const MOST = 12;
const SCOPES = { upstream: "what all share", model: "ChatGPT's limit", team: "the team", key: "the key", user: "the user" };

/** The view; it answers with a function that stops what runs in it. */
export async function limits(place) {
  const names = new Map((await allKeys()).map((key) => [key.id, key.name]));
  const shared = h("div", {});
  const waiting = h("div", {});
  const short = h("div", {});
  const read = async () => {
    try {
      const [told, doing] = await Promise.all([allBalances(), get("/activity")]);
      const ofAll = told.filter((limit) => limit.scope === "upstream" || limit.scope === "model");
      fill(shared, ofAll.length ? balances(ofAll) : empty("Nothing is known of ChatGPT's limits until it has answered a request, and no limit of all is set."));
      fill(waiting, room(doing.waiting, names));
      fill(short, scarce(told, names));
    } catch (error) {
      fill(waiting, failure(error, read));
    }
  };
  await read();
  fill(
    place,
    h("section", { class: "panel" }, h("h2", {}, "Waiting room"), waiting),
    h("section", { class: "panel" }, h("h2", {}, "What all share"), shared),
    h("section", { class: "panel" }, h("h2", {}, "Where least is left"), short),
  );
  return repeat(read);
}

function room(rows, names) {
  return table({
    caption: "Who waits for what",
    rows,
    sort: 2,
    descending: true,
    empty: "Nobody waits.",
    columns: [
      { name: "For", by: (row) => `${row.scope}${row.id}`, cell: (row) => waitedFor(row, names), class: "name" },
      { name: "Model", by: (row) => row.model, cell: (row) => row.model },
      { name: "Requests", by: (row) => row.requests, cell: (row) => whole(row.requests), numeric: true },
    ],
  });
}

function waitedFor({ scope, id }, names) {
  if (scope === "key") return [`${SCOPES.key} `, h("a", { href: `#keys/${id}` }, names.get(id) ?? id)];
  if (scope === "team") return [`${SCOPES.team} `, h("a", { href: `#teams/${encodeURIComponent(id)}` }, id)];
  return scope === "upstream" ? SCOPES.upstream : `${SCOPES[scope]} ${id}`;
}

/** Keys and teams whose limits are nearest to their end. */
function scarce(told, names) {
  const left = (limit) => (limit.remaining - limit.short) / limit.burst;
  const own = told.filter((limit) => limit.scope === "key" || limit.scope === "team");
  const rows = own.filter((limit) => left(limit) < 1).sort((a, b) => left(a) - left(b));
  return table({
    caption: "Keys and teams with the least left",
    rows: rows.slice(0, MOST),
    sort: 2,
    empty: "All keys and teams have all of their limits left.",
    columns: [
      { name: "Whose", by: (limit) => `${limit.scope}${limit.id}`, cell: (limit) => waitedFor(limit, names), class: "name" },
      { name: "Limit", by: (limit) => limit.resource, cell: limitSaid },
      { name: "Left", by: left, cell: leftBar, class: "budget" },
      { name: "Full in", by: (limit) => limit.full_in_s, cell: (limit) => span(limit.full_in_s), numeric: true },
    ],
  });
}

const empty = (text) => h("p", { class: "empty" }, text);
