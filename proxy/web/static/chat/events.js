// Server-sent events from a response that streams: EventSource sends neither a body nor a token.

/** The events as they come: `{ id, kind, data }`. */
export async function* events(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const frames = (rest + value).split("\n\n");
    rest = frames.pop();
    for (const frame of frames) {
      const event = parsed(frame);
      if (event.kind) yield event;
    }
  }
}

function parsed(frame) {
  const event = { id: 0, kind: "", data: null };
  for (const line of frame.split("\n")) {
    const [, name, value] = line.match(/^(\w+): ?(.*)$/) ?? [];
    if (name === "id") event.id = Number(value);
    if (name === "event") event.kind = value;
    if (name === "data") event.data = JSON.parse(value);
  }
  return event;
}
