// The frame of the page: the views, the state of the engine, and the token.

import { fill, h } from "./dom.js";
import { changes, engine, look, setToken, token, watch } from "./engine.js";
import { monitorView } from "./monitor.js";
import { referenceView } from "./reference.js";
import { tryView } from "./try.js";

const VIEWS = [
  { name: "try", title: "Try", make: tryView },
  { name: "monitor", title: "Monitor", make: monitorView },
  { name: "api", title: "API", make: referenceView },
];

const byId = (id) => document.getElementById(id);
const made = new Map();
let current = null;

const tabs = VIEWS.map((view) =>
  h("button", { type: "button", role: "tab", id: `tab-${view.name}`, "aria-controls": "main", onclick: () => (location.hash = view.name) }, view.title));

// Shows the view that the fragment of the URL names.
function show() {
  const at = Math.max(0, VIEWS.findIndex((view) => `#${view.name}` === location.hash));
  const view = VIEWS[at];
  if (!made.has(view.name)) made.set(view.name, view.make());
  current?.left();
  current = made.get(view.name);
  fill(byId("main"), current.element);
  byId("main").setAttribute("aria-labelledby", `tab-${view.name}`);
  tabs.forEach((tab, index) => {
    tab.setAttribute("aria-selected", String(index === at));
    tab.tabIndex = index === at ? 0 : -1;
  });
  current.shown();
}

function moveTab(event) {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!step) return;
  const next = tabs[(tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length];
  next.click();
  next.focus();
}

function showState() {
  const kind = engine.state === "ready" ? "good" : engine.state === "gone" ? "bad" : "wait";
  byId("state").className = `chip ${kind}`;
  byId("state").textContent = engine.state;
  const texts = {
    ready: "",
    connecting: "",
    gone: "The engine does not answer. This page goes on looking for it.",
  };
  const text = texts[engine.state] ?? [`The engine is not ready: ${engine.state}.`, engine.error, "This page goes on looking."].filter(Boolean).join(" ");
  byId("notice").hidden = text === "";
  byId("notice").textContent = text;
  byId("notice").className = kind;
}

function showDocument() {
  const { title, version } = engine.document.info;
  document.title = title;
  byId("title").textContent = title;
  byId("subtitle").textContent = `version ${version}`;
}

function askForToken() {
  byId("token").hidden = false;
  const dialog = byId("token-dialog");
  if (dialog.open) return;
  byId("token-field").value = token();
  dialog.showModal();
}

fill(byId("tabs"), tabs);
byId("tabs").addEventListener("keydown", moveTab);
byId("token").addEventListener("click", askForToken);
byId("token-dialog").addEventListener("close", () => {
  if (byId("token-dialog").returnValue !== "use") return;
  setToken(byId("token-field").value.trim());
  look();
});
changes.addEventListener("state", showState);
changes.addEventListener("document", showDocument);
changes.addEventListener("unauthorized", () => {
  if (byId("token").hidden) askForToken();
});
addEventListener("hashchange", show);
byId("token").hidden = token() === "";
show();
watch();
