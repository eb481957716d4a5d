// What holds for one conversation: model, persona, instructions, and how words are chosen.

import { form } from "../dialog.js";
import { json } from "./api.js";

const TEXTS = ["model", "persona", "system"];
const NUMBERS = ["temperature", "top_p", "top_k"];

/** Let the settings of a conversation be changed. */
export async function change(conversation) {
  const { id, draft } = conversation;
  const now = id ? await json("GET", `/sessions/${id}?limit=1`) : draft;
  const fields = document.querySelector("#settings-fields").content.cloneNode(true);
  for (const name of TEXTS) fields.querySelector(`[name=${name}]`).value = now[name] ?? "";
  for (const name of NUMBERS) {
    fields.querySelector(`[name=${name}]`).value = now.parameters?.[name] ?? "";
  }
  form("Settings of this conversation", {
    fields: [fields],
    action: "Save",
    send: (data) => save(conversation, now.parameters, data),
  });
}

async function save(conversation, before, data) {
  const parameters = { ...before };
  for (const name of NUMBERS) {
    delete parameters[name];
    if (data.get(name) !== "") parameters[name] = Number(data.get(name));
  }
  const texts = TEXTS.map((name) => [name, data.get(name).trim() || null]);
  const changes = { ...Object.fromEntries(texts), parameters };
  if (conversation.id) {
    conversation.session = await json("PATCH", `/sessions/${conversation.id}`, changes);
  } else {
    const made = texts.filter(([, value]) => value !== null);
    if (Object.keys(parameters).length) made.push(["parameters", parameters]);
    conversation.draft = Object.fromEntries(made);
  }
}
