// The frame of the page: the views, the state of the engine, and the token.

import { fill, h } from "./dom.js";
import { changes, engine, look, setToken, token, watch } from "./engine.js";
import { watchLoop } from "./dev.js";
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

// The token that the engine has refused, so that it is asked for once.
let refused = null;

function askForToken() {
  const dialog = byId("token-dialog");
  if (dialog.open) return;
  const isWrong = token() !== "" && token() === refused;
  byId("token-text").textContent = `${isWrong ? "This engine refuses the token" : "This engine asks for a token"}. It is kept until this tab is closed.`;
  byId("token-field").value = token();
  // Escape leaves it as it is.
  dialog.returnValue = "";
  dialog.showModal();
}

function takeToken() {
  if (byId("token-dialog").returnValue !== "use") return;
  refused = null;
  setToken(byId("token-field").value.trim());
  look();
}

fill(byId("tabs"), tabs);
byId("tabs").addEventListener("keydown", moveTab);
byId("token").addEventListener("click", askForToken);
byId("token-cancel").addEventListener("click", () => byId("token-dialog").close(""));
byId("token-dialog").addEventListener("close", takeToken);
changes.addEventListener("state", showState);
changes.addEventListener("document", showDocument);
changes.addEventListener("unauthorized", () => {
  byId("token").hidden = false;
  if (refused === token()) return;
  refused = token();
  askForToken();
});
addEventListener("hashchange", show);
byId("token").hidden = token() === "";
show();
watchLoop();
watch();
