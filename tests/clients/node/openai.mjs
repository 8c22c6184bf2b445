// OpenAI's JavaScript client: a conversation, a stream, vectors, models, errors, and a caller that leaves. `run.py` calls it
// with the URLs of the engine and of one with a short limit of the time of a stream.

import assert from "node:assert/strict";

import OpenAI, { APIError, BadRequestError, NotFoundError } from "openai";

const [url, ending] = process.argv.slice(2);
const api = new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 });
const asked = { model: "openai", max_tokens: 3, messages: [{ role: "user", content: "the fox" }] };

/** Waits until no request is in flight. */
async function idle() {
  for (let left = 600; left > 0; left -= 1) {
    const metrics = await (await fetch(`${url}/metrics`)).text();
    if (/^chariot_in_flight_requests\{model="openai"\} 0$/m.test(metrics)) return;
    await new Promise((done) => setTimeout(done, 50));
  }
  assert.fail("a request is in flight for 30 s");
}

const cases = {
  "a conversation": async () => {
    const answer = await api.chat.completions.create(asked);
    assert.equal(answer.choices[0].message.content, "runs over the");
    assert.equal(answer.usage.total_tokens, 5);
  },
  "a streamed conversation": async () => {
    let text = "";
    for await (const chunk of await api.chat.completions.create({ ...asked, stream: true })) {
      text += chunk.choices[0].delta.content ?? "";
    }
    assert.equal(text, "runs over the");
  },
  "vectors": async () => {
    const answer = await api.embeddings.create({ model: "letters", input: ["ab", "b a"] });
    assert.deepEqual(answer.data[0].embedding, answer.data[1].embedding);
    assert.equal(answer.data[0].embedding.length, 26);
  },
  "the models": async () => {
    const names = [];
    for await (const model of api.models.list()) names.push(model.id);
    assert.deepEqual(names, ["openai", "letters"]);
  },
  "errors": async () => {
    await assert.rejects(api.chat.completions.create({ ...asked, temperature: 3 }), (error) => {
      return error instanceof BadRequestError && error.param === "temperature";
    });
    await assert.rejects(api.chat.completions.create({ ...asked, model: "none" }), (error) => {
      return error instanceof NotFoundError && error.code === "model_not_found";
    });
  },
  "a stream that fails after its first chunk": async () => {
    const short = new OpenAI({ baseURL: `${ending}/v1`, apiKey: "none", maxRetries: 0 });
    const stream = await short.chat.completions.create({ ...asked, max_tokens: 1e9, stream: true });
    let text = "";
    await assert.rejects(async () => {
      for await (const chunk of stream) text += chunk.choices[0].delta.content ?? "";
    }, (error) => error instanceof APIError && error.type === "server_error" && /deadline/.test(error.message));
    assert.match(text, /^runs over the/);
  },
  "a caller that leaves its stream": async () => {
    const stream = await api.chat.completions.create({ ...asked, max_tokens: 1e9, stream: true });
    for await (const chunk of stream) if (chunk.choices[0].delta.content) break;
    await idle();
  },
};

for (const [name, run] of Object.entries(cases)) {
  await run();
  console.log(`openai for Node.js   ${name.padEnd(88)} passed`);
}
