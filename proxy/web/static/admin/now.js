// What happens at this moment: asked again every few seconds while the page is looked at.

import { get } from "./api.js";
import { fill, h } from "../elements.js";
import { whole } from "./format.js";

const EVERY_MS = 5000;

/** Run `act` every few seconds while the page is seen; answers what stops it. */
export function repeat(act) {
  const timer = setInterval(() => document.hidden || act(), EVERY_MS);
  return () => clearInterval(timer);
}

/** The line above the overview, and what stops it. */
export async function now() {
  const element = h("p", { class: "now" });
  const read = async () => {
    try {
      fill(element, said(await get("/activity")));
      element.classList.remove("lost");
    } catch (error) {
      fill(element, error.message);
      element.classList.add("lost");
    }
  };
  await read();
  return { element, stop: repeat(read) };
}

function said(told) {
  const waiting = told.waiting.reduce((sum, row) => sum + row.requests, 0);
  const part = (number, one, many) => [h("strong", {}, whole(number)), ` ${number === 1 ? one : many}`];
  return [
    h("span", { class: "beat", "aria-hidden": "true" }),
    "Now: ",
    part(told.open_streams, "open stream", "open streams"),
    ", ",
    part(told.in_flight, "request in flight", "requests in flight"),
    ", ",
    part(waiting, "waits", "wait"),
    waiting ? [" · ", h("a", { href: "#limits" }, "who waits for what")] : false,
  ];
}
