// Tables whose columns sort, and that show no more rows at first than one reads.

import { fill, h } from "../elements.js";

/**
 * @param {object} told
 * @param {string} told.caption what the rows are
 * @param {{ name: string, cell: (row) => any, by?: (row) => any, numeric?: boolean, class?: string }[]} told.columns
 * @param {any[]} told.rows
 * @param {number} told.sort the column that they are sorted by, from 0
 * @param {boolean} [told.descending]
 * @param {number} [told.most] rows that are shown at first
 * @param {string} told.empty a sentence for when there are none
 */
export function table(told) {
  const state = { column: told.sort, descending: told.descending ?? false, most: told.most ?? 25 };
  const place = h("div", { class: "table-block" });

  const draw = () => {
    const rows = sorted(told.rows, told.columns[state.column], state.descending);
    if (!rows.length) return fill(place, h("p", { class: "empty" }, told.empty));
    const shown = rows.slice(0, state.most);
    return fill(
      place,
      h(
        "div",
        { class: "table-scroll", tabindex: "0", role: "region", "aria-label": told.caption },
        h(
          "table",
          {},
          h("caption", { class: "visually-hidden" }, told.caption),
          h("thead", {}, h("tr", {}, told.columns.map(head))),
          h("tbody", {}, shown.map(line)),
        ),
      ),
      rows.length > shown.length && more(rows.length),
    );
  };

  const head = (column, at) => {
    const attributes = { scope: "col", class: column.numeric ? "number" : column.class };
    if (!column.by) return h("th", attributes, column.name);
    const current = at === state.column;
    const direction = state.descending ? "descending" : "ascending";
    return h(
      "th",
      { ...attributes, "aria-sort": current ? direction : "none" },
      h("button", { type: "button", class: "sort", onclick: () => sortBy(at) }, column.name),
    );
  };

  const sortBy = (at) => {
    const again = at === state.column;
    state.descending = again ? !state.descending : Boolean(told.columns[at].numeric);
    state.column = at;
    draw();
    place.querySelectorAll("th")[at].querySelector("button").focus();
  };

  const line = (row) =>
    h(
      "tr",
      {},
      told.columns.map((column, at) =>
        h(
          at ? "td" : "th",
          { class: column.numeric ? "number" : column.class, scope: at ? null : "row" },
          column.cell(row),
        ),
      ),
    );

  const more = (all) =>
    h(
      "button",
      {
        type: "button",
        class: "quiet",
        onclick: () => {
          state.most = all;
          draw();
        },
      },
      `Show all ${all}`,
    );

  draw();
  return place;
}

function sorted(rows, column, descending) {
  const order = descending ? -1 : 1;
  return [...rows].sort((a, b) => order * compared(column.by(a), column.by(b)));
}

function compared(a, b) {
  if (typeof a === "string") return a.localeCompare(b, "en", { numeric: true });
  return (a ?? -Infinity) - (b ?? -Infinity);
}
