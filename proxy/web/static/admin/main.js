// The dashboard: sign in, then one view for each place in the address behind the #.

import { REFUSED, get, signIn, signOut, signedIn } from "./api.js";
import { audit } from "./audit.js";
import { fill, h } from "../elements.js";
import { key } from "./key.js";
import { keys } from "./keys.js";
import { limits } from "./limits.js";
import { failure } from "../notice.js";
import { overview } from "./overview.js";
import { team, teams } from "./teams.js";

const VIEWS = { overview: "Overview", keys: "Keys", teams: "Teams", limits: "Limits", audit: "Audit" };
const ONE = { keys: key, teams: team };
const ALL = { overview, keys, teams, limits, audit };

const place = document.querySelector("#view");
const tabs = document.querySelector("#tabs");
const gate = document.querySelector("#sign-in");
const leave = document.querySelector("#sign-out");
let stop = null;
let shown = 0;

async function show() {
  stop?.();
  stop = null;
  const number = ++shown;
  const inside = signedIn();
  gate.hidden = inside;
  tabs.hidden = leave.hidden = place.hidden = !inside;
  if (!inside) return gate.querySelector("#token").focus();
  place.setAttribute("aria-busy", "true");
  try {
    const [name, id] = where();
    mark(name);
    const part = h("div", {});
    const ended = id ? await ONE[name](part, id, show) : await ALL[name](part, show);
    if (number !== shown) return ended?.();
    stop = ended ?? null;
    fill(place, part);
    place.dataset.shown = location.hash.slice(1);
  } catch (error) {
    if (number === shown) fill(place, failure(error, show));
  }
  if (number === shown) place.removeAttribute("aria-busy");
}

function where() {
  const [name, id] = location.hash.slice(1).split("/");
  if (!(name in VIEWS)) return ["overview", ""];
  return [name, id && name in ONE ? decodeURIComponent(id) : ""];
}

function mark(name) {
  for (const link of tabs.querySelectorAll("a")) {
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${VIEWS[name]} · Dashboard · chat-proxy`;
}

function out(said = "") {
  signOut();
  fill(document.querySelector("#sign-in-wrong"), said);
  fill(place);
  show();
}

async function enter(event) {
  event.preventDefault();
  const token = gate.querySelector("#token");
  const said = document.querySelector("#sign-in-wrong");
  signIn(token.value.trim());
  try {
    await get("/activity");
  } catch (error) {
    signOut();
    return fill(said, error.message);
  }
  token.value = "";
  fill(said);
  await show();
  return tabs.querySelector("[aria-current]").focus();
}

if (gate) {
  gate.addEventListener("submit", enter);
  leave.addEventListener("click", () => out());
  addEventListener("hashchange", show);
  addEventListener(REFUSED, () => out("The admin token is not the right one any more."));
  show();
}
