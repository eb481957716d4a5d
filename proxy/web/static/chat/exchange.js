// A turn as the page shows it: what was asked, what came back, and what can be done with both.

import { fill, h } from "../elements.js";
import { copyButton } from "./copy.js";
import { grow, show } from "./rendered.js";

const ENDS = {
  length: "Cut off: the answer reached its longest length.",
  content_filter: "Cut off by ChatGPT's content filter.",
  cancelled: "Stopped.",
  interrupted: "Broke off before its end.",
  tool_calls: "ChatGPT asked for a tool, which this page cannot run.",
};

export class Exchange {
  #growing = null;

  /** @param {{ edit: Function, regenerate: Function, undo: Function }} acts  called with this */
  constructor(question, acts) {
    this.question = question;
    this.reply = "";
    this.turnId = "";
    this.stored = false;
    this.asked = h("div", { class: "text" }, question ?? "");
    this.answer = h("div", { class: "text" });
    this.state = h("p", { class: "state", hidden: true });
    this.notes = h("p", { class: "notes hint" });
    this.speaker = h("h2", { class: "visually-hidden" }, "ChatGPT");
    this.lastActs = [
      act("Regenerate", () => acts.regenerate(this)),
      act("Undo", () => acts.undo(this)),
    ];
    this.answerActs = h(
      "div",
      { class: "acts", hidden: true },
      copyButton("Copy", () => this.reply),
      this.lastActs,
    );
    this.editAct = act("Edit", () => acts.edit(this));
    this.element = h(
      "article",
      { class: "exchange" },
      h(
        "div",
        { class: "asked", hidden: question === null },
        h("h2", { class: "visually-hidden" }, "You"),
        this.asked,
        h("div", { class: "acts" }, copyButton("Copy", () => this.question), this.editAct),
      ),
      h(
        "div",
        { class: "answer" },
        this.speaker,
        this.answer,
        this.state,
        this.notes,
        this.answerActs,
      ),
    );
  }

  /** Begin an answer; what was there goes. */
  begin() {
    this.reply = "";
    this.#growing = document.createTextNode("");
    grow(this.answer, this.#growing);
    fill(this.notes);
    this.answerActs.hidden = true;
    this.element.setAttribute("aria-busy", "true");
    this.tell("Thinking");
  }

  /** More words of the answer. */
  grow(text) {
    if (!this.reply) this.tell("");
    this.reply += text;
    this.#growing.appendData(text);
  }

  /** What is happening before there are words; nothing for none. */
  tell(text) {
    this.state.hidden = !text;
    this.state.textContent = text;
  }

  /** The turn as it is stored. */
  finish(turn, dropped = "") {
    this.reply = turn.reply;
    this.turnId = turn.turn_id;
    this.stored = true;
    this.end();
    this.speaker.textContent = turn.model;
    show(this.answer, turn.reply);
    const notes = [
      ENDS[turn.finish_reason],
      leftOut(turn.context?.turns_left_out),
      dropped && `Left out, since the model does not take it: ${dropped}.`,
      figures(turn),
    ];
    fill(this.notes, ...notes.filter(Boolean).map((note) => h("span", {}, note)));
    this.answerActs.hidden = false;
  }

  /** No more words come. */
  end() {
    this.tell("");
    this.element.removeAttribute("aria-busy");
  }

  /** Let the message be changed in place; `resubmit` gets what it became. */
  startEdit(resubmit) {
    const box = h("textarea", { rows: "3", "aria-label": "Edit the message", value: this.question });
    const close = () => {
      form.replaceWith(this.asked);
      this.editAct.focus();
    };
    const submit = (event) => {
      event.preventDefault();
      if (!box.value.trim()) return;
      close();
      resubmit(box.value);
    };
    const form = h(
      "form",
      { class: "edit", onsubmit: submit },
      box,
      h("p", { class: "hint" }, "It is asked in a copy of the conversation; this one stays."),
      h(
        "div",
        { class: "actions" },
        h("button", { type: "button", class: "quiet", onclick: close }, "Cancel"),
        h("button", { class: "primary" }, "Send"),
      ),
    );
    box.addEventListener("keydown", (event) => {
      if (event.key === "Escape") close();
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) form.requestSubmit();
      if (["Enter", "Escape"].includes(event.key) && !event.shiftKey) event.preventDefault();
    });
    this.asked.replaceWith(form);
    box.focus();
  }

  /** Only the newest turn can be taken back or answered anew. */
  set isLast(last) {
    for (const button of this.lastActs) button.hidden = !last;
  }
}

function act(label, onclick) {
  return h("button", { type: "button", class: "act", onclick }, label);
}

function leftOut(turns) {
  if (!turns) return "";
  const those = turns === 1 ? "1 earlier turn" : `${turns} earlier turns`;
  return `${those} did not fit any more: ChatGPT was not sent ${turns === 1 ? "it" : "them"}.`;
}

function figures(turn) {
  const parts = [turn.model, turn.usage && `${turn.usage.total_tokens.toLocaleString("en")} tokens`];
  if (turn.cost_usd) parts.push(`$${turn.cost_usd.toPrecision(2)}`);
  return parts.filter(Boolean).join(" · ");
}
