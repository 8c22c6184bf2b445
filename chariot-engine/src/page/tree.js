// Values as people read them: JSON as a tree, tensors as a table.

import { h, shown } from "./dom.js";
import { shownShape } from "./tensors.js";

const MOST = 200;

// Makes a tree of a JSON value, open as far as it is short.
export function tree(value, name, depth = 0) {
  const label = name !== undefined && h("span", { class: "key" }, `${name}: `);
  if (value === null || typeof value !== "object") {
    return h("div", { class: "leaf" }, label, h("span", { class: `json-${value === null ? "null" : typeof value}` }, leafText(value)));
  }
  const isList = Array.isArray(value);
  const members = isList ? value.map((item, at) => [at, item]) : Object.entries(value);
  if (isList && value.length <= 16 && value.every((item) => typeof item === "number")) {
    return h("div", { class: "leaf" }, label, h("span", { class: "json-number" }, `[${value.map(shown).join(", ")}]`));
  }
  const count = `${isList ? "[" : "{"} ${members.length} ${isList ? "]" : "}"}`;
  const details = h("details", { open: depth < 2 && members.length <= 30 }, h("summary", {}, label, h("span", { class: "hint" }, count)));
  // The children are made when they are first seen.
  function expand() {
    if (!details.open || details.children.length > 1) return;
    const rest = members.length - MOST;
    details.append(h("div", { class: "branch" },
      members.slice(0, MOST).map(([key, item]) => tree(item, key, depth + 1)),
      rest > 0 && h("p", { class: "hint" }, `${rest} more`)));
  }
  details.addEventListener("toggle", expand);
  expand();
  return h("div", { class: "tree" }, details);
}

function leafText(value) {
  const text = JSON.stringify(value);
  return text.length > 2000 ? `${text.slice(0, 2000)}… (${text.length} characters)` : text;
}

// Makes a table of rows of cells.
export function dataTable(heads, rows, caption) {
  const rest = rows.length - MOST;
  const cell = (value) => h("td", { class: typeof value === "number" ? "number" : "" }, value instanceof Node ? value : typeof value === "number" ? shown(value) : String(value));
  return h("div", { class: "scroll" },
    h("table", {}, caption && h("caption", {}, caption),
      h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))),
      h("tbody", {}, rows.slice(0, MOST).map((row) => h("tr", {}, row.map(cell))))),
    rest > 0 && h("p", { class: "hint" }, `${rest} more rows`));
}

// Returns the columns of a tensor whose rows are its first dimension; `null` if it has too many.
function columnsOf(output) {
  const [rows, width = 1, ...others] = output.shape;
  if (output.shape.length === 0 || others.length > 0 || width > 24 || !Array.isArray(output.data)) return null;
  const flat = output.data.flat(Infinity);
  return Array.from({ length: width }, (_, column) => ({
    head: output.shape.length === 1 ? output.name : `${output.name}[${column}]`,
    values: Array.from({ length: rows }, (_, row) => flat[row * width + column]),
  }));
}

// Makes tables of named tensors: one table if they have the same rows.
export function tensorTables(outputs) {
  const facts = h("ul", { class: "facts" }, outputs.map((output) => h("li", {}, h("strong", {}, output.name), ` ${output.datatype} ${shownShape(output.shape)}`)));
  const columns = outputs.map(columnsOf);
  const isJoined = columns.every((of, at) => of && outputs[at].shape[0] === outputs[0].shape[0]) && columns.flat().length <= 24;
  const table = (list) => dataTable(["#", ...list.map((column) => column.head)], list[0].values.map((_, row) => [row + 1, ...list.map((column) => column.values[row])]));
  if (isJoined && outputs.length > 0) return h("div", {}, facts, table(columns.flat()));
  return h("div", {}, facts, outputs.map((output, at) => h("section", {}, h("h4", {}, output.name), columns[at] ? table(columns[at]) : tree(output.data))));
}
