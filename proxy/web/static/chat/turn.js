// A turn on its way: asked for once, and followed to its end however often the connection breaks.

import { ask } from "./api.js";
import { events } from "./events.js";
import { Refusal, stopped } from "./refusal.js";

const MOST_BREAKS = 8;
const GIVE_UP_MS = 4000;

export class Turn {
  #cut = new AbortController();
  #last = 0;

  /**
   * @param {{ path: string, body: object, key: string }} request  whose repeat is the same turn
   * @param {(kind: string, data: object) => void} hear  what comes before the end
   * @param {string} id  if it began before
   */
  constructor(request, hear, id = "") {
    this.request = request;
    this.hear = hear;
    this.id = id;
    this.dropped = "";
    this.left = false;
  }

  /** Follow it; answers what `done` says, and throws a Refusal when the turn ends otherwise. */
  async follow() {
    let answer = this.id ? await this.#rejoin() : await this.#begin();
    for (let breaks = 0; ; breaks++) {
      const ended = await this.#listen(answer);
      if (ended) return ended;
      if (this.left && !this.id) throw stopped();
      if (this.left) return null;
      if (breaks >= MOST_BREAKS || !this.id) throw unreachable();
      await new Promise((resolve) => setTimeout(resolve, 250 * 2 ** Math.min(breaks, 4)));
      answer = await this.#again();
    }
  }

  /** End it: its answer stays as far as it is. */
  async stop() {
    if (this.id) await ask("POST", `/chat/turns/${this.id}/cancel`);
    setTimeout(() => this.leave(), this.id ? GIVE_UP_MS : 0);
  }

  /** Look no longer; it goes on without us. */
  leave() {
    this.left = true;
    this.#cut.abort();
  }

  async #listen(answer) {
    try {
      for await (const { id, kind, data } of events(answer)) {
        if (id <= this.#last) continue;
        this.#last = id;
        if (kind === "done") return data;
        if (kind === "error") throw new Refusal(0, data.error, answer.headers);
        if (kind === "start") this.id = data.turn_id;
        if (!this.left) this.hear(kind, data);
      }
    } catch (error) {
      if (error instanceof Refusal) throw error; // else the connection broke
    }
    return null;
  }

  async #begin() {
    const { path, body, key } = this.request;
    const headers = { "Idempotency-Key": key };
    const answer = await ask("POST", path, { body, headers, signal: this.#cut.signal });
    this.dropped = answer.headers.get("X-Dropped-Params") ?? "";
    return answer;
  }

  async #rejoin() {
    const headers = { "Last-Event-ID": String(this.#last) };
    const path = `/chat/turns/${this.id}/events`;
    return ask("GET", path, { headers, signal: this.#cut.signal });
  }

  async #again() {
    try {
      return await this.#rejoin();
    } catch (error) {
      if (error.code === "unreachable") return new Response("");
      throw error;
    }
  }
}

const unreachable = () =>
  new Refusal(0, { message: "The connection broke and did not come back.", code: "unreachable" });
