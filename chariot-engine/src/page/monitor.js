// The second view: what the engine does now and did in the last minutes, from its metrics, and its last errors and settings.

import { chart } from "./charts.js";
import { fill, h, shown, size, time } from "./dom.js";
import { ask, engine, root } from "./engine.js";
import { parseMetrics, quantile, samples, sum } from "./metrics.js";
import { engineState } from "./state.js";

const EVERY = 2000;
const SECONDS = 300;

// Makes the view. It asks while it is seen.
export function monitorView() {
  const count = (value) => shown(Number(value.toPrecision(3)));
  const charts = {
    rate: chart("Requests a second", ["answered", "failed"], count, SECONDS),
    latency: chart("Latency", ["p50", "p99"], time, SECONDS),
    flight: chart("Requests in the engine", ["in flight", "queued"], count, SECONDS),
    calls: chart("Calls of the model in progress", ["calls"], count, SECONDS),
    batch: chart("Items in a call", ["mean"], count, SECONDS),
    refused: chart("Refused a second", ["refused"], count, SECONDS),
    memory: chart("Memory", ["process", "requests"], size, SECONDS),
  };
  const head = h("div", { class: "models-state" });
  const notice = h("p", { class: "fault", hidden: true });
  const state = engineState();
  const element = h("div", { class: "view monitor" }, notice, head, h("div", { class: "charts" }, Object.values(charts).map((one) => one.element)), state.element);
  let timer = null;
  let run = 0;
  let before = null;

  async function look() {
    try {
      const response = await ask(new URL("metrics", root()), { headers: { Accept: "text/plain" } });
      if (!response.ok) throw new Error(response.status === 404 ? "no route: CHARIOT_ENGINE_METRICS may be off, or this address may not lead to them" : `status ${response.status}`);
      add(parseMetrics(await response.text()));
      notice.hidden = true;
    } catch (error) {
      notice.textContent = `The metrics cannot be read: ${error.message}`;
      notice.hidden = false;
      before = null;
    }
  }
  function add(metrics) {
    const at = performance.now() / 1000;
    fill(head, engine.models.map((model) => modelState(model, metrics)), processState(metrics));
    // The counters of a process that has started again begin at 0.
    const isSame = before && sum(metrics, "chariot_requests_total") >= sum(before.metrics, "chariot_requests_total");
    if (isSame && at > before.at) addPoints(metrics, at);
    before = { metrics, at };
  }
  function addPoints(metrics, at) {
    const seconds = at - before.at;
    const rate = (name, labels) => (sum(metrics, name, labels) - sum(before.metrics, name, labels)) / seconds;
    const isFailure = (sample) => /^[45]/.test(sample.labels.status);
    const failures = (of) => samples(of, "chariot_requests_total").filter(isFailure).reduce((total, sample) => total + sample.value, 0);
    const of = (share) => quantile(share, before.metrics, metrics, "chariot_stage_seconds", { stage: "total" });
    charts.rate.add(at, [rate("chariot_requests_total"), (failures(metrics) - failures(before.metrics)) / seconds]);
    charts.latency.add(at, [of(0.5), of(0.99)]);
    charts.flight.add(at, [sum(metrics, "chariot_in_flight_requests"), sum(metrics, "chariot_queued_requests")]);
    charts.calls.add(at, [sum(metrics, "chariot_running_calls")]);
    charts.batch.add(at, [rate("chariot_batch_items_sum") / rate("chariot_batch_items_count")]);
    charts.refused.add(at, [rate("chariot_rejections_total")]);
    charts.memory.add(at, [sum(metrics, "process_resident_memory_bytes") || NaN, sum(metrics, "chariot_in_flight_bytes")]);
  }
  // A run ends when the view is left, also while it waits for a response.
  async function loop(mine) {
    if (!document.hidden) await Promise.all([look(), state.look()]);
    if (mine === run) timer = setTimeout(loop, EVERY, mine);
  }
  function start() {
    run += 1;
    loop(run);
  }
  function stop() {
    run += 1;
    clearTimeout(timer);
  }
  return { element, shown: start, left: stop };
}

function factList(list) {
  return h("dl", {}, list.filter(([, value]) => value !== undefined && value !== "").map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

function modelState(model, metrics) {
  const labels = { model: model.name };
  const state = samples(metrics, "chariot_state", labels).find((sample) => sample.value === 1)?.labels.state ?? "unknown";
  const [workers] = samples(metrics, "chariot_workers", labels);
  const panics = sum(metrics, "chariot_panics_total", labels);
  return h("section", { class: "card" }, h("div", { class: "head" }, h("h2", {}, model.name), h("span", { class: `chip ${state === "ready" ? "good" : "wait"}` }, state)),
    factList([
      ["Task", model.task], ["Version", model.version], ["Device", workers?.labels.device], ["Workers", workers && String(workers.value)],
      ["Loaded in", time(sum(metrics, "chariot_load_seconds", labels))],
      ["Answered", String(sum(metrics, "chariot_requests_total", labels))],
      ["Panics", panics > 0 ? String(panics) : ""],
    ]));
}

function processState(metrics) {
  const build = samples(metrics, "chariot_build_info")[0]?.labels.sdk_version;
  const resident = sum(metrics, "process_resident_memory_bytes");
  return h("section", { class: "card" }, h("div", { class: "head" }, h("h2", {}, "Process"), h("span", { class: "hint" }, build && `SDK ${build}`)),
    factList([["Memory", resident > 0 ? size(resident) : ""], ["Held by requests", size(sum(metrics, "chariot_in_flight_bytes"))], ["Lost log lines", String(sum(metrics, "chariot_lost_log_lines_total"))]]));
}
