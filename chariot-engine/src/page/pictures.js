// Answers that are drawn on their picture: boxes, turned boxes, points, and masks.

import { colorOf, fill, h, percent, segments, shown } from "./dom.js";

const SMALLEST = 360;
const LARGEST = 1400;

// Draws a value on its picture; `null` if it is nothing to draw. A picture that its file turns can be looked at both ways,
// because the engine alone knows whether it has turned it too.
export function onPicture(value, { bitmap, upright }) {
  const first = drawing(value, bitmap);
  if (!first || !upright) return first;
  const place = h("div", {});
  const start = !fits(value, bitmap) && fits(value, upright) ? 1 : 0;
  fill(place, start === 0 ? first : drawing(value, upright));
  const choice = segments("Pixels", ["As stored", "Upright"], (at) => fill(place, drawing(value, at === 0 ? bitmap : upright)), start);
  return h("div", { class: "editor" }, h("div", { class: "row" }, choice, h("span", { class: "hint" }, "EXIF turns this picture. Most engines read the stored pixels.")), place);
}

function drawing(value, bitmap) {
  const boxes = boxesOf(value, bitmap?.width ?? 1, bitmap?.height ?? 1);
  if (boxes?.length === 0) return h("p", { class: "hint" }, "Nothing found.");
  if (boxes) return boxesPicture(boxes, bitmap);
  return isMask(value) ? maskPicture(value, bitmap) : null;
}

// Returns `true` if a value can be of these pixels.
function fits(value, { width, height }) {
  const boxes = boxesOf(value, width, height);
  if (!boxes) return value.length === height && value[0].length === width;
  return boxes.every((box) => box.corners.every(([x, y]) => x > -2 && y > -2 && x < width + 2 && y < height + 2));
}

// Returns the boxes of a value, each with its corners in pixels of the picture; `null` if the value has none.
function boxesOf(value, width, height) {
  const objects = objectsOf(value);
  if (!objects?.every((one) => typeof one === "object" && one !== null && "label" in one && ("xmin" in one || "cx" in one))) return null;
  return objects.map((one) => ({ ...one, corners: "cx" in one ? turned(one, width, height) : upright(one) }));
}

// Returns the boxes of either layout as objects.
function objectsOf(value) {
  if (Array.isArray(value)) return value.length > 0 ? value : null;
  const { detection_classes: labels, detection_scores: scores, detection_boxes: boxes, oriented_detection_boxes: oriented } = value ?? {};
  if (!Array.isArray(labels) || !Array.isArray(scores)) return null;
  return labels.map((label, at) => {
    const [ymin, xmin, ymax, xmax] = boxes?.[at] ?? [];
    return { label, score: scores[at], ...(oriented ? oriented[at] : { xmin, ymin, xmax, ymax }) };
  });
}

function upright({ xmin, ymin, xmax, ymax }) {
  return [[xmin, ymin], [xmax, ymin], [xmax, ymax], [xmin, ymax]];
}

// A turned box has shares of the picture's width and height, and an angle in radians.
function turned({ cx, cy, w, h: tall, r }, width, height) {
  const [x, y, a, b] = [cx * width, cy * height, (w * width) / 2, (tall * height) / 2];
  const [cos, sin] = [Math.cos(r), Math.sin(r)];
  return [[-a, -b], [a, -b], [a, b], [-a, b]].map(([dx, dy]) => [x + dx * cos - dy * sin, y + dx * sin + dy * cos]);
}

// Returns `true` if a value is a mask: lists of equal length of whole numbers.
function isMask(value) {
  const isRow = (row) => Array.isArray(row) && row.length === value[0].length && row.every((id) => Number.isInteger(id) && id >= 0);
  return Array.isArray(value) && value.length > 0 && Array.isArray(value[0]) && value[0].length > 0 && value.every(isRow);
}

// Makes a canvas with the picture, or with a plain ground of its size. `scale` is pixels of the canvas per pixel of it.
function canvasOf(bitmap, width, height, label) {
  const longest = Math.max(width, height);
  const scale = Math.min(Math.max(1, SMALLEST / longest), LARGEST / longest);
  const canvas = h("canvas", { width: Math.round(width * scale), height: Math.round(height * scale), role: "img", "aria-label": label, "data-scale": scale });
  const context = canvas.getContext("2d");
  function ground() {
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.imageSmoothingEnabled = longest > 160;
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (bitmap) context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  }
  return { canvas, context, scale, ground };
}

