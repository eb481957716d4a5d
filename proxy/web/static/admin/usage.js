// Usage as the overview shows it: which figures there are, and how they become series.

import { get } from "./api.js";
import { seconds, short, step, stepInFull, usd } from "./format.js";

export const RANGES = {
  day: { name: "24 hours", whole: "Last 24 hours", hours: 24, step: "hour" },
  week: { name: "7 days", whole: "Last 7 days", hours: 168, step: "hour" },
  month: { name: "30 days", whole: "Last 30 days", hours: 720, step: "day" },
  quarter: { name: "90 days", whole: "Last 90 days", hours: 2160, step: "day" },
};

export const FIGURES = {
  requests: { name: "Requests", of: (row) => row.requests, format: short },
  tokens: { name: "Tokens", of: (row) => row.total_tokens, format: short },
  spend: { name: "Spend", of: (row) => row.cost_usd, format: usd },
  refusals: {
    name: "Refusals",
    format: short,
    parts: [
      ["By our limits", (row) => row.refused, "tone-warn"],
      ["By ChatGPT", (row) => row.refused_upstream, "tone-2"],
    ],
  },
  errors: {
    name: "Errors",
    format: short,
    parts: [["Failed or broken off", (row) => row.errors, "tone-bad"]],
  },
  latency: { name: "Latency", format: seconds, lines: "latency" },
  firstWord: { name: "Time to first token", format: seconds, lines: "first_word" },
};

const TOP = 4;

/** The query of a range: `from` and `to` in seconds, and the step. */
export function query(range) {
  if (range.from) return `from=${range.from}&to=${range.to}&step=${range.step}`;
  const unit = range.step === "hour" ? 3600 : 86_400;
  const to = Math.ceil(Date.now() / 1000 / unit) * unit;
  return `from=${to - range.hours * 3600}&to=${to}&step=${range.step}`;
}

/** All steps of a report, those without usage too. */
export function slots(report) {
  const unit = report.step === "hour" ? 3_600_000 : 86_400_000;
  const starts = [];
  for (let at = Date.parse(report.from); at < Date.parse(report.to); at += unit) {
    starts.push(`${new Date(at).toISOString().slice(0, 19)}Z`);
  }
  const many = report.step === "hour" && starts.length > 48;
  const labelled = (start) => (many && !start.includes("T00:") ? "" : step(start, many ? "day" : report.step));
  return starts.map((start) => ({
    start,
    label: labelled(start),
    full: stepInFull(start, report.step),
  }));
}

/** The series of a figure: by name those with the most and the rest together, or its parts. */
export async function series(figure, by, range, all, parts, naming) {
  const times = slots(all);
  if (figure.lines) return percentiles(figure, times, all);
  if (figure.parts) {
    return figure.parts.map(([name, of, tone]) => one(name, of, tone, times, all.data, all.totals));
  }
  const ranked = [...parts.data].sort((a, b) => figure.of(b) - figure.of(a));
  const top = ranked.slice(0, TOP).filter((row) => figure.of(row) > 0);
  const named = top.map((row) => `name=${encodeURIComponent(row.name)}`).join("&");
  const told = top.length ? await get(`/usage?by=${by}&${query(range)}&${named}`) : { data: [] };
  const found = top.map((row, at) =>
    one(
      naming(row.name),
      figure.of,
      `tone-${at + 1}`,
      times,
      told.data.filter((each) => each.name === row.name),
      row,
    ),
  );
  const rest = one(
    ranked.length > top.length ? "All others" : { team: "No team", user: "No user" }[by] ?? "Others",
    figure.of,
    "tone-rest",
    times,
    all.data,
    all.totals,
  );
  for (const { values, total } of found) {
    rest.total -= total;
    rest.values = rest.values.map((value, at) => value - values[at]);
  }
  const some = rest.total > 1e-9 * Math.max(1, figure.of(all.totals)) || !found.length;
  return some ? [...found, rest] : found;
}

function one(name, of, tone, times, rows, totals) {
  const known = new Map(rows.map((row) => [row.start, of(row)]));
  return { name, tone, values: times.map((slot) => known.get(slot.start) ?? 0), total: of(totals) };
}

function percentiles(figure, times, all) {
  const known = new Map(all.data.map((row) => [row.start, row[figure.lines]]));
  return [50, 95, 99].map((rank, at) => ({
    name: `p${rank}`,
    tone: `tone-${at + 1}`,
    values: times.map((slot) => known.get(slot.start)?.[`p${rank}_s`] ?? null),
    total: all.totals[figure.lines][`p${rank}_s`],
  }));
}
