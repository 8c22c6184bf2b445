// Named tensors: each as a table or as JSON, checked against its declaration while it is typed.

import { field, fill, h, segments } from "./dom.js";
import { editableTable } from "./table.js";

const RANGES = {
  INT8: [-128, 127], INT16: [-32768, 32767], INT32: [-(2 ** 31), 2 ** 31 - 1], INT64: [-(2 ** 63), 2 ** 63],
  UINT8: [0, 255], UINT16: [0, 65535], UINT32: [0, 2 ** 32 - 1], UINT64: [0, 2 ** 64],
};

const WIDEST_TABLE = 32;

// Returns the shape of nested lists, or throws where they are not even.
function shapeOf(value) {
  if (!Array.isArray(value)) return [];
  const inner = value.map(shapeOf);
  const uneven = inner.findIndex((shape) => shape.join() !== inner[0].join());
  if (uneven > 0) throw new Error(`Expected lists of one length, got [${inner[0]}] at 0 and [${inner[uneven]}] at ${uneven}`);
  return [value.length, ...(inner[0] ?? [])];
}

function checkElement(element, datatype, at) {
  const fault = (expected) => new Error(`Element ${at}: expected ${expected}, got ${JSON.stringify(element)}`);
  if (datatype === "BYTES") {
    if (typeof element !== "string") throw fault("a string");
  } else if (datatype === "BOOL") {
    if (typeof element !== "boolean") throw fault("true or false");
  } else if (typeof element !== "number") throw fault("a number");
  else if (RANGES[datatype]) {
    const [least, most] = RANGES[datatype];
    if (!Number.isInteger(element) || element < least || element > most) throw fault(`an integer of ${datatype}`);
  }
}

// Returns the tensor that a text of JSON describes. Flat lists get their shape from the declaration.
function tensorOf(declared, text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`Expected JSON: ${error.message}`);
  }
  const elements = [value].flat(Infinity);
  elements.forEach((element, at) => checkElement(element, declared.datatype, at));
  let shape = shapeOf(value);
  const want = declared.shape;
  if (shape.length !== want.length && shape.length === 1) {
    const fixed = want.filter((length) => length >= 0).reduce((product, length) => product * length, 1);
    const open = want.filter((length) => length < 0).length;
    const rest = elements.length / fixed;
    if (open === 0 || Number.isInteger(rest)) {
      let first = true;
      shape = want.map((length) => (length >= 0 ? length : first ? ((first = false), rest) : 1));
    }
  }
  const fits = shape.length === want.length && want.every((length, at) => length < 0 || length === shape[at]);
  const count = shape.reduce((product, length) => product * length, 1);
  if (!fits || count !== elements.length || count === 0) {
    throw new Error(`Expected the shape ${shownShape(want)}, got ${shownShape(shape)} with ${elements.length} elements`);
  }
  return { name: declared.name, datatype: declared.datatype, shape, data: elements };
}

// Shows a shape; a length that varies is `n`.
export function shownShape(shape) {
  return `[${shape.map((length) => (length < 0 ? "n" : length)).join(", ")}]`;
}

// Nests the elements of a tensor like its shape, for people to read.
function nested(data, shape) {
  if (shape.length < 2) return shape.length === 0 ? data[0] : data;
  const step = data.length / shape[0];
  return Array.from({ length: shape[0] }, (_, at) => nested(data.slice(at * step, (at + 1) * step), shape.slice(1)));
}

function jsonEditor(declared, example) {
  const start = example ? nested([example.data].flat(Infinity), example.shape ?? declared.shape) : [];
  const rows = Array.isArray(start[0]) ? start.map((row) => JSON.stringify(row)).join(",\n  ") : null;
  const text = rows === null ? JSON.stringify(start) : `[\n  ${rows}\n]`;
  const verdict = h("output", { class: "verdict" });
  const area = h("textarea", { class: "code", rows: Math.min(text.split("\n").length + 1, 12), spellcheck: "false", value: text, oninput: check });
  area.setAttribute("aria-label", `${declared.name} as JSON`);
  function check() {
    try {
      const tensor = tensorOf(declared, area.value);
      verdict.textContent = `${tensor.datatype} ${shownShape(tensor.shape)}`;
      verdict.className = "verdict good";
    } catch (error) {
      verdict.textContent = error.message;
      verdict.className = "verdict bad";
    }
  }
  check();
  return { element: h("div", {}, area, verdict), read: () => tensorOf(declared, area.value) };
}

function matrixEditor(declared, example) {
  const width = declared.shape[1];
  const columns = Array.from({ length: width }, (_, at) => ({ name: String(at), datatype: declared.datatype }));
  const flat = [example?.data ?? []].flat(Infinity);
  const rows = Array.from({ length: flat.length / width }, (_, at) => flat.slice(at * width, (at + 1) * width).map(String));
  const table = editableTable(columns, rows);
  function read() {
    const values = table.read();
    const empty = values.findIndex((row) => row.includes(null));
    if (empty >= 0) throw new Error(`${declared.name}: expected a value in every cell, got an empty one in row ${empty + 1}`);
    return { name: declared.name, datatype: declared.datatype, shape: [values.length, width], data: values.flat() };
  }
  return { element: table.element, read };
}

// Makes the editor of a declared tensor.
export function tensorEditor(declared, example) {
  const [, width] = declared.shape;
  const isMatrix = declared.shape.length === 2 && declared.shape[0] < 0 && width > 0 && width <= WIDEST_TABLE;
  const editors = isMatrix ? [matrixEditor(declared, example), jsonEditor(declared, example)] : [jsonEditor(declared, example)];
  let current = editors[0];
  const place = h("div", {}, current.element);
  const choice = isMatrix && segments("Form of the tensor", ["Table", "JSON"], (index) => fill(place, (current = editors[index]).element));
  const element = h("fieldset", {},
    h("legend", {}, declared.name, h("small", {}, `${declared.datatype} ${shownShape(declared.shape)}`)),
    declared.help && h("p", { class: "hint" }, declared.help),
    choice,
    place,
  );
  return { element, read: () => current.read() };
}

// Makes an editor of tensors of any name and type, as the list of a request.
export function anyTensors(example) {
  const area = h("textarea", { class: "code", rows: 10, spellcheck: "false", value: JSON.stringify(example, null, 2) });
  function read() {
    const inputs = JSON.parse(area.value);
    if (!Array.isArray(inputs)) throw new Error("Inputs: expected a list of tensors");
    return inputs;
  }
  return { element: field("Inputs", area, "A list of tensors, each with name, datatype, shape and data, as JSON"), read };
}
