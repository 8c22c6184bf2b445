// The third view: every route of the engine's document, with its schemas and examples, to read and to try.

import { copyButton, fill, h, size, time } from "./dom.js";
import { ask, changes, engine, resolve, urlOf } from "./engine.js";
import { expanded, sampleOf } from "./schema.js";
import { tree } from "./tree.js";

// Makes the view.
export function referenceView() {
  const element = h("div", { class: "view reference" });
  function draw() {
    if (!engine.document) return;
    const { info, paths } = engine.document;
    const operations = Object.entries(paths).flatMap(([path, item]) =>
      ["get", "post"].filter((method) => item[method]).map((method) => operation(path, method, item[method])));
    const links = h("p", { class: "hint" }, "The document itself: ", h("code", {}, urlOf("/openapi.json")));
    fill(element, h("section", { class: "card" }, h("div", { class: "head" }, h("h2", {}, info.title), h("span", { class: "hint" }, `version ${info.version}`)),
      (info.description ?? "").split("\n\n").map((text) => h("p", {}, text)), links), operations);
  }
  changes.addEventListener("document", draw);
  draw();
  return { element, shown() {}, left() {} };
}

function operation(path, method, described) {
  const body = h("div", { class: "body" });
  const details = h("details", { class: "card operation" },
    h("summary", {}, h("span", { class: `method ${method}` }, method.toUpperCase()), h("code", {}, path), h("span", { class: "hint" }, described.summary)), body);
  details.addEventListener("toggle", () => details.open && body.children.length === 0 && fill(body, parts(path, method, described)));
  return details;
}

function parts(path, method, described) {
  const request = resolve(described.requestBody);
  const parameters = (described.parameters ?? []).map(resolve);
  return [
    parameters.length > 0 && h("section", {}, h("h3", {}, "Headers"), h("dl", {}, parameters.map((one) => h("div", {}, h("dt", {}, one.name), h("dd", {}, one.description ?? ""))))),
    request && h("section", {}, h("h3", {}, "Request"), Object.entries(request.content).map(([type, media]) => mediaPart(type, media))),
    h("section", {}, h("h3", {}, "Responses"), Object.entries(described.responses).map(([status, reference]) => responsePart(status, resolve(reference)))),
    tryPart(path, method, request),
  ].filter(Boolean);
}

function mediaPart(type, media) {
  const schema = resolve(media.schema) ?? {};
  const isPlain = Object.keys(schema).every((name) => name === "description");
  return h("div", { class: "media" }, h("code", {}, type), schema.description && h("p", { class: "hint" }, schema.description), !isPlain && lazy("Schema", () => tree(expanded(media.schema))));
}

function responsePart(status, response) {
  const content = Object.entries(response.content ?? {});
  return h("details", { class: "response" }, h("summary", {}, h("span", { class: `chip ${status.startsWith("2") ? "good" : ""}` }, status), h("span", {}, response.description)),
    content.map(([type, media]) => mediaPart(type, media)));
}

// Makes a part that is made when it is opened.
function lazy(title, make) {
  const details = h("details", {}, h("summary", {}, title));
  details.addEventListener("toggle", () => details.open && details.children.length === 1 && details.append(make()));
  return details;
}

function tryPart(path, method, request) {
  const media = request?.content?.["application/json"];
  const examples = Object.entries(media?.examples ?? {});
  const start = media && (examples[0]?.[1].value ?? sampleOf(media.schema));
  const area = media && h("textarea", { class: "code", rows: 10, spellcheck: "false", value: JSON.stringify(start, null, 2), "aria-label": `Body of ${method.toUpperCase()} ${path}` });
  const choices = examples.length > 1 && h("div", { class: "row" }, examples.map(([name, example]) =>
    h("button", { type: "button", class: "quiet small", onclick: () => (area.value = JSON.stringify(example.value, null, 2)) }, name)));
  const output = h("div", { "aria-live": "polite" });
  async function send() {
    const begin = performance.now();
    const options = media ? { method: "POST", body: area.value, headers: { "Content-Type": "application/json" } } : {};
    try {
      const response = await ask(urlOf(path), options);
      const text = await response.text();
      const line = h("p", { class: "facts" }, h("span", { class: `chip ${response.ok ? "good" : "bad"}` }, `${response.status} ${response.statusText}`.trim()), ` ${time((performance.now() - begin) / 1000)}, ${size(text.length)}`);
      fill(output, line, h("div", { class: "row end" }, copyButton(() => text)), shownText(text));
    } catch (error) {
      fill(output, h("p", { class: "fault" }, `No response: ${error.message}`));
    }
  }
  return h("section", { class: "attempt" }, h("h3", {}, "Try it"), choices, area, h("div", { class: "row" }, h("button", { type: "button", class: "primary small", onclick: send }, "Send")), output);
}

function shownText(text) {
  try {
    return tree(JSON.parse(text));
  } catch {
    return h("pre", { class: "code" }, text.slice(0, 20000));
  }
}
