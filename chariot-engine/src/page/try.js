// The first view: what goes in, the button, and what comes out.

import { add, copyButton, field, fill, h, segments, size, time } from "./dom.js";
import { answers, generatedText } from "./answers.js";
import { ask, changes, engine, home, inferPath, urlOf } from "./engine.js";
import { inputEditor } from "./inputs.js";
import { parameterFields } from "./parameters.js";
import { KINDS } from "./snippets.js";
import { events } from "./stream.js";
import { tree } from "./tree.js";

// Says what to do about a status.
const ADVICE = {
  400: "The request does not fit the engine. The message says where and what it expects.",
  401: "The engine asks for a token. Enter it with the button Token.",
  403: "The token does not give access.",
  404: "There is no such route. Another engine may be behind this address now: reload the page.",
  408: "The body did not arrive in time. Try again.",
  413: "The request is too large. CHARIOT_ENGINE_MAX_BODY and CHARIOT_ENGINE_MAX_REQUEST_BYTES set the limits.",
  415: "The engine does not read this kind of body.",
  429: "There are too many requests. Try again later.",
  500: "The model failed. The engine's log has the cause.",
  503: "The engine is not ready or is overloaded. Try again in a moment.",
  504: "The request took longer than its deadline, CHARIOT_ENGINE_TIMEOUT.",
};

// Makes the view of the engine's models.
export function tryView() {
  const place = h("div", { class: "view try" });
  let models = "";
  // The editors stay as they are unless the engine takes something else now.
  function draw() {
    const now = JSON.stringify(engine.models);
    if (now === models || engine.models.length === 0) return;
    models = now;
    const first = Math.max(0, engine.models.findIndex((model) => model.default));
    const options = engine.models.map((model, at) => h("option", { value: at }, model.name));
    const panel = h("div", { class: "panel" });
    const select = h("select", { onchange: () => fill(panel, modelPanel(engine.models[select.value])) }, options);
    select.value = first;
    fill(panel, modelPanel(engine.models[first]));
    fill(place, engine.models.length > 1 && h("div", { class: "models" }, field("Model", select)), panel);
  }
  changes.addEventListener("document", draw);
  draw();
  if (place.children.length === 0) fill(place, h("p", { class: "waiting" }, "Waiting for the engine to describe itself…"));
  return { element: place, shown() {}, left() {} };
}

function modelPanel(model) {
  const editor = inputEditor(model, () => {});
  const parameters = parameterFields(model);
  const result = h("div", { class: "result", "aria-live": "polite" }, h("p", { class: "waiting" }, "The answer appears here."));
  const code = h("div");
  const streams = h("input", { type: "checkbox", checked: model.streams });
  const run = h("button", { type: "button", class: "primary", onclick: start }, "Run");
  const stop = h("button", { type: "button", class: "quiet", hidden: true, onclick: () => abort?.abort() }, "Stop");
  let abort = null;

  async function start() {
    if (abort) return;
    let request;
    try {
      request = requestOf(model, editor.read(), parameters.read());
    } catch (error) {
      fill(result, fault("Not sent", error.message, "Correct the input."));
      return;
    }
    fill(code, codePanel(request));
    abort = new AbortController();
    [run.disabled, stop.hidden] = [true, false];
    result.setAttribute("aria-busy", "true");
    try {
      const response = await (model.streams && streams.checked ? stream : once)(request, result, abort.signal);
      const text = editor.reply && response && generatedText(model, response);
      if (text) result.append(goOn(text));
    } catch (error) {
      if (abort.signal.aborted) result.append(h("p", { class: "stopped" }, "Stopped."));
      else fill(result, fault("No response", error.message, "The engine is not reachable. The page goes on looking for it."));
    }
    result.removeAttribute("aria-busy");
    [run.disabled, stop.hidden, abort] = [false, true, null];
  }
  // Another engine has taken the place of the one that has answered: it is asked the same.
  changes.addEventListener("replaced", () => {
    if (code.isConnected && code.hasChildNodes()) start();
  });
  // Makes the button that adds the reply to the conversation, once.
  function goOn(text) {
    const button = h("button", { type: "button", class: "quiet small" }, "Continue the conversation");
    button.addEventListener("click", () => {
      button.parentElement.remove();
      editor.reply(text);
    });
    return h("div", { class: "row" }, button);
  }
  function keys(event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) start();
  }
  const task = [model.task, model.version && `version ${model.version}`].filter(Boolean).join(", ");
  return [
    h("section", { class: "card input", "aria-label": "Input", onkeydown: keys },
      h("div", { class: "head" }, h("h2", {}, "Input"), h("span", { class: "hint" }, task)),
      editor.element, parameters.element,
      h("div", { class: "row run" }, run, stop,
        model.streams && h("label", { class: "check" }, streams, "Stream"), h("span", { class: "hint" }, "Ctrl+Enter runs"))),
    h("section", { class: "card output", "aria-label": "Answer" }, h("div", { class: "head" }, h("h2", {}, "Answer")), result, code),
  ];
}

