// Sends a request with one of Node's clients, and prints the response as clients.rs reads it: the status, the headers, an
// empty line, the body.
//
//   sender.mjs http|fetch post|stream|twice URL FILE [GATE]
import { existsSync, readFileSync } from "node:fs";
import http from "node:http";
import readline from "node:readline";
import { Readable } from "node:stream";

const [library, mode, url, file, gate] = process.argv.slice(2);
const body = readFileSync(file);
const headers = { "Content-Type": "application/json" };
if (mode === "stream") headers.Accept = "text/event-stream";
const agent = new http.Agent({ keepAlive: true, timeout: 60_000 });

// Each returns the status, the headers and the stream of the body.
const senders = {
  http: () =>
    new Promise((resolve, reject) => {
      const sized = { ...headers, "Content-Length": body.length };
      const request = http.request(url, { method: "POST", headers: sized, agent }, (response) =>
        resolve([response.statusCode, Object.entries(response.headers), response]),
      );
      request.on("error", reject);
      request.end(body);
    }),
  fetch: async () => {
    const response = await fetch(url, { method: "POST", headers, body });
    return [response.status, [...response.headers], Readable.fromWeb(response.body)];
  },
};

async function send() {
  const [status, named, stream] = await senders[library]();
  if (mode === "stream") {
    for await (const line of readline.createInterface({ input: stream })) console.log(line);
    return;
  }
  const pieces = [];
  for await (const piece of stream) pieces.push(piece);
  const lines = [status, ...named.map(([name, value]) => `${name}: ${value}`), "", Buffer.concat(pieces)];
  console.log(lines.join("\n"));
}

await send();
if (mode === "twice") {
  for (const end = Date.now() + 60_000; Date.now() < end && !existsSync(gate); ) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await send();
}
agent.destroy();
