// Follows a turn with the example's module: `node turn.mjs JSON`, which tells it
// `options` (of Turn), and `leave` or `cancel`: the words after which it does that.
// Prints what it knows at the end as JSON.

import { Turn } from "../../examples/browser/chat-stream.js";

const { options, leave, cancel } = JSON.parse(process.argv[2]);
const turn = new Turn(options);
const seen = [];
let failure = null;
try {
  for await (const { id, kind } of turn.events()) {
    seen.push([id, kind]);
    if (leave && turn.text.includes(leave)) break;
    if (cancel && turn.text.includes(cancel)) await turn.cancel();
  }
} catch (error) {
  failure = { message: error.message, code: error.code };
}
console.log(JSON.stringify({ state: turn.state, text: turn.text, seen, failure }));
