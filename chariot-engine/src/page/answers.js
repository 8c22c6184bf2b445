// Answers for looking: each value in the form that people read fastest, found by what the value is.

import { colorOf, h, percent, shown } from "./dom.js";
import { isTiny } from "./images.js";
import { onPicture } from "./pictures.js";
import { dataTable, tensorTables, tree } from "./tree.js";

const TEXTS = ["generated_text", "summary_text", "translation_text"];

// Makes the answers to a request: `values` has one for each item, or there are named tensors.
export function answers(model, items, response) {
  const outputs = response.outputs ?? [];
  if (items.length === 0 || model.item === undefined) return tensorTables(outputs);
  const values = valuesOf(model, outputs);
  if (values.length > 1 && values.every((value) => value === null || typeof value !== "object")) {
    return dataTable(["Item", "Answer"], values.map((value, at) => [items[at]?.name ?? at + 1, value]));
  }
  const parts = values.map((value, at) => {
    const item = items[at] ?? { name: String(at + 1) };
    return h("section", { class: "answer" }, values.length > 1 && h("h4", {}, item.name), answer(value, item, model));
  });
  const isEach = values.length > 1 && values.every((value) => isVector(value, model) && value.length === values[0].length);
  return h("div", {}, isEach && similarities(values, items), parts);
}

// Returns the answer to each item, whatever the protocol.
function valuesOf(model, outputs) {
  const values = outputs.flatMap((output) => output.data ?? []);
  const isText = model.encoding === "string";
  return values.map((value) => (isText && typeof value === "string" ? JSON.parse(value) : value));
}

// Returns the text that a model has generated for the first item; `null` if the answer is something else.
export function generatedText(model, response) {
  const [value] = valuesOf(model, response.outputs ?? []);
  const [first] = [value].flat();
  return TEXTS.map((name) => first?.[name]).find((text) => typeof text === "string") ?? null;
}

// Makes the answer to one item.
function answer(value, item, model) {
  const { bitmap } = item;
  if (Array.isArray(value) && value.length === 0) return h("p", { class: "hint" }, "Nothing found.");
  const drawn = item.kind === "image" && onPicture(value, item);
  if (drawn) return drawn;
  return h("div", { class: bitmap ? "beside" : "" }, bitmap && picture(bitmap, item.name), plainAnswer(value, item, model));
}

function picture(bitmap, name) {
  const canvas = h("canvas", { width: bitmap.width, height: bitmap.height, class: `input-picture${isTiny(bitmap) ? " tiny" : ""}`, role: "img", "aria-label": name });
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  return canvas;
}

function plainAnswer(value, item, model) {
  if (value === null || typeof value !== "object") return h("p", { class: "big" }, typeof value === "number" ? shown(value) : String(value));
  if (isVector(value, model)) return vector(value);
  if (isShares(value)) return bars(value.map((score, at) => ({ name: `class ${at}`, score })));
  if (Array.isArray(value)) return listAnswer(value, item);
  if (typeof value.answer === "string" && Number.isInteger(value.start) && Number.isInteger(value.end)) return found(value, item);
  const entries = Object.entries(value);
  const areScores = entries.length > 1 && entries.every(([, score]) => typeof score === "number" && score >= 0 && score <= 1);
  if (areScores) return bars(entries.map(([name, score]) => ({ name, score })).sort((a, b) => b.score - a.score));
  return tree(value);
}

function listAnswer(value, item) {
  const isEvery = (check) => value.every((one) => one !== null && typeof one === "object" && check(one));
  if (isEvery((one) => TEXTS.some((name) => typeof one[name] === "string"))) return texts(value);
  if (isEvery((one) => "start" in one && "end" in one && ("entity" in one || "entity_group" in one)) && typeof item.value === "string") return tokens(value, item.value);
  if (isEvery((one) => typeof one.score === "number" && "token_str" in one)) return bars(value.map((one) => ({ name: one.token_str, score: one.score, more: one.sequence })));
  if (isEvery((one) => typeof one.score === "number" && "label" in one && Object.keys(one).length === 2)) return bars(value.map((one) => ({ name: one.label, score: one.score })));
  return tree(value);
}

