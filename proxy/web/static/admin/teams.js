// Teams: their limits, budgets and weights, and who belongs to them.

import { ask, get } from "./api.js";
import { allBalances, balances, budgetBar, budgets, spentOf } from "./balances.js";
import { field, form } from "../dialog.js";
import { fill, h } from "../elements.js";
import { moment, whole } from "./format.js";
import { limitFields, limitsGiven, limitsSaid } from "./limitfields.js";
import { allKeys, allTeams, forget } from "./names.js";
import { table } from "./table.js";

/** The list of teams. */
export async function teams(place, again) {
  const [known, keys, limits] = await Promise.all([allTeams(), allKeys(), allBalances()]);
  const money = budgets(limits);
  const members = (team) => keys.filter((key) => key.team === team.id && !key.revoked_at).length;
  const budget = (team) => money.get(`team:${team.id}`);
  const part = (limit) => (limit ? spentOf(limit) / limit.burst : -1);
  const make = h("button", { type: "button", class: "primary", onclick: () => create(again) }, "New team");
  fill(
    place,
    h("div", { class: "tools" }, make),
    h(
      "section",
      { class: "panel", "aria-label": "Teams" },
      table({
        caption: "Teams",
        rows: known,
        sort: 0,
        most: 50,
        empty: "There are no teams yet. A team has limits and a budget for all of its keys together.",
        columns: [
          { name: "Name", by: (team) => team.id, cell: named, class: "name" },
          { name: "Keys", by: members, cell: (team) => whole(members(team)), numeric: true },
          { name: "Weight", by: (team) => team.weight, cell: (team) => team.weight, numeric: true },
          { name: "Limits", cell: (team) => limitsSaid(team, "none") },
          { name: "Budget", by: (team) => part(budget(team)), cell: (team) => budgetBar(budget(team)), class: "budget" },
          { name: "Made", by: (team) => team.created_at, cell: (team) => moment(team.created_at), class: "when" },
        ],
      }),
    ),
  );
}

/** One team. */
export async function team(place, id, again) {
  const path = `/teams/${encodeURIComponent(id)}`;
  const [found, keys, limits] = await Promise.all([get(path), allKeys(), allBalances()]);
  const own = limits.filter((limit) => limit.scope === "team" && limit.id === found.id);
  const members = keys.filter((key) => key.team === found.id);
  fill(
    place,
    h("p", { class: "back" }, h("a", { href: "#teams" }, "All teams")),
    h(
      "div",
      { class: "heading" },
      h("h2", {}, found.id, h("span", { class: "id" }, `weight ${found.weight}`)),
      h("div", { class: "actions" }, actions(found, path, again)),
    ),
    h(
      "section",
      { class: "panel" },
      h("h3", {}, "What is left"),
      own.length ? balances(own) : h("p", { class: "empty" }, "This team has no limits of its own."),
    ),
    h("section", { class: "panel" }, h("h3", {}, "Its keys"), membersOf(members)),
  );
}

function membersOf(keys) {
  return table({
    caption: "Keys of the team",
    rows: keys,
    sort: 0,
    empty: "No key belongs to this team.",
    columns: [
      { name: "Name", by: (key) => key.name, cell: (key) => h("a", { href: `#keys/${key.id}` }, key.name), class: "name" },
      { name: "Limits", cell: (key) => limitsSaid(key, "the service's") },
      { name: "State", by: (key) => key.state, cell: (key) => h("span", { class: `state ${key.state}` }, key.state) },
    ],
  });
}

function actions(found, path, again) {
  const change = () =>
    form(`Change ${found.id}`, {
      action: "Save",
      fields: fields(found),
      send: async (data) => {
        await ask("PATCH", path, given(data));
        forget();
        again();
      },
    });
  const remove = () =>
    form(`Delete ${found.id}?`, {
      action: "Delete the team",
      danger: true,
      fields: h("p", {}, "Its limits and its budget are gone with it; its usage stays. Keys must be moved or revoked first."),
      send: async () => {
        await ask("DELETE", path);
        forget();
        location.hash = "#teams";
      },
    });
  return [
    h("button", { type: "button", class: "quiet", onclick: change }, "Change"),
    h("button", { type: "button", class: "danger-quiet", onclick: remove }, "Delete"),
  ];
}

function create(again) {
  const name = { name: "name", required: true, maxlength: 64, pattern: "[A-Za-z0-9][A-Za-z0-9._\\-]*", autocomplete: "off" };
  form("New team", {
    action: "Make the team",
    fields: [
      field("Name", h("input", name), "Letters, digits, dots, dashes and underscores; it stays."),
      fields({}),
    ],
    send: async (data) => {
      await ask("POST", "/teams", { name: data.get("name"), ...given(data) });
      forget();
      again();
    },
  });
}

function fields(found) {
  const weight = { name: "weight", type: "number", min: 1, max: 1000, required: true, value: found.weight ?? 1 };
  return [
    limitFields(found, "For all of its keys together; empty or 0 for none."),
    field("Weight", h("input", weight), "Its due when all wait: a team of 2 gets twice as many turns as a team of 1."),
  ];
}

const given = (data) => ({ ...limitsGiven(data), weight: Number(data.get("weight")) });

const named = (one) => h("a", { href: `#teams/${encodeURIComponent(one.id)}` }, one.id);
