// The parameters of a request as fields: the action, the score threshold, and those that the model defines.

import { field, h } from "./dom.js";

const MOST_FIELDS = 6;

// Makes the fields of a model. `read` returns what the caller has set, and throws what is wrong with it.
export function parameterFields(model) {
  const typed = model.parameters?.properties ?? {};
  const required = new Set(model.parameters?.required ?? []);
  const fields = [action(model), threshold(model)];
  for (const [name, schema] of Object.entries(typed)) fields.push(typedField(name, schema, required.has(name)));
  const used = fields.filter(Boolean);
  return {
    element: used.length > 0 && folded(used.length, h("div", { class: "parameters" }, used.map((one) => one.element))),
    read() {
      const values = used.map((one) => [one.name, one.read()]).filter(([, value]) => value !== undefined);
      return values.length > 0 ? Object.fromEntries(values) : undefined;
    },
  };
}

// Folds fields that are so many that the button would be out of sight.
function folded(count, fields) {
  return count > MOST_FIELDS ? h("details", { class: "many" }, h("summary", {}, `${count} parameters`), fields) : fields;
}

function action(model) {
  if (model.actions.length < 2) return null;
  const options = model.actions.map((name) => h("option", { value: name }, name));
  const select = h("select", { name: "action" }, options);
  const read = () => (select.value === model.default_action ? undefined : select.value);
  return { name: "action", element: field("Action", select), read };
}

function threshold(model) {
  if (model.score_threshold === undefined) return null;
  const initial = model.score_threshold;
  const slider = h("input", { type: "range", name: "score_threshold", min: 0, max: 1, step: 0.01, value: initial });
  const output = h("output", {}, initial.toFixed(2));
  let isSet = false;
  slider.addEventListener("input", () => {
    isSet = true;
    output.textContent = Number(slider.value).toFixed(2);
  });
  const element = field("Score threshold", slider, "The lowest score that the engine reports");
  element.firstChild.append(output);
  return { name: "score_threshold", element, read: () => (isSet ? Number(slider.value) : undefined) };
}

// Returns the types of a schema, without `null`.
function typesOf(schema) {
  const alternatives = (schema.anyOf ?? []).flatMap((one) => typesOf(one));
  return [schema.type ?? alternatives].flat().filter((type) => type !== "null");
}

function typedField(name, schema, isRequired) {
  const [type, ...others] = typesOf(schema);
  const hint = [schema.description, isRequired && "Required", schema.default !== undefined && `Default: ${JSON.stringify(schema.default)}`];
  const text = hint.filter(Boolean).join(". ");
  if (schema.enum || type === "boolean") {
    const values = (schema.enum ?? [true, false]).filter((value) => value !== null);
    const options = values.map((value, index) => h("option", { value: index }, String(value)));
    const select = h("select", { name }, !isRequired && h("option", { value: "" }, "default"), options);
    return { name, element: field(name, select, text), read: () => values[select.value] };
  }
  const isNumber = (type === "number" || type === "integer") && others.length === 0;
  const step = type === "integer" ? 1 : "any";
  const shape = isNumber ? { type: "number", step, min: schema.minimum, max: schema.maximum } : { type: "text" };
  const input = h("input", { name, placeholder: schema.default ?? "", spellcheck: "false", ...shape });
  function read() {
    if (input.value === "") return undefined;
    if (isNumber) return Number(input.value);
    if (type === "string") return input.value;
    try {
      return JSON.parse(input.value);
    } catch {
      throw new Error(`Parameter ${name}: expected JSON, got ${input.value}`);
    }
  }
  return { name, element: field(name, input, type === "string" || isNumber ? text : `${text} (JSON)`), read };
}