// Returns the request for what was entered. Parameters belong to an input, and to the request where inputs are columns.
function requestOf(model, { items, inputs }, parameters) {
  const url = urlOf(inferPath(model));
  const files = items.filter((item) => item.kind === "image").map((item) => ({ name: item.name, base64: item.base64 }));
  const common = { url, origin: home, model, items, files };
  if (!model.protocols.includes("chariot-v2-kserve")) {
    const bodies = items.map((item) => ({ input: typeof item.value === "string" ? item.value : JSON.stringify(item.value), parameters }));
    return { ...common, body: bodies[0], bodies };
  }
  const isOfRequest = model.item === undefined || model.item === "row";
  const body = isOfRequest ? { inputs, parameters } : { inputs: inputs.map((input) => ({ ...input, parameters })) };
  return { ...common, body: JSON.parse(JSON.stringify(body)), bodies: [body] };
}

let sent = 0;

// Sends a body. The ID of the request leads from an error to the engine's log and to the monitor.
function post(request, body, signal, accept) {
  sent += 1;
  const id = `page-${Date.now().toString(36)}-${sent}`;
  const headers = { "Content-Type": "application/json", Accept: accept, "X-Server-Timing": "1", "X-Request-ID": id };
  return ask(request.url, { method: "POST", headers, body: JSON.stringify(body), signal });
}

// Sends a request and shows its answer. Returns the response unless it is an error.
async function once(request, result, signal) {
  const outputs = [];
  let response;
  let text = "";
  const begin = performance.now();
  for (const body of request.bodies) {
    response = await post(request, body, signal, "application/json");
    text = await response.text();
    const parsed = parsedOr(text);
    if (!response.ok) {
      fill(result, refusal(response, parsed, text), responseFacts(response, begin, text));
      return undefined;
    }
    outputs.push(...(parsed?.outputs ?? [{ name: "output", data: [parsed?.output] }]));
  }
  fill(result, answers(request.model, request.items, { outputs }), responseFacts(response, begin, text), raw(text));
  return { outputs };
}

