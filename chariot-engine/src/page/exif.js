// The orientation in the EXIF data of a file. Browsers turn a picture by it, and most engines read the stored pixels.

const ORIENTATION = 0x0112;

// Returns the text of four bytes.
function nameAt(bytes, at) {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}

// Returns the place of a file's EXIF data, from its TIFF header on; -1 if it has none.
function exifAt(bytes, view) {
  if (view.getUint16(0) === 0xffd8) {
    // The pixels follow the marker 0xda.
    for (let at = 2; bytes[at] === 0xff && bytes[at + 1] !== 0xda; at += 2 + view.getUint16(at + 2)) {
      if (bytes[at + 1] === 0xe1 && nameAt(bytes, at + 4) === "Exif") return at + 10;
    }
  } else if (nameAt(bytes, 8) === "WEBP") {
    for (let at = 12; at < bytes.length; at += 8 + view.getUint32(at + 4, true) + (view.getUint32(at + 4, true) % 2)) {
      if (nameAt(bytes, at) === "EXIF") return at + (nameAt(bytes, at + 8) === "Exif" ? 14 : 8);
    }
  } else if (nameAt(bytes, 1) === "PNG\r") {
    for (let at = 8; at < bytes.length; at += 12 + view.getUint32(at)) {
      if (nameAt(bytes, at + 4) === "eXIf") return at + 8;
    }
  }
  return -1;
}

// Returns a file whose picture is not turned; `null` if that is the same file.
export function asStored(bytes) {
  const stored = bytes.slice();
  const view = new DataView(stored.buffer);
  try {
    const begin = exifAt(stored, view);
    if (begin < 0) return null;
    const isLittle = nameAt(stored, begin).startsWith("II");
    const list = begin + view.getUint32(begin + 4, isLittle);
    for (let entry = list + 2, rest = view.getUint16(list, isLittle); rest > 0; entry += 12, rest -= 1) {
      if (view.getUint16(entry, isLittle) !== ORIENTATION) continue;
      const turns = view.getUint16(entry + 8, isLittle);
      view.setUint16(entry + 8, 1, isLittle);
      return turns >= 2 && turns <= 8 ? stored : null;
    }
  } catch (error) {
    // A file that ends in its EXIF data.
    if (!(error instanceof RangeError)) throw error;
  }
  return null;
}
