// Images from files, from the clipboard, by dropping, and from the camera.

import { fill, h } from "./dom.js";
import { asStored } from "./exif.js";

// Encodes bytes as base64, in pieces: one call takes only so many arguments.
function base64Of(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}

// Reads a file. What the browser cannot decode, such as a TIFF, is sent all the same, and not shown. `bitmap` has the pixels
// as they are stored, and `upright` those that the file's EXIF data turns, if it does.
async function imageOf(file, name) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const decode = (blob) => createImageBitmap(blob).catch(() => null);
  const [shown, stored] = [await decode(file), asStored(bytes)];
  const [bitmap, upright] = stored && shown ? [await decode(new Blob([stored], { type: file.type })), shown] : [shown, null];
  return { name, base64: base64Of(bytes), bitmap, upright, url: URL.createObjectURL(file) };
}

// Returns `true` for a picture whose pixels a person wants to see as they are.
export function isTiny(bitmap) {
  return Math.max(bitmap.width, bitmap.height) <= 64;
}

// Makes the editor of a list of images. `changed` is called when the list changes.
export function imageEditor(changed) {
  let images = [];
  const list = h("ul", { class: "thumbs", "aria-label": "Images" });
  const input = h("input", { type: "file", multiple: true, class: "away", tabindex: -1, accept: "image/*,.tif,.tiff", onchange: chosen });
  input.setAttribute("aria-label", "Image files");
  const camera = navigator.mediaDevices?.getUserMedia && h("button", { type: "button", class: "quiet small", onclick: openCamera }, "Camera");
  const live = h("div", { class: "camera", hidden: true });
  const zone = h("div", { class: "drop", ondragover: over, ondragleave: leave, ondrop: dropped },
    h("p", {}, h("strong", {}, "Drop images here"), ", paste them, or"),
    h("div", { class: "row center" },
      h("button", { type: "button", class: "quiet small", onclick: () => input.click() }, "Choose files"), camera),
  );

  async function add(files) {
    const used = new Set(images.map((image) => image.name));
    for (const file of files) {
      const plain = file.name || "image.png";
      let name = plain;
      for (let count = 2; used.has(name); count += 1) name = `${count}-${plain}`;
      used.add(name);
      images.push(await imageOf(file, name));
    }
    draw();
  }
  function chosen() {
    const files = [...input.files];
    input.value = "";
    return add(files);
  }
  function over(event) {
    event.preventDefault();
    zone.classList.add("over");
  }
  function leave() {
    zone.classList.remove("over");
  }
  function dropped(event) {
    event.preventDefault();
    leave();
    return add(event.dataTransfer.files);
  }
  function remove(image) {
    URL.revokeObjectURL(image.url);
    images = images.filter((other) => other !== image);
    draw();
  }
  function draw() {
    fill(list, images.map((image) =>
      h("li", {},
        image.bitmap ? h("img", { src: image.url, alt: "", class: isTiny(image.bitmap) ? "tiny" : "" }) : h("span", { class: "unseen" }, "no preview"),
        h("span", { class: "name", title: image.name }, image.name),
        h("button", { type: "button", class: "icon", "aria-label": `Remove ${image.name}`, onclick: () => remove(image) }, "×"),
      )));
    changed();
  }
  let closeCamera = () => {};
  async function openCamera() {
    closeCamera();
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: true });
      const take = h("button", { type: "button", class: "primary small", disabled: true, onclick: shoot }, "Take the picture");
      const video = h("video", { autoplay: true, playsinline: true, srcObject: stream, onloadeddata: () => (take.disabled = false) });
      video.muted = true;
      // The camera goes off with the editor.
      const watcher = new MutationObserver(() => live.isConnected || closeCamera());
      watcher.observe(document.getElementById("main"), { childList: true, subtree: true });
      closeCamera = () => {
        watcher.disconnect();
        stream.getTracks().forEach((track) => track.stop());
        live.hidden = true;
        fill(live);
        closeCamera = () => {};
      };
      async function shoot() {
        const canvas = h("canvas", { width: video.videoWidth, height: video.videoHeight });
        canvas.getContext("2d").drawImage(video, 0, 0);
        const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
        closeCamera();
        await add([new File([blob], "camera.png", { type: "image/png" })]);
      }
      fill(live, video, h("div", { class: "row" }, take,
        h("button", { type: "button", class: "quiet small", onclick: () => closeCamera() }, "Close")));
      live.hidden = false;
    } catch (error) {
      fill(live, h("p", { class: "verdict bad" }, `The camera cannot be used: ${error.message}`));
      live.hidden = false;
    }
  }
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])].filter((file) => file.type.startsWith("image/"));
    if (files.length > 0 && zone.isConnected) add(files);
  });
  return { element: h("div", { class: "editor" }, zone, live, list, input), images: () => images };
}
