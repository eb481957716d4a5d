// The audit log: who changed what, newest first.

import { get } from "./api.js";
import { fill, h } from "../elements.js";
import { moment } from "./format.js";
import { allKeys } from "./names.js";
import { failure } from "../notice.js";

const WORDS = {
  "key.created": "made the key",
  "key.changed": "changed the key",
  "key.rotated": "rotated the key",
  "key.revoked": "revoked the key",
  "team.created": "made the team",
  "team.changed": "changed the team",
  "team.deleted": "deleted the team",
};
const ACTORS = { admin: "Admin interface", cli: "Terminal" };
const MOMENTS = new Set(["expires_at", "revoked_at", "overlap_until", "created_at"]);

/** The view. */
export async function audit(place) {
  const names = new Map((await allKeys()).map((key) => [key.id, key.name]));
  const list = h("ol", { class: "log" });
  const more = h("div", {});
  const read = async (cursor) => {
    try {
      const page = await get(`/events?limit=50${cursor ? `&cursor=${cursor}` : ""}`);
      list.append(...page.data.map((event) => entry(event, names)));
      fill(
        more,
        page.next_cursor &&
          h("button", { type: "button", class: "quiet", onclick: () => read(page.next_cursor) }, "Show older"),
        !list.children.length && h("p", { class: "empty" }, "Nothing was changed yet."),
      );
    } catch (error) {
      fill(more, failure(error, () => read(cursor)));
    }
  };
  fill(place, h("section", { class: "panel", "aria-label": "Audit log" }, list, more));
  await read(null);
}

function entry(event, names) {
  const [kind] = event.action.split(".");
  const where = `#${kind}s/${encodeURIComponent(event.target)}`;
  const name = kind === "key" ? names.get(event.target) ?? event.target : event.target;
  const changes = Object.entries(event.changes);
  return h(
    "li",
    {},
    h("time", { datetime: new Date(event.at * 1000).toISOString() }, moment(event.at)),
    h(
      "div",
      {},
      h("p", {}, h("span", { class: "actor" }, ACTORS[event.actor] ?? event.actor), ` ${WORDS[event.action] ?? event.action} `, event.action === "team.deleted" ? name : h("a", { href: where }, name)),
      changes.length > 0 &&
        h("ul", { class: "changes" }, changes.map(([field, [before, after]]) => change(field, before, after))),
    ),
  );
}

function change(field, before, after) {
  return h(
    "li",
    {},
    h("code", {}, field),
    " ",
    before !== null && [h("del", {}, said(field, before)), " → "],
    after === null ? h("em", {}, "none") : h("ins", {}, said(field, after)),
  );
}

function said(field, value) {
  if (MOMENTS.has(field) && typeof value === "number") return moment(value);
  return Array.isArray(value) ? value.join(", ") || "all" : String(value);
}
