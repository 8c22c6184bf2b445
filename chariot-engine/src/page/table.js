// A table to edit: rows of named columns, typed, pasted or read from a CSV file. Rows and matrices are entered in it.

import { fill, h } from "./dom.js";

const SHOWN = 200;

// Splits CSV, or the tab-separated text that spreadsheets copy, into rows of cells.
function cellsOf(text) {
  const separator = text.split("\n", 1)[0].includes("\t") ? "\t" : ",";
  const rows = [[]];
  let cell = "";
  let isQuoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at];
    if (isQuoted) {
      if (letter !== '"') cell += letter;
      else if (text[at + 1] === '"') cell += text[(at += 1)];
      else isQuoted = false;
    } else if (letter === '"' && cell === "") isQuoted = true;
    else if (letter === separator || letter === "\n") {
      rows.at(-1).push(cell.trim());
      cell = "";
      if (letter === "\n") rows.push([]);
    } else if (letter !== "\r") cell += letter;
  }
  rows.at(-1).push(cell.trim());
  return rows.filter((row) => row.some((text) => text !== ""));
}

// Returns the value of a cell as JSON. Throws what is wrong with it, with its place.
function cellValue(text, datatype, place) {
  if (datatype === "BYTES") return text;
  if (text === "") return null;
  if (datatype === "BOOL") {
    if (!/^(true|false)$/i.test(text)) throw new Error(`${place}: expected true or false, got ${text}`);
    return text.toLowerCase() === "true";
  }
  const number = Number(text);
  if (!Number.isFinite(number)) throw new Error(`${place}: expected a number, got ${text}`);
  if (/INT/.test(datatype) && !Number.isInteger(number)) throw new Error(`${place}: expected an integer, got ${text}`);
  return number;
}

// Makes a table of these columns, `[{name, datatype}]`, with rows of text to begin with.
export function editableTable(columns, first) {
  let rows = first.length > 0 ? first : [columns.map(() => "")];
  const body = h("tbody");
  const more = h("p", { class: "hint" });
  const file = h("input", { type: "file", accept: ".csv,.tsv,.txt,text/csv", class: "away", tabindex: -1, onchange: readFile });

  function draw() {
    fill(body, rows.slice(0, SHOWN).map(rowElement));
    more.textContent = rows.length > SHOWN ? `${rows.length - SHOWN} more rows are sent and not shown.` : "";
  }
  function rowElement(row, at) {
    const cells = columns.map((column, index) =>
      h("td", {}, h("input", {
        value: row[index] ?? "",
        "aria-label": `${column.name}, row ${at + 1}`,
        inputmode: column.datatype === "BYTES" || column.datatype === "BOOL" ? "text" : "decimal",
        spellcheck: "false",
        oninput: (event) => (row[index] = event.target.value),
        onpaste: (event) => paste(event, at, index),
      })),
    );
    const remove = h("button", { type: "button", class: "icon", "aria-label": `Remove row ${at + 1}`, onclick: () => drop(at) }, "×");
    return h("tr", {}, h("th", { scope: "row" }, at + 1), cells, h("td", { class: "narrow" }, remove));
  }
  function drop(at) {
    rows = rows.filter((_, index) => index !== at);
    if (rows.length === 0) rows = [columns.map(() => "")];
    draw();
  }
  function add() {
    rows.push(columns.map(() => ""));
    draw();
    body.lastElementChild?.querySelector("input")?.focus();
  }
  // Several cells are pasted from here on, as in a spreadsheet.
  function paste(event, at, index) {
    const cells = cellsOf(event.clipboardData.getData("text"));
    if (cells.length < 2 && (cells[0]?.length ?? 0) < 2) return;
    event.preventDefault();
    cells.forEach((row, down) => {
      rows[at + down] ??= columns.map(() => "");
      row.forEach((cell, right) => index + right < columns.length && (rows[at + down][index + right] = cell));
    });
    draw();
  }
  async function readFile() {
    const [chosen] = file.files;
    if (chosen) setText(await chosen.text());
    file.value = "";
  }
  // Takes the columns by their names if the first row has them, else in their order.
  function setText(text) {
    const cells = cellsOf(text);
    const places = columns.map((column) => (cells[0] ?? []).indexOf(column.name));
    const isNamed = places.some((place) => place >= 0);
    const order = isNamed ? places : columns.map((_, index) => index);
    rows = (isNamed ? cells.slice(1) : cells).map((row) => order.map((place) => row[place] ?? ""));
    if (rows.length === 0) rows = [columns.map(() => "")];
    draw();
  }

  draw();
  const heads = columns.map((column) => h("th", { scope: "col" }, column.name, h("small", {}, column.datatype)));
  const element = h("div", { class: "editor" },
    h("div", { class: "scroll" }, h("table", { class: "edit" }, h("thead", {}, h("tr", {}, h("th"), heads, h("th"))), body)),
    more,
    h("div", { class: "row" },
      h("button", { type: "button", class: "quiet small", onclick: add }, "Add a row"),
      h("button", { type: "button", class: "quiet small", onclick: () => file.click() }, "Read a CSV file"),
      h("span", { class: "hint" }, "Cells of a spreadsheet can be pasted."),
      file,
    ),
  );
  // Returns the rows as typed values.
  function read() {
    return rows.map((row, at) => columns.map((column, index) => cellValue(row[index] ?? "", column.datatype, `Row ${at + 1}, ${column.name}`)));
  }
  return { element, read };
}
