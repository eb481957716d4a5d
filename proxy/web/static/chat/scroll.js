// The end stays in sight while an answer grows, unless somebody reads above it.

import { scroller } from "./parts.js";

const NEAR_PX = 60;
let stuck = true;

scroller.addEventListener("scroll", () => {
  stuck = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR_PX;
});

new ResizeObserver(() => stuck && toEnd()).observe(document.querySelector("#log"));

/** Show the end. */
export function toEnd() {
  stuck = true;
  scroller.scrollTop = scroller.scrollHeight;
}
