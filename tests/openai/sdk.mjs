// What OpenAI's own client for JavaScript does: `node sdk.mjs NAME [RETRIES]` prints it as JSON.
// It finds the base URL and the client key in OPENAI_BASE_URL and OPENAI_API_KEY by itself.

import OpenAI from "openai";

const [name, retries] = process.argv.slice(2);
const client = new OpenAI({ maxRetries: Number(retries ?? 0) });

const model = "gpt-6-luna";
const hello = { model, messages: [{ role: "user", content: "Hello" }] };
const weather = {
  type: "function",
  function: {
    name: "get_weather",
    parameters: { type: "object", properties: { city: { type: "string" } } },
  },
};
const format = {
  type: "json_schema",
  json_schema: {
    name: "weather",
    schema: { type: "object", properties: { city: { type: "string" } } },
  },
};

const acts = {
  async chat() {
    const answer = await client.chat.completions.create(hello);
    return { text: answer.choices[0].message.content, requestId: answer._request_id };
  },

  async stream() {
    return gather(await client.chat.completions.create({ ...hello, stream: true }));
  },

  async streamWithUsage() {
    const options = { stream: true, stream_options: { include_usage: true } };
    return gather(await client.chat.completions.create({ ...hello, ...options }));
  },

  async tools() {
    const messages = [{ role: "user", content: "get_weather" }];
    const more = { model, tools: [weather] };
    const asked = await client.chat.completions.create({ ...more, messages });
    const { message } = asked.choices[0];
    const [call] = message.tool_calls;
    const result = { role: "tool", tool_call_id: call.id, content: "sunny" };
    const answer = await client.chat.completions.create({
      ...more,
      messages: [...messages, message, result],
    });
    const streamed = client.chat.completions.stream({ ...more, messages });
    const whole = await streamed.finalChatCompletion();
    return {
      arguments: call.function.arguments,
      streamed: whole.choices[0].message.tool_calls[0].function.arguments,
      text: answer.choices[0].message.content,
    };
  },

  async structured() {
    const answer = await client.chat.completions.parse({ ...hello, response_format: format });
    return answer.choices[0].message.parsed;
  },

  async embeddings() {
    const answer = await client.embeddings.create({ model: "text-embedding-3-small", input: "a" });
    return answer.data[0].embedding.length;
  },

  async models() {
    const ids = [];
    for await (const listed of client.models.list()) ids.push(listed.id);
    return { ids, retrieved: (await client.models.retrieve(model)).id };
  },

  async responses() {
    const first = await client.responses.create({ model, input: "My name is Ada." });
    const ask = { model, input: "What is my name?", previous_response_id: first.id };
    const stream = client.responses.stream(ask);
    let text = "";
    stream.on("response.output_text.delta", (event) => (text += event.delta));
    const { output_text: final } = await stream.finalResponse();
    return { first: first.output_text, text, final };
  },

  async unknownModel() {
    return client.chat.completions.create({ ...hello, model: "gpt-0" });
  },

  async unknownField() {
    return client.chat.completions.create({ ...hello, top_k: 3 });
  },

  async twice() {
    await client.chat.completions.create(hello);
    const before = performance.now();
    await client.chat.completions.create(hello);
    return performance.now() - before;
  },
};

async function gather(stream) {
  const chunks = [];
  try {
    for await (const chunk of stream) chunks.push(chunk);
  } catch (error) {
    return { text: textOf(chunks), ...described(error) };
  }
  return { text: textOf(chunks), usage: chunks.at(-1).usage?.total_tokens ?? null };
}

function textOf(chunks) {
  return chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");
}

function described({ constructor, status, code, param, requestID, headers }) {
  const wait = headers?.get("retry-after-ms");
  return { error: constructor.name, status, code, param, requestID, wait };
}

const result = await acts[name]().catch(described);
console.log(JSON.stringify(result));