function drawBox(context, scale, box, color) {
  const line = Math.max(2, context.canvas.width / 320);
  const points = box.corners.map(([x, y]) => [x * scale, y * scale]);
  context.beginPath();
  points.forEach(([x, y]) => context.lineTo(x, y));
  context.closePath();
  context.lineJoin = "round";
  context.lineWidth = line * 2;
  context.strokeStyle = "rgba(255, 255, 255, 0.75)";
  context.stroke();
  context.lineWidth = line;
  context.strokeStyle = color;
  context.stroke();
  for (const point of box.keypoints ?? []) {
    context.beginPath();
    context.arc(point.x * scale, point.y * scale, line * 1.6, 0, 2 * Math.PI);
    context.fillStyle = color;
    context.fill();
    context.lineWidth = line / 2;
    context.strokeStyle = "white";
    context.stroke();
  }
  const text = `${box.label} ${percent(box.score)}`;
  const letter = Math.max(12, context.canvas.width / 52);
  context.font = `600 ${letter}px system-ui, sans-serif`;
  const [x, y] = points.reduce((best, point) => (point[1] < best[1] ? point : best));
  const wide = context.measureText(text).width + letter * 0.8;
  const left = Math.max(0, Math.min(x, context.canvas.width - wide));
  const top = y - letter * 1.5 < 0 ? y : y - letter * 1.5;
  context.fillStyle = color;
  context.fillRect(left, top, wide, letter * 1.5);
  context.fillStyle = "white";
  context.textBaseline = "middle";
  context.fillText(text, left + letter * 0.4, top + letter * 0.8);
}

// Makes the picture with its boxes, a filter by score, and the list of what is seen.
function boxesPicture(boxes, bitmap) {
  const [width, height] = bitmap ? [bitmap.width, bitmap.height] : extent(boxes);
  const labels = [...new Set(boxes.map((box) => box.label))];
  const { canvas, context, scale, ground } = canvasOf(bitmap, width, height, `The picture with ${boxes.length} boxes`);
  const lowest = Math.min(...boxes.map((box) => box.score));
  const list = h("ol", { class: "found" });
  const count = h("output");
  const slider = h("input", { type: "range", min: 0, max: 1, step: 0.01, value: 0, "aria-label": "Show boxes from this score on", oninput: draw });
  function draw() {
    const seen = boxes.filter((box) => box.score >= Number(slider.value));
    ground();
    seen.forEach((box) => drawBox(context, scale, box, colorOf(labels.indexOf(box.label))));
    count.textContent = `${seen.length} of ${boxes.length} from ${percent(Number(slider.value))} on`;
    fill(list, seen.map((box) => h("li", {}, swatch(labels.indexOf(box.label)), h("span", { class: "name" }, box.label), h("span", { class: "number" }, percent(box.score)))));
  }
  slider.value = Math.max(0, Math.floor(lowest * 100) / 100);
  draw();
  return h("div", { class: "picture" }, canvas, h("div", { class: "row" }, slider, count), list);
}

function extent(boxes) {
  const corners = boxes.flatMap((box) => box.corners);
  const most = (axis) => Math.max(1, ...corners.map((corner) => corner[axis]));
  return [most(0), most(1)];
}

function swatch(index) {
  const element = h("span", { class: "swatch" });
  element.style.background = colorOf(index);
  return element;
}

// Makes the picture under its mask, with a legend of the classes.
function maskPicture(mask, bitmap) {
  const [width, height] = [mask[0].length, mask.length];
  const counts = new Map();
  for (const row of mask) for (const id of row) counts.set(id, (counts.get(id) ?? 0) + 1);
  const classes = [...counts.keys()].sort((a, b) => a - b);
  const layer = h("canvas", { width, height });
  const pixels = new ImageData(width, height);
  const colors = new Map(classes.map((id) => [id, channels(colorOf(id))]));
  mask.forEach((row, y) => row.forEach((id, x) => pixels.data.set([...colors.get(id), id === 0 ? 0 : 255], (y * width + x) * 4)));
  layer.getContext("2d").putImageData(pixels, 0, 0);
  const { canvas, context, ground } = canvasOf(bitmap, bitmap?.width ?? width, bitmap?.height ?? height, `The picture under a mask of ${classes.length} classes`);
  const slider = h("input", { type: "range", min: 0, max: 1, step: 0.05, value: 0.6, "aria-label": "Opacity of the mask", oninput: draw });
  function draw() {
    ground();
    context.imageSmoothingEnabled = false;
    context.globalAlpha = Number(slider.value);
    context.drawImage(layer, 0, 0, canvas.width, canvas.height);
    context.globalAlpha = 1;
  }
  draw();
  const legend = classes.map((id) => h("li", {}, id === 0 ? h("span", { class: "swatch empty" }) : swatch(id), h("span", { class: "name" }, `class ${id}`), h("span", { class: "number" }, percent(counts.get(id) / (width * height)))));
  return h("div", { class: "picture" }, canvas, h("div", { class: "row" }, h("span", { class: "hint" }, `Mask of ${shown(width)} × ${shown(height)}`), slider), h("ol", { class: "found" }, legend));
}

function channels(color) {
  return [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
}
