// The engine behind the page: its URL, its state, its document, and requests to it. The views ask here.

// The URL under which the page was found, which is the root or the base URL, also behind a proxy that strips a prefix.
export const home = new URL(location.pathname.endsWith("/") ? "." : `${location.pathname}/`, location.href).href;

// What is known of the engine. `state` is `connecting`, `ready`, `gone`, or the state that the engine reports.
export const engine = { document: null, models: [], state: "connecting", error: "", name: "" };

// Tells of changes: `state`, `document`, `unauthorized`.
export const changes = new EventTarget();

const TOKEN = "chariot-engine-token";

// Returns the token that requests carry; empty if there is none.
export function token() {
  return sessionStorage.getItem(TOKEN) ?? "";
}

// Sets the token, or removes it.
export function setToken(text) {
  if (text) sessionStorage.setItem(TOKEN, text);
  else sessionStorage.removeItem(TOKEN);
}

// Sends a request to the engine. Fails only if there is no response.
export async function ask(url, options = {}) {
  const headers = new Headers(options.headers);
  if (token()) headers.set("Authorization", `Bearer ${token()}`);
  const response = await fetch(url, { cache: "no-store", ...options, headers });
  if (response.status === 401) changes.dispatchEvent(new Event("unauthorized"));
  return response;
}

// Returns the path that the engine was told to serve under, without a slash at its end.
function baseUrl() {
  const url = engine.document?.servers?.[0]?.url ?? "/";
  return url.startsWith("/") ? url.replace(/\/+$/, "") : "";
}

// Returns the URL above the base URL, where some routes are.
export function root() {
  const path = new URL(home).pathname.replace(/\/$/, "");
  const base = baseUrl();
  const isUnderBase = base && path.toLowerCase().endsWith(base.toLowerCase());
  return isUnderBase ? new URL(`${path.slice(0, path.length - base.length)}/`, home).href : home;
}

// Returns the URL of a path of the document, of which those under `/v2` can have servers of their own.
export function urlOf(path) {
  const isAtRoot = engine.document?.paths?.[path]?.servers !== undefined && baseUrl() !== "";
  return new URL(path.replace(/^\//, ""), isAtRoot ? root() : home).href;
}

// Returns the path of inference with a model.
export function inferPath(model) {
  return model.default ? "/infer" : `/v2/models/${model.name}/infer`;
}

// Returns the object that a reference of the document means, or the value itself.
export function resolve(value) {
  let found = value;
  for (let depth = 0; depth < 16 && typeof found?.$ref === "string"; depth += 1) {
    const steps = found.$ref.replace(/^#\//, "").split("/");
    found = steps.reduce((at, step) => at?.[step.replaceAll("~1", "/").replaceAll("~0", "~")], engine.document);
  }
  return found;
}

// Reads the document, which says what the engine takes and returns.
export async function readDocument() {
  const response = await ask(new URL("openapi.json", home));
  if (!response.ok) return;
  engine.document = await response.json();
  engine.models = engine.document["x-chariot-models"] ?? [];
  changes.dispatchEvent(new Event("document"));
}

function setState(state, error = "") {
  if (engine.state === state && engine.error === error) return;
  Object.assign(engine, { state, error });
  changes.dispatchEvent(new Event("state"));
}

// Asks once for the state. Reads the document when the engine has become ready or has returned.
export async function look() {
  try {
    const response = await ask(new URL("ready", home));
    const body = await response.json().catch(() => ({}));
    const state = response.ok ? "ready" : String(body.status ?? `status ${response.status}`);
    const isNew = state === "ready" && engine.state !== "ready";
    if (isNew || !engine.document) await readDocument();
    setState(state, response.ok ? "" : String(body.error ?? ""));
  } catch {
    setState("gone");
  }
}

// Watches the state while the page is seen: often until the engine is ready.
export async function watch() {
  for (;;) {
    if (!document.hidden) await look();
    await new Promise((done) => setTimeout(done, engine.state === "ready" ? 5000 : 1000));
  }
}
