// A turn of a conversation, word for word: it outlives lost connections and reloads of the page.
//
//   const turn = new Turn({ request: { message: "Hello!" } });
//   for await (const _ of turn.events()) show(turn.text);
//
// Needs fetch and nothing else, so it runs in browsers and in Node.

const SILENCE_MS = 45_000; // the service shows life every 15 s
const PAUSES_MS = [0, 250, 500, 1000, 2000, 4000]; // before each try to go on

/** The service refused, or the turn failed; `code` is the error's stable name. */
export class ProxyError extends Error {
  constructor(message, { code = null, status = 0 } = {}) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/** The connection broke; the turn goes on without us. */
class ConnectionLost extends Error {}

export class Turn {
  #url;
  #headers;

  /**
   * @param {string} url where the service answers; by default the page's own origin
   * @param {object} headers sent with each request, such as Authorization
   * @param {object} request what to ask: the body of POST /chat
   * @param {object} state in place of a request: the `state` of a turn to go on with
   */
  constructor({ url = "", headers = {}, request, state }) {
    this.#url = url;
    this.#headers = headers;
    /** All that is needed to go on after a reload; plain JSON. */
    this.state = state ?? {
      request: { ...request, stream: true },
      key: crypto.randomUUID(),
      turnId: null,
      sessionId: null,
      lastEventId: 0,
      text: "",
    };
  }

  /** The words so far. */
  get text() {
    return this.state.text;
  }

  /**
   * Each event once and in order, the last of them `done`: { id, kind, data }.
   * Throws a ProxyError when the service refuses or the turn fails or is cancelled.
   */
  async *events() {
    let tries = 0;
    for (;;) {
      try {
        for await (const event of this.#connected()) {
          tries = 0;
          if (!this.#take(event)) continue;
          yield event;
          if (event.kind === "done") return;
        }
      } catch (error) {
        if (!this.#mayGoOn(error)) throw error;
      }
      if (tries === PAUSES_MS.length) throw new ProxyError("The connection is lost.");
      await new Promise((resolve) => setTimeout(resolve, PAUSES_MS[tries++]));
    }
  }

  /** Ask the service to stop; the events then end with the error `turn_cancelled`. */
  async cancel() {
    if (this.state.turnId !== null) await this.#send("POST", `${this.#path}/cancel`);
  }

  get #path() {
    return `/chat/turns/${encodeURIComponent(this.state.turnId)}`;
  }

  /** The events that come over one connection. */
  async *#connected() {
    const leaving = new AbortController();
    let alarm;
    const wait = () => {
      clearTimeout(alarm);
      alarm = setTimeout(() => leaving.abort(), SILENCE_MS);
    };
    try {
      wait();
      const response = await this.#open(leaving.signal);
      yield* parse(chunks(response, wait));
    } finally {
      clearTimeout(alarm);
      leaving.abort();
    }
  }

  /** Begin the turn, or go on with it; a repeat with the same key does not begin another. */
  #open(signal) {
    if (this.state.turnId !== null) {
      const headers = { "Last-Event-ID": String(this.state.lastEventId) };
      return this.#send("GET", `${this.#path}/events`, { headers, signal });
    }
    const headers = { "Content-Type": "application/json", "Idempotency-Key": this.state.key };
    const body = JSON.stringify(this.state.request);
    return this.#send("POST", "/chat", { headers, body, signal });
  }

  async #send(method, path, { headers, ...more } = {}) {
    const all = { ...this.#headers, ...headers };
    let response;
    try {
      response = await fetch(this.#url + path, { method, headers: all, ...more });
    } catch (error) {
      throw new ConnectionLost(error.message);
    }
    if (!response.ok) throw await refusal(response);
    return response;
  }

  /** Note an event; false for one that was seen before. */
  #take({ id, kind, data }) {
    const state = this.state;
    if (id <= state.lastEventId) return false;
    if (kind === "error") throw new ProxyError(data.error.message, data.error);
    state.lastEventId = id;
    if (kind === "start") [state.turnId, state.sessionId] = [data.turn_id, data.session_id];
    if (kind === "delta") state.text += data.text ?? "";
    return true;
  }

  #mayGoOn(error) {
    if (error instanceof ConnectionLost) return true;
    return this.state.turnId !== null && error instanceof ProxyError && error.status >= 500;
  }
}

async function refusal(response) {
  const told = await response.json().catch(() => null);
  const { message = response.statusText, code } = told?.error ?? {};
  return new ProxyError(message, { code, status: response.status });
}

/** The text of a response as it comes; `heard` is called for each piece. */
async function* chunks(response, heard) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    let piece;
    try {
      piece = await reader.read();
    } catch (error) {
      throw new ConnectionLost(error.message);
    }
    if (piece.done) return;
    heard();
    yield piece.value;
  }
}

/** The server-sent events in pieces of text; comments and what is cut off at the end are none. */
async function* parse(pieces) {
  let rest = "";
  for await (const piece of pieces) {
    const blocks = (rest + piece).split(/\r?\n\r?\n/);
    rest = blocks.pop();
    for (const block of blocks) {
      const fields = {};
      for (const line of block.split(/\r?\n/)) {
        const [, name, value] = line.match(/^([^:]*):? ?(.*)$/);
        fields[name] = name === "data" && "data" in fields ? `${fields.data}\n${value}` : value;
      }
      if ("data" in fields) {
        yield { id: Number(fields.id), kind: fields.event, data: JSON.parse(fields.data) };
      }
    }
  }
}
