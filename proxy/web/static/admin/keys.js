// Client keys: the list of all, and how one is made.

import { ask } from "./api.js";
import { allBalances, budgetBar, budgets, spentOf } from "./balances.js";
import { choice, field, form, secret } from "../dialog.js";
import { fill, h } from "../elements.js";
import { moment } from "./format.js";
import { limitFields, limitsGiven, limitsSaid } from "./limitfields.js";
import { allKeys, allTeams, forget } from "./names.js";
import { table } from "./table.js";

const STATES = [["active", "Active"], ["revoked", "Revoked"], ["expired", "Expired"], ["", "All"]];
const STORE_IT =
  "Give it to whoever will use it. The service keeps only its hash: it cannot be shown again.";

/** The list of keys. */
export async function keys(place) {
  const [known, limits] = await Promise.all([allKeys(), allBalances()]);
  const money = budgets(limits);
  const list = h("div", {});
  const filter = h("input", { type: "search", "aria-label": "Find a key", placeholder: "Find by name, team or id" });
  const states = choice("state", STATES, "active");
  states.setAttribute("aria-label", "State");
  const draw = () => {
    const words = filter.value.trim().toLowerCase();
    const found = known.filter(
      (key) =>
        (!states.value || key.state === states.value) &&
        [key.name, key.team ?? "", key.id].some((text) => text.toLowerCase().includes(words)),
    );
    fill(list, listed(found, money, known.length));
  };
  filter.addEventListener("input", draw);
  states.addEventListener("change", draw);
  draw();
  const make = h("button", { type: "button", class: "primary", onclick: create }, "New key");
  fill(
    place,
    h("div", { class: "tools" }, filter, states, make),
    h("section", { class: "panel", "aria-label": "Client keys" }, list),
  );
}

/** The fields of a key, as they are now. */
export async function keyFields(key) {
  const teams = [["", "None"], ...(await allTeams()).map((team) => [team.id, team.id])];
  const ends = key.expires_at ? new Date(key.expires_at * 1000).toISOString().slice(0, 10) : "";
  const name = { name: "name", required: true, maxlength: 100, value: key.name ?? "", autocomplete: "off" };
  const models = { name: "models", value: (key.models ?? []).join(", "), autocomplete: "off" };
  return [
    field("Name", h("input", name), "Who or what will use it."),
    field("Team", choice("team", teams, key.team ?? "")),
    limitFields(key, "Empty for the service's own limits, 0 for none."),
    field("Models", h("input", models), "Separated by commas; empty for all."),
    field("Ends on", h("input", { name: "expires_at", type: "date", value: ends }), "At its end, UTC; empty for never."),
  ];
}

/** What the fields hold, as the service takes it. */
export function keyGiven(data) {
  const models = data.get("models").split(",").map((name) => name.trim()).filter(Boolean);
  const ends = data.get("expires_at");
  return {
    name: data.get("name"),
    team: data.get("team") || null,
    models: models.length ? models : null,
    expires_at: ends ? Date.parse(`${ends}T23:59:59Z`) / 1000 : null,
    ...limitsGiven(data),
  };
}

/** Show a key's secret, this once. */
export function showSecret(key) {
  secret(`The secret of ${key.name}`, STORE_IT, key.key);
}

async function create() {
  form("New key", {
    action: "Make the key",
    fields: await keyFields({}),
    send: async (data) => {
      const key = await ask("POST", "/keys", keyGiven(data));
      forget();
      location.hash = `#keys/${key.id}`;
      setTimeout(() => showSecret(key));
    },
  });
}

function listed(rows, money, all) {
  const budget = (key) => money.get(`key:${key.id}`);
  const part = (limit) => (limit ? spentOf(limit) / limit.burst : -1);
  return table({
    caption: "Client keys",
    rows,
    sort: 0,
    most: 50,
    empty: all ? "There is no such key." : "There are no keys yet: make the first one with New key.",
    columns: [
      { name: "Name", by: (key) => key.name, cell: named, class: "name" },
      { name: "Team", by: (key) => key.team ?? "", cell: inTeam },
      { name: "Limits", cell: (key) => limitsSaid(key, "the service's") },
      { name: "Budget", by: (key) => part(budget(key)), cell: (key) => budgetBar(budget(key)), class: "budget" },
      { name: "Made", by: (key) => key.created_at, cell: (key) => moment(key.created_at), class: "when" },
      { name: "State", by: (key) => key.state, cell: (key) => state(key.state) },
    ],
  });
}

/** Active, revoked or expired, as a word in its colour. */
export const state = (word) => h("span", { class: `state ${word}` }, word);

const named = (key) => [
  h("a", { href: `#keys/${key.id}` }, key.name),
  h("span", { class: "id" }, key.id),
];

const inTeam = (key) =>
  key.team ? h("a", { href: `#teams/${encodeURIComponent(key.team)}` }, key.team) : "–";
