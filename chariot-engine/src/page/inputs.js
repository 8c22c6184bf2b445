// The editor of a model's inputs, by what an item of the model is. `read` returns the items and the inputs of a request, and
// `reply` of a conversation adds the reply to it.

import { chatEditor } from "./chat.js";
import { h } from "./dom.js";
import { imageEditor } from "./images.js";
import { exampleElements, exampleInputs } from "./schema.js";
import { editableTable } from "./table.js";
import { anyTensors, tensorEditor } from "./tensors.js";

// Makes the editor of a model. `changed` is called when there is something else to send.
export function inputEditor(model, changed) {
  if (model.prompt === "chat") return ofChat(model);
  switch (model.item) {
    case "image":
      return ofImages(changed);
    case "row":
      return ofRows(model);
    case "text":
      return ofTexts(model, "Text", (text) => text);
    case undefined:
      return ofTensors(model);
    default:
      return ofTexts(model, "JSON", parsed);
  }
}

function element(name, value) {
  return { name, datatype: "BYTES", shape: [1], data: [value] };
}

function ofImages(changed) {
  const editor = imageEditor(changed);
  function read() {
    const images = editor.images();
    if (images.length === 0) throw new Error("Expected at least one image");
    const items = images.map((image) => ({ ...image, kind: "image", value: image.base64 }));
    return { items, inputs: images.map((image) => element(image.name, image.base64)) };
  }
  return { element: editor.element, read };
}

function ofChat(model) {
  const editor = chatEditor(exampleElements(model)[0]);
  function read() {
    const value = editor.read();
    return { items: [{ kind: "chat", name: "chat", value }], inputs: [element("chat", value)] };
  }
  return { element: editor.element, read, reply: editor.reply };
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`Expected JSON: ${error.message}`);
  }
}

function ofTexts(model, word, valueOf) {
  const isJson = word === "JSON";
  const examples = exampleElements(model).map((value) => (isJson || typeof value !== "string" ? shownJson(value) : value));
  const list = h("div", { class: "texts" });
  let count = 0;
  function add(text) {
    count += 1;
    const area = h("textarea", { rows: isJson ? 8 : 4, class: isJson ? "code" : "", value: text, spellcheck: isJson ? "false" : "true" });
    area.setAttribute("aria-label", `${word} ${count}`);
    const box = h("div", { class: "one" }, area, h("button", { type: "button", class: "icon", "aria-label": `Remove ${word} ${count}`, onclick: () => drop(box) }, "×"));
    list.append(box);
    return area;
  }
  function drop(box) {
    if (list.children.length > 1) box.remove();
  }
  for (const text of examples.length > 0 ? examples : [""]) add(text);
  function read() {
    const texts = [...list.querySelectorAll("textarea")].map((area) => area.value);
    const items = texts.map((text, at) => ({ kind: isJson ? "json" : "text", name: `${model.item}-${at}`, value: valueOf(text) }));
    return { items, inputs: items.map((item) => element(item.name, item.value)) };
  }
  const more = h("button", { type: "button", class: "quiet small", onclick: () => add("").focus() }, isJson ? "Add a value" : "Add a text");
  return { element: h("div", { class: "editor" }, list, h("div", { class: "row" }, more)), read };
}

// Shows an element of JSON, which can be written as a string of it.
function shownJson(value) {
  if (typeof value !== "string") return JSON.stringify(value, null, 2);
  try {
    return JSON.stringify(JSON.parse(value), null, 2);
  } catch {
    return JSON.stringify(value);
  }
}

// Rows of named columns are sent as objects; those of a matrix as a matrix.
function ofRows(model) {
  const [matrix] = model.columns;
  const isMatrix = model.columns.length === 1 && matrix.shape.length > 1;
  if (isMatrix && matrix.shape[1] > 0) return ofTensors({ ...model, inputs: [matrix] });
  if (model.columns.length === 0 || isMatrix) return ofTexts(model, "JSON", parsed);
  const examples = exampleElements(model).map((value) => (typeof value === "string" ? parsed(value) : value));
  const start = examples.map((row) => model.columns.map((column) => (row?.[column.name] ?? "") + ""));
  const table = editableTable(model.columns, start);
  function read() {
    const rows = table.read().map((row) => {
      const members = row.map((value, at) => [model.columns[at].name, value]).filter(([, value]) => value !== null);
      return Object.fromEntries(members);
    });
    const items = rows.map((value, at) => ({ kind: "row", name: `row ${at + 1}`, value }));
    return { items, inputs: [{ name: "rows", datatype: "BYTES", shape: [rows.length], data: rows }] };
  }
  return { element: table.element, read };
}

function ofTensors(model) {
  const examples = exampleInputs(model);
  if (model.inputs.length === 0) {
    const any = anyTensors(examples);
    return { element: any.element, read: () => ({ items: [], inputs: any.read() }) };
  }
  const editors = model.inputs.map((declared) => tensorEditor(declared, examples.find((one) => one.name === declared.name)));
  const read = () => ({ items: [], inputs: editors.map((editor) => editor.read()) });
  return { element: h("div", { class: "editor" }, editors.map((editor) => editor.element)), read };
}