function parsedOr(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

// Sends a request and shows its parts as they arrive. Returns the response at the end of the stream unless it is an error.
async function stream(request, result, signal) {
  const begin = performance.now();
  const response = await post(request, request.body, signal, "text/event-stream");
  if (!response.headers.get("content-type")?.startsWith("text/event-stream")) {
    const text = await response.text();
    const parsed = parsedOr(text);
    const shown = response.ok ? answers(request.model, request.items, parsed) : refusal(response, parsed, text);
    fill(result, shown, responseFacts(response, begin, text));
    return response.ok ? parsed : undefined;
  }
  const parts = new Map();
  fill(result);
  let firstAfter;
  let whole;
  for await (const event of events(response)) {
    const data = parsedOr(event.data);
    firstAfter ??= performance.now() - begin;
    if (event.name === "error") {
      result.append(fault("The stream failed", data?.error ?? event.data, ADVICE[500]));
      return undefined;
    }
    if (data?.outputs) {
      whole = data;
      const timing = h("p", { class: "facts" }, `First part after ${time(firstAfter / 1000)}`);
      add(result, h("details", { class: "whole" }, h("summary", {}, "Whole answer"), answers(request.model, request.items, data)), timing, responseFacts(response, begin, ""));
      if (parts.size === 0) result.querySelector("details").open = true;
    } else if (data) addPart(parts, result, data);
  }
  return whole;
}

function addPart(parts, result, { index, name, part }) {
  if (!parts.has(index)) {
    const said = h("p", { class: "said live" });
    parts.set(index, said);
    result.append(h("section", { class: "answer" }, index > 0 && h("h4", {}, name), said));
  }
  const said = parts.get(index);
  said.append(typeof part === "string" ? part : `${JSON.stringify(part)}\n`);
}

function fault(title, message, advice) {
  return h("div", { class: "fault", role: "alert" }, h("strong", {}, title), h("p", { class: "message" }, message), advice && h("p", { class: "hint" }, advice));
}

function refusal(response, parsed, text) {
  const wait = response.headers.get("retry-after");
  const id = response.headers.get("x-request-id");
  const advice = [ADVICE[response.status], wait && `The engine asks to wait ${wait} s.`, id && `Request ${id}.`].filter(Boolean).join(" ");
  return fault(`${response.status} ${response.statusText}`.trim(), parsed?.error ?? text, advice);
}

// Makes the line of status, time and size, and the stages that the engine has measured.
function responseFacts(response, begin, text) {
  const took = (performance.now() - begin) / 1000;
  const kind = response.ok ? "good" : "bad";
  const line = h("p", { class: "facts" }, h("span", { class: `chip ${kind}` }, `${response.status} ${response.statusText}`.trim()), ` ${time(took)}`, text && `, ${size(new Blob([text]).size)}`);
  return [line, stages(response.headers.get("server-timing"))];
}

// Makes bars of the stages in a header such as `queue;dur=1.2, infer;dur=8`.
function stages(header) {
  if (!header) return null;
  const list = header.split(",").map((part) => {
    const [name, ...fields] = part.split(";").map((text) => text.trim());
    const duration = fields.find((text) => text.startsWith("dur="));
    return { name, ms: Number(duration?.slice(4)) };
  });
  const known = list.filter((stage) => Number.isFinite(stage.ms) && stage.name !== "total");
  const most = Math.max(...known.map((stage) => stage.ms), 0.001);
  return h("ol", { class: "stages", "aria-label": "Stages in the engine" }, known.map(({ name, ms }) => {
    const bar = h("span", { class: "fill" });
    bar.style.width = `${(ms / most) * 100}%`;
    return h("li", {}, h("span", { class: "name" }, name), h("span", { class: "track", "aria-hidden": "true" }, bar), h("span", { class: "number" }, time(ms / 1000)));
  }));
}

function raw(text) {
  const value = parsedOr(text);
  return h("details", { class: "raw" }, h("summary", {}, "Response"), h("div", { class: "row end" }, copyButton(() => text)), value === undefined ? h("pre", {}, text) : tree(value));
}

function codePanel(request) {
  const text = h("pre", { class: "code", tabindex: 0 });
  const choose = (index) => (text.textContent = KINDS[index][1](request));
  choose(0);
  const names = KINDS.map(([name]) => name);
  return h("details", { class: "request" }, h("summary", {}, "This request as code"),
    h("div", { class: "row between" }, segments("Language", names, choose), copyButton(() => text.textContent)), text,
    request.files.length > 0 && h("p", { class: "hint" }, "Run it where the files are."));
}
