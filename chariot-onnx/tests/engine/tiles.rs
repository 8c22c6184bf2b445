//! Detectors of large images, in tiles, and of images that do not stand upright.
//!
//! The model has a box for each cell of 8 x 8 pixels, whose scores for red, green and blue are the means of the cell.

use image::{Rgb, RgbImage};
use serde_json::{Value, json};

use crate::{BACKENDS, folder, needs_onnx_runtime, outputs, png, ready};

const LABELS: &str = r#"["red", "green", "blue"]"#;

/// Returns the directory of an engine with this description.
fn detector(more: &str) -> tempfile::TempDir {
    let description = format!(r#"{{"task": "Object Detection"{more}}}"#);
    folder("cells.onnx", &[("engine.json", &description), ("class_labels.json", LABELS)])
}

/// Fills a square of 8 x 8 pixels.
fn mark(image: &mut RgbImage, left: u32, top: u32, color: [u8; 3]) {
    for (x, y) in (0..64).map(|at| (left + at % 8, top + at / 8)) {
        image.put_pixel(x, y, Rgb(color));
    }
}

fn found(label: &str, score: f64, [xmin, ymin, xmax, ymax]: [f64; 4]) -> Value {
    json!({"label": label, "score": score, "xmin": xmin, "ymin": ymin, "xmax": xmax, "ymax": ymax})
}

/// Returns what an engine finds in an image.
fn detected(engine: &e2e::Process, image: String) -> Value {
    outputs(engine, &[image], json!({"score_threshold": "0.7"})).remove(0)
}

#[test]
fn objects_of_a_large_image_are_found_once_at_their_places() {
    needs_onnx_runtime!();
    // Tiles begin at 0, 48, 96 and 142 across, and at 0, 48 and 88 down.
    let mut image = RgbImage::new(206, 152);
    mark(&mut image, 0, 0, [255, 0, 0]);
    // In the overlap of four tiles.
    mark(&mut image, 48, 48, [0, 255, 0]);
    // Between two cells of the last tile of the row, whose better one shows three quarters.
    mark(&mut image, 144, 16, [0, 0, 255]);
    mark(&mut image, 112, 144, [255, 0, 0]);
    let all = [
        found("red", 1.0, [0.0, 0.0, 8.0, 8.0]),
        found("green", 1.0, [48.0, 48.0, 56.0, 56.0]),
        found("blue", 1.0, [142.0, 16.0, 152.0, 24.0]),
        found("red", 1.0, [112.0, 144.0, 120.0, 152.0]),
    ];
    for backend in BACKENDS {
        let engine = ready(&detector(r#", "tiles": {"overlap": 0.25}"#), backend);
        let Value::Array(boxes) = detected(&engine, png(&image, 1)) else { panic!("a list") };
        assert_eq!(boxes.len(), all.len(), "{backend}: {boxes:?}");
        for one in &all {
            assert!(boxes.contains(one), "{backend}: {one} in {boxes:?}");
        }
        // Several images share a call, and one that is smaller than a tile is a tile.
        let mut small = RgbImage::new(64, 64);
        mark(&mut small, 8, 16, [0, 255, 0]);
        let both = outputs(&engine, &[png(&small, 1), png(&image, 1)], json!({"score_threshold": "0.7"}));
        assert_eq!(both[0], json!([found("green", 1.0, [8.0, 16.0, 16.0, 24.0])]));
        assert_eq!(both[1].as_array().unwrap().len(), all.len());
    }
    // As a whole, the image is too small for the model to see them.
    let engine = ready(&detector(""), "tract");
    assert_eq!(detected(&engine, png(&image, 1)), json!([]));
}

#[test]
fn the_photograph_of_a_phone_is_seen_upright_and_boxes_are_those_of_the_file() {
    needs_onnx_runtime!();
    let mut stored = RgbImage::new(128, 64);
    mark(&mut stored, 96, 8, [255, 0, 0]);
    mark(&mut stored, 16, 40, [0, 0, 255]);
    let expected = [found("red", 1.0, [96.0, 8.0, 104.0, 16.0]), found("blue", 1.0, [16.0, 40.0, 24.0, 48.0])];
    for backend in BACKENDS {
        let engine = ready(&detector(r#", "image": {"upright": true}, "tiles": {"overlap": 0}"#), backend);
        for orientation in 1..=8 {
            let Value::Array(boxes) = detected(&engine, png(&stored, orientation)) else { panic!("a list") };
            let is_same = boxes.len() == 2 && expected.iter().all(|one| boxes.contains(one));
            assert!(is_same, "{backend} {orientation}: {boxes:?}");
        }
    }
    // A classifier reads the numbers as they stand too, and needs no way back.
    let description =
        r#"{"task": "Image Classification", "labels": ["red", "green", "blue"], "image": {"upright": true}}"#;
    let engine = ready(&folder("classifier.onnx", &[("engine.json", description)]), "tract");
    let image = RgbImage::from_pixel(9, 4, Rgb([0, 0, 255]));
    assert_eq!(outputs(&engine, &[png(&image, 6)], json!({})), ["blue"]);
}

#[test]
fn a_large_image_takes_the_memory_of_its_pixels_and_of_a_few_tiles() {
    needs_onnx_runtime!();
    let mut image = RgbImage::new(5000, 4000);
    mark(&mut image, 4992, 3992, [0, 255, 0]);
    let image = png(&image, 1);
    let engine = ready(&detector(r#", "tiles": {}"#), "tract");
    // The process has run the model, and what it needs for a request.
    let mut small = RgbImage::new(640, 640);
    mark(&mut small, 0, 0, [0, 255, 0]);
    assert_eq!(detected(&engine, png(&small, 1)).as_array().unwrap().len(), 1);
    let before = peak(&engine);
    let boxes = detected(&engine, image);
    assert_eq!(boxes, json!([found("green", 1.0, [4992.0, 3992.0, 5000.0, 4000.0])]));
    // 60 MB of pixels; about 7,700 tiles as numbers would be 380 MB.
    let grown = peak(&engine) - before;
    assert!(grown < 150 << 20, "{grown} bytes");
}

/// Returns the most memory that a process has held, in bytes.
fn peak(engine: &e2e::Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", engine.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() << 10
}
