// Elements without markup: what an engine or a file says goes in as text, so none of it ever runs. Every module uses it.

const SVG = "http://www.w3.org/2000/svg";

// What is set as a property, because the attribute of this name is only the initial value.
const PROPERTIES = new Set(["value", "checked", "disabled", "hidden", "multiple", "open", "selected", "srcObject"]);

// Makes an element. A property `onclick` is a listener; `undefined`, `null` and `false` leave an attribute out.
export function h(tag, properties = {}, ...children) {
  return filled(document.createElement(tag), properties, children);
}

// Makes an element of SVG.
export function svg(tag, properties = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), properties, children);
}

function filled(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (PROPERTIES.has(name)) element[name] = value;
    else if (value !== undefined && value !== null && value !== false) {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  add(element, children);
  return element;
}

// Replaces what an element holds.
export function fill(element, ...children) {
  element.replaceChildren();
  add(element, children);
}

// Adds children, which can be lists. `undefined`, `null` and `false` are left out.
export function add(element, ...children) {
  element.append(...children.flat(4).filter((child) => child !== null && child !== undefined && child !== false));
}

let lastId = 0;

// Returns an id that no other element has.
function freshId(prefix) {
  lastId += 1;
  return `${prefix}-${lastId}`;
}

// Makes a labelled field: the label, the control, and a hint.
export function field(label, control, hint) {
  control.id ||= freshId("field");
  const described = hint && h("small", { id: `${control.id}-hint` }, hint);
  if (described) control.setAttribute("aria-describedby", described.id);
  return h("div", { class: "field" }, h("label", { for: control.id }, label), control, described);
}

// Makes a button that copies a text.
export function copyButton(text, label = "Copy") {
  const button = h("button", { class: "quiet small", type: "button" }, label);
  button.addEventListener("click", async () => {
    const copied = await copy(text());
    button.textContent = copied ? "Copied" : "Select the text to copy it";
    setTimeout(() => (button.textContent = label), 1500);
  });
  return button;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Pages without TLS have no clipboard, except on this machine.
    const area = h("textarea", { class: "away", value: text });
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    return copied;
  }
}

// Makes a choice of one of several words, as a row of buttons. `choose` is called with the index.
export function segments(label, words, choose, first = 0) {
  const buttons = words.map((word, index) =>
    h("button", { type: "button", "aria-pressed": String(index === first), onclick: () => set(index) }, word),
  );
  function set(index) {
    buttons.forEach((button, at) => button.setAttribute("aria-pressed", String(at === index)));
    choose(index);
  }
  return h("div", { class: "segments", role: "group", "aria-label": label }, buttons);
}

// Shows a number with at most four digits after the point.
export function shown(number) {
  if (!Number.isFinite(number)) return String(number);
  if (Number.isInteger(number)) return String(number);
  const size = Math.abs(number);
  return size >= 0.001 && size < 1e6 ? String(+number.toFixed(4)) : number.toPrecision(4);
}

// Shows a share as per cent.
export function percent(share) {
  return `${(share * 100).toFixed(share > 0.0995 ? 1 : 2)} %`;
}

// Shows a time that is given in seconds.
export function time(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  if (seconds >= 100) return `${Math.round(seconds)} s`;
  if (seconds >= 1) return `${seconds.toFixed(2)} s`;
  if (seconds >= 0.001) return `${+(seconds * 1e3).toPrecision(3)} ms`;
  return `${Math.round(seconds * 1e6)} µs`;
}

// Shows a number of bytes.
export function size(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const unit = bytes < 1 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1);
  return `${+(bytes / 1024 ** unit).toPrecision(3)} ${units[unit]}`;
}

// Colours that stay apart on light and on dark ground, for classes in the order in which they appear.
const COLORS = ["#4a6cf7", "#e8590c", "#2f9e44", "#c2255c", "#0c8599", "#9c36b5", "#e0a100", "#5f7080", "#d6336c", "#1971c2"];

// Returns the colour of the class with an index.
export function colorOf(index) {
  return COLORS[index % COLORS.length];
}
