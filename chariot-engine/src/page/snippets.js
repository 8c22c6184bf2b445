// The request as code: for a shell, Python, and JavaScript. Images are read from files by their names.

import { token } from "./engine.js";

// Stands for the base64 of a file in a body.
const MARK = "\u0000file:";

// The longest argument that a program gets. Linux takes 128 KiB; a builtin of the shell takes more.
const LONGEST = 30000;

// The kinds of code, each with a function of a request `{url, origin, body, files, model}`.
export const KINDS = [["curl", curl], ["Python", python], ["tritonclient", triton], ["JavaScript", javascript]];

// Returns the body as text in which files stand for their base64, split at the files: texts and names by turns.
function pieces({ body, files }) {
  if (files.length === 0) return [JSON.stringify(body)];
  const names = new Map(files.map((file) => [file.base64, file.name]));
  const text = JSON.stringify(body, (_, value) => (typeof value === "string" && names.has(value) ? MARK + names.get(value) + "\u0000" : value));
  // JSON writes the zeros as escapes.
  return text.split(/\\u0000(?:file:)?/);
}

function shell(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

// Names a file so that no program takes it for an option.
function path(name) {
  return name.startsWith("-") ? `./${name}` : name;
}

// Returns the name of a piece, which is written as JSON there.
function fileName(piece) {
  return path(JSON.parse(`"${piece}"`));
}

function curl(request) {
  const parts = pieces(request);
  const headers = ["Content-Type: application/json", token() && "Authorization: Bearer $TOKEN"].filter(Boolean);
  const options = headers.map((header) => `-H ${header.includes("$") ? `"${header}"` : shell(header)}`).join(" ");
  const send = `curl -sS ${options} --data-binary`;
  if (parts.length === 1 && parts[0].length < LONGEST) return `${send} ${shell(parts[0])} \\\n  ${shell(request.url)}\n`;
  const lines = parts.map((part, at) => (at % 2 === 0 ? `printf %s ${shell(part)}` : `base64 < ${shell(fileName(part))} | tr -d '\\n'`));
  return `{\n  ${lines.join("\n  ")}\n} | ${send} @- ${shell(request.url)}\n`;
}

// Writes a value as a literal of Python.
function literal(value, files, indent = "") {
  if (value === null || value === undefined) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value === "string") {
    const file = files.find((one) => one.base64 === value);
    return file ? `encoded(${JSON.stringify(path(file.name))})` : JSON.stringify(value);
  }
  if (typeof value !== "object") return String(value);
  const deeper = `${indent}    `;
  const isList = Array.isArray(value);
  const members = isList ? value.map((one) => literal(one, files, deeper)) : Object.entries(value).map(([name, one]) => `${JSON.stringify(name)}: ${literal(one, files, deeper)}`);
  const [open, close] = isList ? "[]" : "{}";
  const short = `${open}${members.join(", ")}${close}`;
  return short.length < 90 ? short : `${open}\n${members.map((one) => `${deeper}${one},\n`).join("")}${indent}${close}`;
}

function python({ url, body, files }) {
  const encoded = files.length > 0 ? ["def encoded(path):", "    with open(path, \"rb\") as file:", "        return base64.b64encode(file.read()).decode()", "", ""] : [];
  const imports = [files.length > 0 && "import base64", token() && "import os", "", "import requests", "", ""].filter((line) => line !== false);
  const headers = token() ? ["headers = {\"Authorization\": \"Bearer \" + os.environ[\"TOKEN\"]}"] : [];
  const more = token() ? ", headers=headers" : "";
  return [
    ...imports, ...encoded, ...headers,
    `response = requests.post(${JSON.stringify(url)}, json=${literal(body, files)}${more})`,
    "response.raise_for_status()", "print(response.json())", "",
  ].join("\n").trimStart();
}

const NUMPY = { BYTES: "np.object_", BOOL: "bool", FP16: "np.float16", FP32: "np.float32", FP64: "np.float64" };

function triton({ origin, body, files, model }) {
  if (!body.inputs) return "# This engine speaks chariot-v2 only, which tritonclient does not.\n";
  if (body.inputs.some((input) => input.datatype === "BF16")) return "# numpy has no BF16.\n";
  const lines = [...(token() ? ["import os", ""] : []), "import numpy as np", "import tritonclient.http as http", ""];
  const url = new URL(origin);
  const isSecure = url.protocol === "https:" ? ", ssl=True" : "";
  lines.push(`client = http.InferenceServerClient(${JSON.stringify(url.host + url.pathname.replace(/\/$/, ""))}${isSecure})`, "inputs = []");
  const of = (value) => {
    const file = files.find((one) => one.base64 === value);
    if (file) return `open(${JSON.stringify(path(file.name))}, "rb").read()`;
    return literal(typeof value === "object" && value !== null ? JSON.stringify(value) : value, []);
  };
  for (const input of body.inputs) {
    const type = NUMPY[input.datatype] ?? `np.${input.datatype.toLowerCase()}`;
    lines.push(
      `data = np.array([${input.data.map(of).join(", ")}], dtype=${type}).reshape(${JSON.stringify(input.shape)})`,
      `inputs.append(http.InferInput(${JSON.stringify(input.name)}, data.shape, ${JSON.stringify(input.datatype)}))`,
      "inputs[-1].set_data_from_numpy(data)",
    );
    if (input.parameters) lines.push(`inputs[-1]._parameters.update(${literal(input.parameters, [])})`);
  }
  const parameters = body.parameters ? `, parameters=${literal(body.parameters, [])}` : "";
  const headers = token() ? ", headers={\"Authorization\": \"Bearer \" + os.environ[\"TOKEN\"]}" : "";
  lines.push(`result = client.infer(${JSON.stringify(model.name)}, inputs${parameters}${headers})`, "for output in result.get_response()[\"outputs\"]:", "    print(output[\"name\"], result.as_numpy(output[\"name\"]))", "");
  return lines.join("\n");
}

function javascript({ url, body, files }) {
  const parts = JSON.stringify(body, null, 2);
  const text = files.reduce((code, file) => code.replaceAll(JSON.stringify(file.base64), () => `await encoded(${JSON.stringify(path(file.name))})`), parts);
  const read = files.length > 0 ? "import { readFile } from \"node:fs/promises\";\n\nconst encoded = async (path) => (await readFile(path)).toString(\"base64\");\n\n" : "";
  const headers = ["\"Content-Type\": \"application/json\"", token() && "Authorization: `Bearer ${process.env.TOKEN}`"].filter(Boolean).join(", ");
  return `${read}const body = ${text};\n\nconst response = await fetch(${JSON.stringify(url)}, {\n  method: "POST",\n  headers: { ${headers} },\n  body: JSON.stringify(body),\n});\nconsole.log(JSON.stringify(await response.json()));\n`;
}
