// The part of the monitor that is not in the metrics: the last requests with an error, and the settings with their sources.

import { fill, h, segments, time } from "./dom.js";
import { ask, home } from "./engine.js";
import { dataTable } from "./tree.js";

// The sources of a value that somebody has chosen for this engine.
const CHOSEN = new Set(["environment", "file", "engine"]);

// Makes the part. `look` asks the engine once.
export function engineState() {
  const errors = h("div", { class: "errors" });
  const settings = h("div", { class: "settings" });
  let seen = "";
  let known = { errors: [], settings: [] };
  let isAll = false;
  const choice = segments("Settings", ["Set", "All"], (at) => {
    isAll = at === 1;
    fill(settings, settingsTable(known.settings, isAll));
  });
  const element = h("div", { class: "engine-state", hidden: true },
    h("section", { class: "card", "aria-label": "Last errors" }, h("div", { class: "head" }, h("h2", {}, "Last errors"), h("span", { class: "hint" }, "Inference requests and other POSTs, the last 50")), errors),
    h("section", { class: "card", "aria-label": "Settings" }, h("div", { class: "head" }, h("h2", {}, "Settings"), choice), settings));

  // What has not changed stays, with the selection and the place of whoever reads it.
  function show(text) {
    if (text === seen) return;
    const before = known;
    [seen, known] = [text, JSON.parse(text)];
    fill(errors, errorsTable(known.errors));
    if (JSON.stringify(before.settings) !== JSON.stringify(known.settings)) fill(settings, settingsTable(known.settings, isAll));
    element.hidden = false;
  }
  // The monitor itself tells of an engine that does not answer.
  async function look() {
    const response = await ask(new URL("page/state.json", home)).catch(() => null);
    if (response?.ok) show(await response.text());
  }
  return { element, look };
}

function errorsTable(errors) {
  if (errors.length === 0) return h("p", { class: "hint" }, "None since the start.");
  const rows = errors.map((one) => [
    new Date(one.at_ms).toLocaleTimeString(),
    h("code", {}, one.request ?? "–"), one.model ?? "–", one.route, String(one.status),
    one.total_ms === null ? "–" : time(one.total_ms / 1000), one.reason ?? "",
  ]);
  return dataTable(["Time", "Request", "Model", "Route", "Status", "Took", "Error"], rows);
}

function settingsTable(settings, isAll) {
  const list = settings.filter((setting) => isAll || CHOSEN.has(setting.source));
  if (list.length === 0) return h("p", { class: "hint" }, "None is set: all have their defaults.");
  const name = (setting) => h("span", {}, h("code", {}, setting.name), h("small", {}, setting.label));
  return dataTable(["Setting", "Value", "Source"], list.map((setting) => [name(setting), setting.value ?? "–", setting.origin]));
}
