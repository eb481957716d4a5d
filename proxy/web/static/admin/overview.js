// What was used: figures, a chart over time, and who used how much of it.

import { get } from "./api.js";
import { bar, chart } from "./chart.js";
import { fill, h } from "../elements.js";
import { seconds, share, short, usd, whole } from "./format.js";
import { naming } from "./names.js";
import { failure } from "../notice.js";
import { now } from "./now.js";
import { table } from "./table.js";
import { BY, chosen, figureTabs, rangeOf, tools } from "./tools.js";
import { FIGURES, query, series, slots } from "./usage.js";

/** The view; it answers with a function that stops what runs in it. */
export async function overview(place) {
  const tiles = h("dl", { class: "tiles" });
  const drawn = h("div", {});
  const parts = h("div", {});
  const status = h("p", { role: "status", class: "visually-hidden" });
  let asked = 0;
  let known = null;

  const load = async () => {
    const number = ++asked;
    const range = rangeOf();
    try {
      const [all, told, name] = await Promise.all([
        get(`/usage?by=all&${query(range)}`),
        get(`/usage?by=${chosen.by}&total=true&${query(range)}`),
        naming(chosen.by),
      ]);
      if (number !== asked) return;
      known = { range, all, told, name };
      fill(tiles, figures(all.totals));
      fill(parts, breakdown(told, name));
      status.textContent = `${range.whole}: ${whole(all.totals.requests)} requests.`;
      await draw();
    } catch (error) {
      if (number === asked) fill(drawn, failure(error, load));
    }
  };

  const draw = async () => {
    const number = ++asked;
    const { range, all, told, name } = known;
    const figure = FIGURES[chosen.figure];
    const found = await series(figure, chosen.by, range, all, told, name);
    if (number !== asked) return;
    fill(
      drawn,
      chart({
        title: figure.name,
        whole: range.whole,
        slots: slots(all),
        series: found,
        format: figure.format,
        form: figure.lines ? "lines" : "bars",
      }),
    );
  };

  const redraw = () => draw().catch((error) => fill(drawn, failure(error, load)));
  const [moment] = await Promise.all([now(), load()]);
  fill(
    place,
    moment.element,
    tools(load),
    status,
    tiles,
    h("section", { class: "panel", "aria-label": "Over time" }, figureTabs(redraw), drawn),
    h("section", { class: "panel", "aria-label": "By name" }, parts),
  );
  return moment.stop;
}

function figures(totals) {
  const ours = totals.refused;
  const theirs = totals.refused_upstream;
  const { latency, first_word: firstWord } = totals;
  return [
    tile("Requests", short(totals.requests), ours > 0 && `of ${short(totals.requests + ours)} that came`),
    tile("Tokens", short(totals.total_tokens), totals.prompt_tokens > 0 && `${share(totals.cached_tokens, totals.prompt_tokens)} of prompts cached`),
    tile("Spend", usd(totals.cost_usd), totals.unpriced_requests && `and ${short(totals.unpriced_requests)} requests of unknown price`),
    tile("Refusals", short(ours + theirs), `${short(ours)} by our limits`, `${short(theirs)} by ChatGPT`),
    tile("Errors", short(totals.errors), totals.requests > 0 && `${share(totals.errors, totals.requests)} of requests`),
    tile("Latency, p50", seconds(latency.p50_s), `p95 ${seconds(latency.p95_s)}`, `p99 ${seconds(latency.p99_s)}`),
    tile("First token, p50", seconds(firstWord.p50_s), `p95 ${seconds(firstWord.p95_s)}`, `p99 ${seconds(firstWord.p99_s)}`),
  ];
}

function tile(name, value, ...more) {
  const said = more.filter(Boolean).map((text) => h("dd", { class: "hint" }, text));
  return h("div", { class: "tile" }, h("dt", {}, name), h("dd", {}, value), said);
}

function breakdown(told, naming) {
  const rows = told.data.map((row) => ({ ...row, shown: naming(row.name) }));
  const most = Math.max(...rows.map((row) => row.requests), 0);
  const number = (name, of, format) => ({ name, by: of, cell: (row) => format(of(row)), numeric: true });
  return table({
    caption: `Usage by ${BY[chosen.by].toLowerCase()}`,
    empty: "Nothing was used in this time.",
    rows,
    sort: 1,
    descending: true,
    most: 12,
    columns: [
      { name: BY[chosen.by], by: (row) => row.shown, cell: named, class: "name" },
      number("Requests", (row) => row.requests, short),
      { name: "", cell: (row) => bar(row.requests, most, "tone-1"), class: "bar-cell" },
      number("Tokens", (row) => row.total_tokens, short),
      number("Spend", (row) => row.cost_usd, usd),
      number("Refused", (row) => row.refused, short),
      number("By ChatGPT", (row) => row.refused_upstream, short),
      number("Errors", (row) => row.errors, short),
      number("Latency p95", (row) => row.latency.p95_s, seconds),
      number("First token p95", (row) => row.first_word.p95_s, seconds),
    ],
  });
}

function named(row) {
  const path = { key: "keys", team: "teams" }[chosen.by];
  return path ? h("a", { href: `#${path}/${encodeURIComponent(row.name)}` }, row.shown) : row.shown;
}
