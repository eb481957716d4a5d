// Figures as people read them.

const WHOLE = new Intl.NumberFormat("en");
const SHORT = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
const DAY = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", timeZone: "UTC" });
const MOMENT = new Intl.DateTimeFormat("en", {
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
  timeZone: "UTC",
});

/** 12,304 */
export const whole = (number) => WHOLE.format(Math.round(number));

/** 12.3K */
export const short = (number) =>
  Math.abs(number) < 10_000 ? WHOLE.format(Math.round(number)) : SHORT.format(number);

/** $20, $1,204.50; of less than a cent the first digits that say something. */
export function usd(number) {
  if (number === 0) return "$0";
  if (Math.abs(number) < 0.01) return `$${Number(number.toPrecision(2))}`;
  const digits = Number.isInteger(Math.round(number * 1e6) / 1e6) || Math.abs(number) >= 10_000 ? 0 : 2;
  return `$${number.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits })}`;
}

/** 240 ms, 1.4 s; a dash where nothing was measured. */
export function seconds(number) {
  if (number === null || number === undefined) return "–";
  if (number === 0) return "0";
  if (number < 1) return `${Math.round(number * 1000)} ms`;
  return number < 100 ? `${Number(number.toPrecision(2))} s` : `${Math.round(number)} s`;
}

/** How long something takes from now: 12 s, 5 min, 3 h, 12 days. */
export function span(number) {
  if (number < 1) return "less than a second";
  for (const [unit, size] of [["days", 86_400], ["h", 3600], ["min", 60]]) {
    if (number >= 2 * size) return `${Math.round(number / size)} ${unit}`;
  }
  return `${Math.round(number)} s`;
}

/** 0.4 %, 12 % */
export function share(part, all) {
  if (!all) return "–";
  const percent = (100 * part) / all;
  return `${percent > 0 && percent < 10 ? percent.toFixed(1) : Math.round(percent)} %`;
}

/** A time in seconds since 1970: Nov 28, 2026, 14:05 */
export const moment = (at) => MOMENT.format(at * 1000);

/** A step of usage, such as 2026-11-28T14:00:00Z: 14:00, or Nov 28. */
export const step = (start, unit) =>
  unit === "hour" ? start.slice(11, 16) : DAY.format(new Date(start));

/** The same with its day and its end. */
export function stepInFull(start, unit) {
  const day = DAY.format(new Date(start));
  if (unit === "day") return day;
  const hour = Number(start.slice(11, 13));
  return `${day}, ${start.slice(11, 16)} to ${String(hour + 1).padStart(2, "0")}:00`;
}
