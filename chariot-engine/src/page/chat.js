// The editor of a conversation: messages, each with a role and a text. A reply can be added, to go on from there.

import { h } from "./dom.js";

const ROLES = ["system", "developer", "user", "assistant", "tool"];

// Returns the messages of an element, in any of the forms that an engine takes; empty for a prompt.
function messagesOf(element) {
  let value = element;
  if (typeof value === "string") {
    try {
      value = JSON.parse(value);
    } catch {
      return [];
    }
  }
  const messages = value?.messages ?? value;
  return Array.isArray(messages) ? messages : [];
}

function textOf(content) {
  if (!Array.isArray(content)) return content ?? "";
  return content.map((part) => part.text ?? "").join("");
}

// Makes the editor, with the messages of an example to begin with.
export function chatEditor(example) {
  const list = h("ol", { class: "messages", "aria-label": "Messages" });
  function add(role, content) {
    const select = h("select", { "aria-label": "Role" }, ROLES.map((name) => h("option", { value: name }, name)));
    const area = h("textarea", { rows: 2, value: textOf(content), "aria-label": "Text" });
    const remove = h("button", { type: "button", class: "icon", "aria-label": "Remove the message", onclick: () => drop(message) }, "×");
    const message = h("li", { class: "one" }, select, area, remove);
    select.value = role;
    list.append(message);
    return area;
  }
  function drop(message) {
    if (list.children.length > 1) message.remove();
  }
  // The other side speaks next.
  function next() {
    const last = list.lastElementChild?.querySelector("select").value;
    add(last === "user" ? "assistant" : "user", "").focus();
  }
  for (const message of messagesOf(example)) add(message.role, message.content);
  if (list.children.length === 0) add("user", "");
  function read() {
    return Array.from(list.children, (message, at) => {
      const content = message.querySelector("textarea").value;
      if (content === "") throw new Error(`Message ${at + 1}: expected a text, got an empty one`);
      return { role: message.querySelector("select").value, content };
    });
  }
  function reply(text) {
    add("assistant", text);
    next();
  }
  const more = h("button", { type: "button", class: "quiet small", onclick: next }, "Add a message");
  return { element: h("div", { class: "editor" }, list, h("div", { class: "row" }, more)), read, reply };
}
