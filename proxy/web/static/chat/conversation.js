// The conversation that is open: its turns, and the one that is being answered.

import { json } from "./api.js";
import { Exchanges } from "./exchanges.js";
import { isLeaving } from "./leaving.js";
import { announce, earlier, message, send, stop, title, trouble, welcome } from "./parts.js";
import { forget, NEW, pending, remember } from "./pending.js";
import * as scroll from "./scroll.js";
import { explained } from "./trouble.js";
import { Turn } from "./turn.js";

const NEWEST = 50;
const MOST = 1000;

export class Conversation {
  #exchanges = new Exchanges({
    edit: (one) => this.startEdit(one),
    regenerate: (one) => this.regenerate(one),
    undo: (one) => this.undo(one),
  });

  #visit = 0;

  /** @param {() => void} changed  called when the list of conversations may be another */
  constructor(changed) {
    this.changed = changed;
    this.begin();
  }

  /** Whether an answer is being written. */
  get busy() {
    return this.turn !== null;
  }

  /** A new conversation, which the first message makes. */
  begin() {
    this.#clear("", null);
    this.draft = {};
    welcome.hidden = false;
    const told = pending(NEW);
    if (told) this.#resume(told);
  }

  /** Show a conversation, and go on with the answer that is on its way. */
  async open(id, newest = NEWEST) {
    this.#clear(id, null);
    const visit = this.#visit;
    try {
      const session = await json("GET", `/sessions/${encodeURIComponent(id)}?limit=${newest}`);
      if (visit === this.#visit) this.#fill(session);
    } catch (error) {
      if (visit === this.#visit) this.#explain(error, { again: () => this.open(id, newest) });
    }
  }

  /** Show the earlier turns as well. */
  openWhole() {
    return this.open(this.id, MOST);
  }

  /** Ask; `waitS` seconds in the queue rather than be refused. */
  async send(text, waitS = 0) {
    if (this.busy) return;
    this.#exchanges.dropUnanswered();
    const exchange = this.#exchanges.add(text);
    try {
      await this.#make();
    } catch (error) {
      exchange.end();
      this.#explain(error, { again: () => this.send(text, waitS) });
      return;
    }
    const about = { message: text, session_id: this.id || undefined };
    await this.#run(exchange, { path: "/chat", body: about, waitS });
  }

  /** Have the newest message answered anew. */
  async regenerate(exchange = this.#exchanges.last, waitS = 0) {
    if (this.busy || !exchange) return;
    if (!exchange.stored) {
      await this.send(exchange.question, waitS);
      return;
    }
    const path = `/sessions/${this.id}/regenerate`;
    await this.#run(exchange, { path, body: {}, waitS, anew: true });
  }

  /** Take the newest turn back; its message can be written anew. */
  async undo(exchange = this.#exchanges.last) {
    if (this.busy || !exchange) return;
    await this.attempt(async () => {
      if (exchange.stored) await json("POST", `/sessions/${this.id}/undo`);
      this.#exchanges.drop(exchange);
      message.value ||= exchange.question ?? "";
      message.focus();
      announce("Taken back.");
      this.changed();
    });
  }

  /** Ask something else in place of an earlier message, in a copy of the conversation. */
  async edit(exchange = this.#exchanges.last, text) {
    if (this.busy) return;
    await this.attempt(async () => {
      if (exchange.stored) {
        const kept = this.#exchanges.before(exchange);
        const { id } = await json("POST", `/sessions/${this.id}/fork`, { turn: kept });
        history.pushState(null, "", `#${id}`);
        await this.open(id);
      }
      await this.send(text);
    });
  }

  /** Open the field for editing a message; the newest if none is named. */
  startEdit(exchange = this.#exchanges.last) {
    if (!this.busy) exchange?.startEdit((text) => this.edit(exchange, text));
  }

  /** Do something with the conversation; if it is refused, tell why. */
  async attempt(act) {
    try {
      await act();
    } catch (error) {
      this.#explain(error, {});
    }
  }

  async stop() {
    await this.attempt(async () => this.turn?.stop());
  }

  #clear(id, session) {
    this.#visit += 1;
    this.turn?.leave();
    this.#busy(null);
    this.id = id;
    this.session = session;
    this.#exchanges.clear();
    title.textContent = session?.title || "New conversation";
    welcome.hidden = earlier.hidden = true;
  }

  #fill(session) {
    this.#clear(session.id, session);
    for (const turn of session.turns) this.#exchanges.add(turn.message).finish(turn);
    this.#exchanges.mark();
    this.#exchanges.hidden = session.turn_count - session.turns.length;
    earlier.hidden = this.#exchanges.hidden <= 0;
    scroll.toEnd();
    const told = pending(session.id);
    const stored = told && !told.anew && session.turns.some((t) => t.turn_id === told.turnId);
    if (stored) forget(session.id);
    else if (told) this.#resume(told);
  }

  #resume({ request, turnId, text, anew }) {
    const exchange = (anew && this.#exchanges.last) || this.#exchanges.add(text);
    this.#follow(exchange, request, { text, anew, turnId });
  }

  /** The session that a first message needs if settings were made before it. */
  async #make() {
    if (this.id || !Object.keys(this.draft).length) return;
    this.session = await json("POST", "/sessions", this.draft);
    this.id = this.session.id;
    history.replaceState(null, "", `#${this.id}`);
  }

  #run(exchange, { path, body, waitS = 0, anew = false }) {
    const options = { stream: true, drop_params: true, ...(waitS && { wait: waitS }) };
    const request = { path, body: { ...body, ...options }, key: crypto.randomUUID() };
    return this.#follow(exchange, request, { text: exchange.question, anew, turnId: "" });
  }

  async #follow(exchange, request, told) {
    const visit = this.#visit;
    const turn = new Turn(request, (kind, data) => this.#hear(exchange, told, kind, data), told.turnId);
    const answered = exchange.stored;
    this.#busy(turn);
    trouble.replaceChildren();
    exchange.begin();
    scroll.toEnd();
    remember(this.id || NEW, { ...told, request });
    try {
      const done = await turn.follow();
      if (visit === this.#visit) this.#done(exchange, turn, done);
    } catch (error) {
      if (visit === this.#visit && !isLeaving()) await this.#failed(exchange, turn, error, answered);
    }
  }

  #hear(exchange, told, kind, data) {
    if (kind === "delta" && data.text) exchange.grow(data.text);
    if (kind === "queue") {
      exchange.tell(`In the queue: place ${data.position}, ${about(data.eta_s)}.`);
    }
    if (kind === "start") {
      const fresh = !this.id;
      if (fresh && isLeaving()) return;
      if (fresh) {
        forget(NEW);
        this.id = data.session_id;
        history.replaceState(null, "", `#${this.id}`);
        this.changed();
      }
      remember(this.id, { ...told, request: this.turn.request, turnId: data.turn_id });
    }
  }

  #done(exchange, turn, done) {
    this.#busy(null);
    forget(this.id || NEW);
    if (!done) {
      this.open(this.id);
      return;
    }
    exchange.finish(done, turn.dropped);
    this.#exchanges.mark();
    announce(`ChatGPT answered: ${done.reply}`);
    this.changed();
  }

  async #failed(exchange, turn, error, answered) {
    forget(this.id || NEW);
    const gone = error.code === "turn_not_found" || error.code === "session_not_found";
    if (turn.id) await this.attempt(() => this.#settle(exchange, turn.id));
    else exchange.end();
    this.#busy(null);
    this.#exchanges.mark();
    const stopped = error.code === "turn_cancelled";
    if (gone || answered) await this.open(this.id);
    else if (stopped && !exchange.stored) exchange.tell("Stopped.");
    if (stopped) {
      announce("Stopped.");
      return;
    }
    const again = (waitS) =>
      answered ? this.regenerate(this.#exchanges.last, waitS) : this.send(exchange.question, waitS);
    this.#explain(error, gone ? {} : { again: () => again(0), queue: again });
  }

  /** Show of a turn that failed what is kept of it. */
  async #settle(exchange, turnId) {
    exchange.end();
    this.changed();
    if (!(await this.#isKept())) {
      this.id = "";
      history.replaceState(null, "", "/");
      return;
    }
    const { turns } = await json("GET", `/sessions/${this.id}?limit=1`);
    if (turns.at(-1)?.turn_id === turnId) exchange.finish(turns.at(-1));
  }

  /** Whether the session is there: one that was made by a turn that failed is not. */
  async #isKept() {
    if (this.#exchanges.anyStored) return true;
    const { data } = await json("GET", "/sessions?limit=20");
    return data.some(({ id }) => id === this.id);
  }

  #explain(error, remedies) {
    trouble.replaceChildren(explained(error, remedies));
    scroll.toEnd();
  }

  #busy(turn) {
    this.turn = turn;
    send.hidden = turn !== null;
    stop.hidden = turn === null;
  }
}

const about = (seconds) => (seconds < 1 ? "next" : `about ${Math.ceil(seconds)} s`);
