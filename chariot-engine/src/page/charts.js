// Small charts of lines over the last minutes.

import { colorOf, fill, h, svg } from "./dom.js";

const WIDTH = 320;
const HEIGHT = 96;

// Makes a chart. `lines` names them; `add` takes a point of each; `show` writes a value.
export function chart(title, lines, show, seconds) {
  const points = [];
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" });
  const now = h("p", { class: "now" });
  const most = h("span", { class: "most" });
  const element = h("figure", { class: "card chart" }, h("figcaption", {}, title), now, h("div", { class: "plot" }, most, drawing));

  function add(at, values) {
    points.push({ at, values });
    while (points[0].at < at - seconds) points.shift();
    draw();
  }
  function draw() {
    const last = points.at(-1);
    const highest = Math.max(...points.flatMap((point) => point.values.filter(Number.isFinite)), 0);
    const top = highest > 0 ? highest * 1.15 : 1;
    const x = (at) => WIDTH - ((last.at - at) / seconds) * WIDTH;
    const y = (value) => HEIGHT - 3 - (value / top) * (HEIGHT - 8);
    fill(drawing, lines.map((_, line) => {
      const known = points.filter((point) => Number.isFinite(point.values[line]));
      if (known.length === 0) return null;
      const path = known.map((point, at) => `${at === 0 ? "M" : "L"}${x(point.at).toFixed(1)} ${y(point.values[line]).toFixed(1)}`).join("");
      const area = `${path}L${x(known.at(-1).at).toFixed(1)} ${HEIGHT}L${x(known[0].at).toFixed(1)} ${HEIGHT}Z`;
      return [svg("path", { d: area, fill: colorOf(line), "fill-opacity": 0.12 }), svg("path", { d: path, fill: "none", stroke: colorOf(line), "stroke-width": 2, "vector-effect": "non-scaling-stroke", "stroke-linejoin": "round" })];
    }));
    most.textContent = highest > 0 ? show(highest) : "";
    const texts = lines.map((name, line) => [name, Number.isFinite(last.values[line]) ? show(last.values[line]) : "–"]);
    fill(now, texts.map(([name, text], line) => {
      const dot = h("span", { class: "swatch" });
      dot.style.background = colorOf(line);
      return h("span", { class: "figure" }, h("strong", {}, text), h("small", {}, lines.length > 1 && dot, name));
    }));
    drawing.setAttribute("aria-label", `${title}: ${texts.map(([name, text]) => `${name} ${text}`).join(", ")}`);
  }
  return { element, add };
}
