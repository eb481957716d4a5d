// OpenAI's own SDK: `npm install && npm start`, with PROXY_URL and PROXY_KEY.
// The base URL and the client key are all that differs from OpenAI itself.

import OpenAI from "openai";

const url = process.env.PROXY_URL ?? "http://127.0.0.1:8080";
const key = process.env.PROXY_KEY || "a proxy in open mode asks for none";
const model = "gpt-6-luna";

const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key });

// The whole answer; with a session's id it is a turn of that session, which remembers it.
async function ask(question, sessionId) {
  const answer = await client.chat.completions.create(
    { model, messages: [{ role: "user", content: question }] },
    { headers: sessionId ? { "X-Session-ID": sessionId } : {} },
  );
  return answer.choices[0].message.content;
}

// The answer word for word.
async function askStreamed(question) {
  const chunks = await client.chat.completions.create({
    model,
    messages: [{ role: "user", content: question }],
    stream: true,
  });
  for await (const chunk of chunks) {
    process.stdout.write(chunk.choices[0]?.delta.content ?? "");
  }
  process.stdout.write("\n");
}

// The id of a new session: not an OpenAI call, so the proxy's own address is given whole.
async function newSession() {
  const session = await client.post(`${url}/sessions`, { body: {} });
  return session.id;
}

console.log(await ask("Name a river in France."));
await askStreamed("Name a river in Spain.");
const sessionId = await newSession();
console.log(await ask("My name is Ada.", sessionId));
console.log(await ask("What is my name?", sessionId));