// Makes bars of names and scores, as a list that reads as such.
function bars(list) {
  return h("ol", { class: "bars" }, list.map(({ name, score, more }, at) => {
    const bar = h("span", { class: "fill" });
    bar.style.width = `${Math.max(0, Math.min(1, score)) * 100}%`;
    return h("li", { class: at === 0 ? "first" : "" },
      h("span", { class: "name" }, String(name), more && h("small", {}, more)), h("span", { class: "number" }, percent(score)), h("span", { class: "track", "aria-hidden": "true" }, bar));
  }));
}

function isNumbers(value) {
  return Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === "number");
}

function isShares(value) {
  return isNumbers(value) && value.every((share) => share >= 0 && share <= 1) && Math.abs(value.reduce((sum, share) => sum + share, 0) - 1) < 0.01;
}

function isVector(value, model) {
  return isNumbers(value) && (/embedding/i.test(model.task ?? "") || (value.length >= 32 && !isShares(value)));
}

function norm(value) {
  return Math.sqrt(value.reduce((sum, one) => sum + one * one, 0));
}

function vector(value) {
  const most = Math.max(...value.map(Math.abs), Number.MIN_VALUE);
  const strip = h("canvas", { class: "strip", width: value.length, height: 1, role: "img", "aria-label": "The numbers as colours" });
  const context = strip.getContext("2d");
  value.forEach((one, at) => {
    context.fillStyle = one < 0 ? "#e8590c" : "#4a6cf7";
    context.globalAlpha = Math.abs(one) / most;
    context.fillRect(at, 0, 1, 1);
  });
  return h("div", { class: "vector" }, h("p", {}, h("strong", {}, `${value.length} numbers`), `, length ${shown(norm(value))}`), strip,
    h("details", {}, h("summary", {}, "Numbers"), h("p", { class: "code wrap" }, value.map(shown).join(", "))));
}

// Makes the table of the cosines between items.
function similarities(values, items) {
  const norms = values.map(norm);
  const cosine = (a, b) => values[a].reduce((sum, one, at) => sum + one * values[b][at], 0) / (norms[a] * norms[b]);
  const rows = values.map((_, row) => [items[row]?.name ?? row + 1, ...values.map((_, column) => shade(cosine(row, column)))]);
  return h("section", { class: "answer" }, h("h4", {}, "Similarity"), dataTable(["", ...items.map((item) => item.name)], rows, "Cosine of the angle between the vectors"));
}

function shade(cosine) {
  const cell = h("span", { class: "shade" }, cosine.toFixed(3));
  cell.style.background = `color-mix(in srgb, var(--accent) ${Math.round(Math.max(0, cosine) * 60)}%, transparent)`;
  return cell;
}

function texts(value) {
  return h("div", {}, value.map((one) => {
    const text = one[TEXTS.find((name) => typeof one[name] === "string")];
    const more = Object.entries(one).filter(([name]) => !TEXTS.includes(name));
    return h("div", {}, h("p", { class: "said" }, text), more.length > 0 && tree(Object.fromEntries(more)));
  }));
}

// Makes a text with its parts marked. Places are counted in characters, of which emoji are one.
function marked(text, spans) {
  const letters = Array.from(text);
  const labels = [...new Set(spans.map((span) => span.label))];
  const parts = [];
  let at = 0;
  for (const span of [...spans].sort((a, b) => a.start - b.start)) {
    if (span.start < at) continue;
    parts.push(letters.slice(at, span.start).join(""));
    const mark = h("mark", { title: span.title }, letters.slice(span.start, span.end).join(""), h("small", {}, span.label));
    mark.style.setProperty("--mark", colorOf(labels.indexOf(span.label)));
    parts.push(mark);
    at = span.end;
  }
  return h("p", { class: "said" }, parts, letters.slice(at).join(""));
}

function tokens(value, text) {
  const spans = value.map((one) => ({ start: one.start, end: one.end, label: one.entity ?? one.entity_group, title: typeof one.score === "number" ? percent(one.score) : "" }));
  const rows = value.map((one) => [one.word ?? "", one.entity ?? one.entity_group, typeof one.score === "number" ? percent(one.score) : ""]);
  return h("div", {}, marked(text, spans), dataTable(["Word", "Entity", "Score"], rows));
}

function found(value, item) {
  const score = typeof value.score === "number" ? percent(value.score) : "";
  const context = item.value?.context;
  return h("div", {}, h("p", { class: "big" }, value.answer), h("p", { class: "hint" }, score),
    typeof context === "string" && marked(context, [{ start: value.start, end: value.end, label: "answer", title: score }]));
}
