// A conversation as a thing that is kept: renamed, taken away as a document, deleted.

import { field, form } from "../dialog.js";
import { h } from "../elements.js";
import { ask, json } from "./api.js";
import { title } from "./parts.js";

const ENDINGS = { markdown: "md", json: "json" };

export function rename(conversation, renamed) {
  const name = h("input", { name: "title", maxlength: "200", required: true, autofocus: true });
  name.value = title.textContent;
  form("Rename", {
    fields: [field("Title", name)],
    action: "Rename",
    send: async (data) => {
      const changes = { title: data.get("title").trim() };
      conversation.session = await json("PATCH", `/sessions/${conversation.id}`, changes);
      renamed();
    },
  });
}

export function remove(conversation, removed) {
  form("Delete this conversation?", {
    fields: [h("p", {}, `“${title.textContent}” and all its messages will be gone for good.`)],
    action: "Delete",
    danger: true,
    send: async () => {
      await ask("DELETE", `/sessions/${conversation.id}`);
      removed();
    },
  });
}

/** Download it as `markdown` or `json`. */
export async function save(conversation, format) {
  const answer = await ask("GET", `/sessions/${conversation.id}/export?format=${format}`);
  const address = URL.createObjectURL(await answer.blob());
  const name = title.textContent.replace(/[^\p{L}\p{N} ._-]+/gu, " ").trim() || "conversation";
  h("a", { href: address, download: `${name}.${ENDINGS[format]}` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
