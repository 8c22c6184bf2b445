// The development loop behind an engine: shows what it does and what does not compile, and tells when another engine answers.

import { fill, h } from "./dom.js";
import { ask, changes, engine, home, readDocument } from "./engine.js";

const LOOK_EVERY = 500;

// The class and the text of each state of the loop. It waits for a change in any other.
const LOOP_STATES = {
  building: ["wait", "Building…"],
  starting: ["wait", "Loading the models…"],
  build_failed: ["bad", "The build failed. Until it succeeds, the engine before goes on answering."],
  start_failed: ["bad", "The new engine did not start. Until one does, the engine before goes on answering."],
};

// Watches the loop, once the document says that there is one.
export function watchLoop() {
  const place = h("section", { id: "loop", role: "status", "aria-label": "Development loop", hidden: true });
  document.querySelector("header").append(place);
  let isWatching = false;
  let last = {};

  function showLoop({ state, error }) {
    if (state === last.state && error === last.error) return;
    const [kind, text] = LOOP_STATES[state] ?? ["", ""];
    place.hidden = text === "";
    place.className = kind;
    fill(place, text, error && h("pre", { tabindex: 0 }, error));
  }

  // Returns whether there is still a loop.
  async function askLoop() {
    const response = await ask(new URL("dev", home));
    if (!response.ok) return response.status !== 404;
    const status = await response.json();
    // The engine has not heard of it yet.
    if (status.engine === undefined) return true;
    showLoop(status);
    const isAnother = last.engine !== undefined && last.engine !== status.engine;
    last = status;
    if (isAnother) {
      await readDocument();
      changes.dispatchEvent(new Event("replaced"));
    }
    return true;
  }

  async function loop() {
    let isThere = true;
    while (isThere) {
      // An engine that does not answer is reported by the state of the page.
      if (!document.hidden) isThere = await askLoop().catch(() => true);
      await new Promise((done) => setTimeout(done, LOOK_EVERY));
    }
    place.hidden = true;
    [isWatching, last] = [false, {}];
  }

  changes.addEventListener("document", () => {
    if (isWatching || engine.document["x-chariot-dev"] !== true) return;
    isWatching = true;
    loop();
  });
}
