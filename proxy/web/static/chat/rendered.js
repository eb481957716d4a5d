// Answers as Markdown: the service renders them, and those that nobody looks at are not rendered.

import { h } from "../elements.js";
import { json } from "./api.js";
import { copyButton } from "./copy.js";

const AT_ONCE = 20;
const MOST_CHARS = 50_000;
const texts = new WeakMap();
let due = [];
let timer = 0;

const observer = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      observer.unobserve(target);
      due.push(target);
    }
    clearTimeout(timer);
    timer = setTimeout(flush, 20);
  },
  { rootMargin: "800px" },
);

/** Show a text now as it is, and as Markdown once it is seen. */
export function show(element, text) {
  element.textContent = text;
  element.classList.add("plain");
  texts.set(element, text);
  observer.observe(element);
}

/** Show what grows as it is; a text that was to be rendered in its place is not any more. */
export function grow(element, node) {
  texts.delete(element);
  due = due.filter((other) => other !== element);
  observer.unobserve(element);
  element.classList.add("plain");
  element.replaceChildren(node);
}

async function flush() {
  const elements = batch();
  const asked = elements.map((element) => texts.get(element));
  if (!elements.length) return;
  try {
    const { html } = await json("POST", "/markdown", { texts: asked });
    elements.forEach((element, place) => {
      if (texts.get(element) === asked[place]) fill(element, html[place]);
    });
  } catch {
    // They stay as texts, which can be read too.
  }
  await flush();
}

/** The next that are due, as many as the service renders at once; one at least. */
function batch() {
  let chars = 0;
  const end = due.findIndex((element, place) => {
    chars += texts.get(element).length;
    return place > 0 && (place === AT_ONCE || chars > MOST_CHARS);
  });
  return due.splice(0, end < 0 ? due.length : end);
}

function fill(element, html) {
  element.classList.remove("plain");
  element.innerHTML = html;
  for (const pre of element.querySelectorAll("pre")) {
    const language = pre.dataset.language ?? "";
    pre.tabIndex = 0;
    pre.setAttribute("role", "region");
    pre.setAttribute("aria-label", language ? `Code in ${language}` : "Code");
    const copy = copyButton("Copy code", () => pre.textContent);
    const head = h("div", { class: "code-head" }, h("span", {}, language), copy);
    const box = h("div", { class: "code" });
    pre.replaceWith(box);
    box.append(head, pre);
  }
  for (const table of element.querySelectorAll("table")) {
    const box = h("div", { class: "table", tabindex: "0", role: "region", "aria-label": "Table" });
    table.replaceWith(box);
    box.append(table);
  }
}
