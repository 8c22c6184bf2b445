// JSON Schemas: examples of requests, samples, and schemas as short text. The inputs and the reference use it.

import { engine, inferPath, resolve } from "./engine.js";

// Returns the examples of a model's requests by protocol.
function examplesOf(model) {
  const operation = engine.document?.paths?.[inferPath(model)]?.post;
  const content = resolve(operation?.requestBody)?.content?.["application/json"];
  return content?.examples ?? {};
}

// Returns the inputs of a model's example request; empty if none is known.
export function exampleInputs(model) {
  return examplesOf(model)["chariot-v2-kserve"]?.value?.inputs ?? [];
}

// Returns the elements of a model's example request, of whatever protocol.
export function exampleElements(model) {
  const elements = exampleInputs(model).flatMap((input) => input.data ?? []);
  const item = examplesOf(model)["chariot-v2"]?.value?.input;
  return elements.length > 0 || item === undefined ? elements : [item];
}

// Returns a value that a schema describes.
export function sampleOf(schema, depth = 0) {
  const found = resolve(schema) ?? {};
  if (depth > 6) return null;
  if (found.const !== undefined) return found.const;
  if (found.default !== undefined) return found.default;
  if (found.enum) return found.enum[0];
  const alternative = found.anyOf?.[0] ?? found.oneOf?.[0];
  if (alternative) return sampleOf(alternative, depth + 1);
  switch ([found.type].flat()[0]) {
    case "object": {
      const required = new Set(found.required ?? []);
      const members = Object.entries(found.properties ?? {}).filter(([name]) => required.has(name));
      return Object.fromEntries(members.map(([name, member]) => [name, sampleOf(member, depth + 1)]));
    }
    case "array":
      return found.prefixItems ? found.prefixItems.map((item) => sampleOf(item, depth + 1)) : [sampleOf(found.items, depth + 1)];
    case "integer":
    case "number":
      return found.minimum ?? 0;
    case "boolean":
      return false;
    default:
      return "";
  }
}

// Returns a schema with its references resolved, as far as they lead without an end.
export function expanded(schema, depth = 0) {
  const found = resolve(schema);
  if (depth > 8 || found === null || typeof found !== "object") return found;
  if (Array.isArray(found)) return found.map((item) => expanded(item, depth + 1));
  return Object.fromEntries(Object.entries(found).map(([name, value]) => [name, expanded(value, depth + 1)]));
}
