// What the overview shows is chosen here: the time, whose usage, which figure; and its download.

import { csv } from "./api.js";
import { choice } from "../dialog.js";
import { fill, h } from "../elements.js";
import { failure } from "../notice.js";
import { FIGURES, RANGES, query } from "./usage.js";

export const BY = { team: "Team", key: "Key", model: "Model", user: "User" };

/** What is chosen, kept while the page is open. */
export const chosen = { range: "day", by: "team", figure: "requests", from: "", to: "" };

/** The range that is chosen, as `query` wants it. */
export function rangeOf() {
  if (chosen.range !== "own") return RANGES[chosen.range];
  const { from, to } = chosen;
  const days = (Date.parse(to) - Date.parse(from)) / 86_400_000 + 1;
  return { from, to, step: days <= 2 ? "hour" : "day", whole: `${from} to ${to}` };
}

/** The row of choices above the figures; `load` is called when one changes. */
export function tools(load) {
  const own = ownDates(load);
  own.hidden = chosen.range !== "own";
  const ranges = Object.entries(RANGES).map(([value, range]) => [value, range.name]);
  const range = radios("Time", "range", [...ranges, ["own", "Dates"]], () => {
    own.hidden = chosen.range !== "own";
    if (own.hidden || (chosen.from && chosen.to)) load();
  });
  const by = choice("by", Object.entries(BY), chosen.by);
  by.id = "by";
  by.addEventListener("change", () => {
    chosen.by = by.value;
    load();
  });
  return h(
    "div",
    { class: "tools" },
    range,
    own,
    h("span", {}, h("label", { for: "by" }, "By"), " ", by),
    download(),
    h("button", { type: "button", class: "quiet", onclick: load }, "Refresh"),
  );
}

/** The figures of which one is drawn. */
export function figureTabs(draw) {
  const figures = Object.entries(FIGURES).map(([value, figure]) => [value, figure.name]);
  return radios("Figure", "figure", figures, draw);
}

function radios(label, name, options, act) {
  const one = ([value, text]) =>
    h(
      "label",
      {},
      h("input", {
        type: "radio",
        name,
        value,
        checked: chosen[name] === value,
        onchange: () => {
          chosen[name] = value;
          act();
        },
      }),
      h("span", {}, text),
    );
  return h(
    "fieldset",
    { class: "segments" },
    h("legend", { class: "visually-hidden" }, label),
    options.map(one),
  );
}

function ownDates(load) {
  const date = (name, label) =>
    h(
      "label",
      {},
      `${label} `,
      h("input", {
        type: "date",
        value: chosen[name],
        onchange: (event) => {
          chosen[name] = event.target.value;
          if (chosen.from && chosen.to) load();
        },
      }),
    );
  return h("div", { class: "dates" }, date("from", "From"), date("to", "To"));
}

function download() {
  const wrong = h("span", { role: "alert" });
  const save = async () => {
    const range = rangeOf();
    try {
      const text = await csv(`/usage?by=${chosen.by}&${query(range)}`);
      const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
      const day = new Date().toISOString().slice(0, 10);
      h("a", { href: url, download: `usage-by-${chosen.by}-${day}.csv` }).click();
      setTimeout(() => URL.revokeObjectURL(url), 10_000);
      fill(wrong);
    } catch (error) {
      fill(wrong, failure(error));
    }
  };
  return [h("button", { type: "button", class: "quiet", onclick: save }, "Download CSV"), wrong];
}
