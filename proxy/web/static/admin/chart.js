// Charts over time, as SVG: stacked bars, or lines. A slot is read by pointing at it, or with the
// arrow keys; the legend then tells its figures.

import { fill, h, s } from "../elements.js";

const HEIGHT = 220;
const MARGIN = { top: 8, right: 4, bottom: 24, left: 52 };

/**
 * Draw a chart that follows the width of its place.
 *
 * @param {object} told
 * @param {string} told.title what it shows
 * @param {{ label: string, full: string }[]} told.slots the steps of time
 * @param {{ name: string, values: (number|null)[], total: number|null, tone: string }[]} told.series
 * @param {(value: number|null) => string} told.format
 * @param {"bars"|"lines"} told.form
 * @param {string} told.whole what the totals are of, such as "Last 24 hours"
 */
export function chart(told) {
  const legend = h("dl", { class: "legend" });
  const when = h("p", { class: "chart-when", "aria-live": "polite" });
  const place = h("div", {
    class: "chart",
    tabindex: "0",
    role: "group",
    "aria-label": `${told.title}, ${told.whole}. Use the arrow keys to read one step after the other.`,
  });
  let chosen = null;
  let width = 0;

  const read = (slot) => {
    chosen = slot;
    when.textContent = slot === null ? told.whole : told.slots[slot].full;
    fill(legend, told.series.map((one) => entry(one, slot, told.format)));
    place.querySelector(".chosen")?.remove();
    if (slot !== null) place.querySelector("svg").prepend(marked(slot, told.slots.length, width));
  };
  const draw = () => {
    width = Math.max(place.clientWidth, 240);
    fill(place, drawing(told, width));
    read(chosen);
  };

  place.addEventListener("pointermove", (event) => {
    const at = event.clientX - place.getBoundingClientRect().left - MARGIN.left;
    const slot = Math.floor((at / plotted(width)) * told.slots.length);
    read(slot >= 0 && slot < told.slots.length ? slot : null);
  });
  place.addEventListener("pointerleave", () => read(null));
  place.addEventListener("blur", () => read(null));
  place.addEventListener("keydown", (event) => {
    const last = told.slots.length - 1;
    const from = chosen ?? (event.key === "ArrowLeft" ? last + 1 : -1);
    const steps = { ArrowLeft: from - 1, ArrowRight: from + 1, Home: 0, End: last };
    if (event.key === "Escape") return read(null);
    if (!(event.key in steps)) return;
    event.preventDefault();
    read(Math.min(last, Math.max(0, steps[event.key])));
  });
  new ResizeObserver(() => place.clientWidth !== width && draw()).observe(place);
  const shown = h("div", { class: "chart-block" }, when, place, legend);
  requestAnimationFrame(draw);
  return shown;
}

/** A bar as long as its part of the most, with what it says for those who do not see it. */
export function bar(part, most, tone, label) {
  const filled = most > 0 ? Math.min(1, Math.max(0, part / most)) : 0;
  const attributes = label ? { role: "img", "aria-label": label } : { "aria-hidden": "true" };
  return s(
    "svg",
    { class: `bar ${tone}`, ...attributes },
    s("rect", { class: "bar-all", width: "100%", height: "100%", rx: 3 }),
    filled > 0 && s("rect", { class: "bar-part", width: `${100 * filled}%`, height: "100%", rx: 3 }),
  );
}

const plotted = (width) => width - MARGIN.left - MARGIN.right;

function entry(one, slot, format) {
  const value = slot === null ? one.total : one.values[slot];
  return h(
    "div",
    {},
    h("dt", {}, s("svg", { class: `dot ${one.tone}`, "aria-hidden": "true" }, s("rect")), one.name),
    h("dd", {}, format(value)),
  );
}

function marked(slot, slots, width) {
  const wide = plotted(width) / slots;
  return s("rect", {
    class: "chosen",
    x: MARGIN.left + slot * wide,
    y: MARGIN.top,
    width: wide,
    height: HEIGHT - MARGIN.top - MARGIN.bottom,
  });
}

function drawing(told, width) {
  const sums = told.slots.map((_, at) => {
    const values = told.series.map((one) => one.values[at] ?? 0);
    return told.form === "bars" ? values.reduce((a, b) => a + b, 0) : Math.max(...values);
  });
  const ticks = scale(Math.max(...sums, 0));
  const top = ticks.at(-1);
  const tall = HEIGHT - MARGIN.top - MARGIN.bottom;
  const y = (value) => MARGIN.top + tall * (1 - value / top);
  const picture = s("svg", { width, height: HEIGHT, "aria-hidden": "true" });
  if (!sums.some(Boolean)) {
    const middle = { class: "axis", x: width / 2, y: HEIGHT / 2, "text-anchor": "middle" };
    picture.append(s("text", middle, "Nothing in this time"));
  }
  for (const tick of ticks) {
    picture.append(
      s("line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: y(tick), y2: y(tick) }),
      s("text", { class: "axis", x: MARGIN.left - 8, y: y(tick) + 4, "text-anchor": "end" }, told.format(tick)),
    );
  }
  picture.append(...times(told.slots, width));
  picture.append(...(told.form === "bars" ? bars(told, width, y) : lines(told, width, y)));
  return picture;
}

function bars(told, width, y) {
  const wide = plotted(width) / told.slots.length;
  const gap = Math.min(3, wide * 0.2);
  const drawn = [];
  told.slots.forEach((_, at) => {
    let below = 0;
    for (const one of told.series) {
      const value = one.values[at] ?? 0;
      if (value <= 0) continue;
      const height = y(below) - y(below + value);
      drawn.push(
        s("rect", {
          class: one.tone,
          x: MARGIN.left + at * wide + gap / 2,
          y: y(below + value),
          width: wide - gap,
          height: Math.max(height, 0.5),
        }),
      );
      below += value;
    }
  });
  return drawn;
}

function lines(told, width, y) {
  const wide = plotted(width) / told.slots.length;
  return told.series.flatMap((one) => {
    const points = [];
    let path = "";
    one.values.forEach((value, at) => {
      if (value === null) return;
      const joined = at > 0 && one.values[at - 1] !== null;
      const x = MARGIN.left + (at + 0.5) * wide;
      path += `${joined ? "L" : "M"}${x.toFixed(1)} ${y(value).toFixed(1)}`;
      if (!joined) points.push(s("circle", { class: one.tone, cx: x, cy: y(value), r: 2 }));
    });
    return [s("path", { class: `line ${one.tone}`, d: path }), ...points];
  });
}

function times(slots, width) {
  const wide = plotted(width) / slots.length;
  const every = Math.ceil(56 / wide);
  const step = [1, 2, 3, 4, 6, 12].find((size) => size >= every) ?? every;
  const some = slots.some((slot) => !slot.label);
  return slots.flatMap(({ label }, at) => {
    if (!label || (!some && at % step)) return [];
    const x = MARGIN.left + (at + 0.5) * wide;
    return [s("text", { class: "axis", x, y: HEIGHT - 6, "text-anchor": "middle" }, label)];
  });
}

/** Four or so round numbers from zero to above the most. */
function scale(most) {
  if (most <= 0) return [0, 1];
  const raw = most / 4;
  const size = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((part) => part * size).find((one) => one >= raw);
  const count = Math.ceil(most / step);
  return Array.from({ length: count + 1 }, (_, at) => at * step);
}
