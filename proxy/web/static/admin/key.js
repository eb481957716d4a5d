// One client key: what it is, what it used, what is left to it, and why it would be refused.

import { ask, get } from "./api.js";
import { chart } from "./chart.js";
import { choice, field, form } from "../dialog.js";
import { fill, h } from "../elements.js";
import { explanation } from "./explain.js";
import { moment } from "./format.js";
import { keyFields, keyGiven, showSecret, state } from "./keys.js";
import { budgetSaid, limitsSaid } from "./limitfields.js";
import { forget } from "./names.js";
import { FIGURES, RANGES, query, slots } from "./usage.js";

const OVERLAPS = [[0, "stops at once"], [3600, "works for an hour"], [86_400, "works for a day"], [604_800, "works for a week"]];

/** The view of a key; `again` shows it anew after a change. */
export async function key(place, id, again) {
  const path = `/keys/${encodeURIComponent(id)}`;
  const [found, used] = await Promise.all([
    get(path),
    get(`/usage?by=key&name=${encodeURIComponent(id)}&${query(RANGES.month)}`),
  ]);
  const changed = () => {
    forget();
    again();
  };
  fill(
    place,
    h("p", { class: "back" }, h("a", { href: "#keys" }, "All keys")),
    h(
      "div",
      { class: "heading" },
      h("h2", {}, found.name, h("span", { class: "id" }, found.id), state(found.state)),
      h("div", { class: "actions" }, actions(found, path, changed)),
    ),
    facts(found),
    h("section", { class: "panel" }, h("h3", {}, "What its next request meets"), explanation(id)),
    h("section", { class: "panel" }, h("h3", {}, "Requests of the last 30 days"), requests(used)),
  );
}

function actions(found, path, changed) {
  const button = (text, onclick, kind = "quiet") => h("button", { type: "button", class: kind, onclick }, text);
  const edit = button("Change", async () =>
    form(`Change ${found.name}`, {
      action: "Save",
      fields: await keyFields(found),
      send: async (data) => {
        await ask("PATCH", path, keyGiven(data));
        changed();
      },
    }),
  );
  if (found.state !== "active") return [edit];
  const rotate = button("Rotate", () =>
    form(`New secret for ${found.name}`, {
      action: "Rotate",
      fields: field("The secret of now", choice("overlap", OVERLAPS, 3600), "Long enough for all who use it to change over."),
      send: async (data) => {
        const rotated = await ask("POST", `${path}/rotate`, { overlap: Number(data.get("overlap")) });
        changed();
        setTimeout(() => showSecret(rotated));
      },
    }),
  );
  const revoke = button("Revoke", () =>
    form(`Revoke ${found.name}?`, {
      action: "Revoke the key",
      danger: true,
      fields: h("p", {}, "Within five seconds nobody can use it any more. This cannot be undone; its usage stays."),
      send: async () => {
        await ask("DELETE", path);
        changed();
      },
    }), "danger-quiet");
  return [edit, rotate, revoke];
}

function facts(found) {
  const fact = (name, value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));
  return h(
    "dl",
    { class: "facts" },
    fact("Team", found.team ? h("a", { href: `#teams/${encodeURIComponent(found.team)}` }, found.team) : "none"),
    fact("Limits", limitsSaid(found, "the service's")),
    fact("Budget", budgetSaid(found)),
    fact("Models", found.models.join(", ") || "all"),
    fact("Made", moment(found.created_at)),
    fact("Ends", found.expires_at ? moment(found.expires_at) : "never"),
    found.revoked_at && fact("Revoked", moment(found.revoked_at)),
  );
}

function requests(used) {
  const times = slots(used);
  const { of, format } = FIGURES.requests;
  const known = new Map(used.data.map((row) => [row.start, of(row)]));
  const values = times.map((slot) => known.get(slot.start) ?? 0);
  const series = [{ name: "Requests", tone: "tone-1", values, total: of(used.totals) }];
  return chart({ title: "Requests", whole: RANGES.month.whole, slots: times, series, format, form: "bars" });
}
