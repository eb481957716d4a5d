// Keys and teams, read once and again after each change: figures name them by their ids.

import { get } from "./api.js";

let keys = null;
let teams = null;

export async function allKeys() {
  keys ??= get("/keys").then((told) => told.data);
  return kept(keys, () => (keys = null));
}

export async function allTeams() {
  teams ??= get("/teams").then((told) => told.data);
  return kept(teams, () => (teams = null));
}

/** Read them anew when they are needed next. */
export function forget() {
  keys = teams = null;
}

/** Tells a name of usage as people know it: of a key its own, of a user that and the key's. */
export async function naming(by) {
  if (by !== "key" && by !== "user") return (name) => name;
  const known = new Map((await allKeys()).map((key) => [key.id, key.name]));
  if (by === "key") return (id) => known.get(id) ?? id;
  return (name) => {
    const at = name.indexOf("/");
    return at < 0 ? name : `${name.slice(at + 1)} · ${known.get(name.slice(0, at)) ?? name.slice(0, at)}`;
  };
}

async function kept(promise, drop) {
  try {
    return await promise;
  } catch (error) {
    drop();
    throw error;
  }
}
