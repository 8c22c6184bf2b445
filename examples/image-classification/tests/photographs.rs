//! The engine as a real process with the real weights: its numbers beside PyTorch's, photographs, and rejected files.

use std::{
    fs,
    io::Cursor,
    path::{Path, PathBuf},
    sync::Arc,
};

use chariot_engine::image::{DynamicImage, ImageEncoder, ImageFormat, Rgb, RgbImage, codecs::jpeg::JpegEncoder};
use e2e::{Answer, Process, Shared, base64, weights};
use serde_json::{Value, json};

const ENGINE: &str = env!("CARGO_BIN_EXE_image-classification");
const EXAMPLE: &str = env!("CARGO_MANIFEST_DIR");

/// Returns the engine that the tests of this file share. `None` without weights.
fn engine() -> Option<Arc<Process>> {
    static PROCESS: Shared = Shared::new();
    let model = weights(EXAMPLE)?;
    Some(PROCESS.get(|| {
        let env = [("CHARIOT_ENGINE_MODEL_DIR", model.to_str().unwrap()), ("CHARIOT_ENGINE_OUTPUT_LAYOUT", "objects")];
        Process::ready(ENGINE, &env)
    }))
}

fn reference() -> Value {
    serde_json::from_str(include_str!("reference/reference.json")).unwrap()
}

fn sample(name: &str) -> Vec<u8> {
    fs::read(Path::new(EXAMPLE).join("samples").join(name)).unwrap()
}

fn post(engine: &Process, file: &[u8], action: &str) -> Answer {
    let parameters = json!({"action": action});
    engine.infer(&json!({"inputs": [{"name": "photo", "data": [base64(file)], "parameters": parameters}]}))
}

fn encoded(image: impl Into<DynamicImage>) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    image.into().write_to(&mut file, ImageFormat::Png).unwrap();
    file.into_inner()
}

/// A JPEG that states 20,000 x 20,000 pixels.
fn enormous() -> Vec<u8> {
    let mut file = sample("cat.jpg");
    let frame = file.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
    file[frame + 5..frame + 9].copy_from_slice(&[0x4e, 0x20, 0x4e, 0x20]);
    file
}

#[test]
fn the_logits_are_those_of_pytorch() {
    let Some(engine) = engine() else { return };
    // An image of the size that the network reads, which is not resized.
    let pattern = RgbImage::from_fn(224, 224, |x, y| {
        Rgb([0, 1, 2].map(|channel| ((101 * channel + 37 * y + 59 * x + x * y) % 256) as u8))
    });
    let probabilities = post(&engine, &encoded(pattern), "predict_proba").values().remove(0);
    let probabilities: Vec<f64> = serde_json::from_value(probabilities).unwrap();
    let expected: Vec<f64> = serde_json::from_value(reference()["pattern"].take()).unwrap();
    assert_eq!((probabilities.len(), expected.len()), (1000, 1000));
    // The logarithm of a probability is the logit, less one number for all classes.
    let all = expected.iter().map(|logit| logit.exp()).sum::<f64>().ln();
    let differences = probabilities.iter().zip(&expected).map(|(p, logit)| (p.ln() - (logit - all)).abs());
    let worst = differences.fold(0.0, f64::max);
    assert!(worst < 1e-4, "the logits differ by {worst}");
}

#[test]
fn photographs_have_the_labels_and_scores_of_pytorch() {
    let Some(engine) = engine() else { return };
    let reference = reference();
    for (name, expected) in reference["photographs"].as_object().unwrap() {
        let expected: Vec<(String, f64)> = serde_json::from_value(expected.clone()).unwrap();
        let best = post(&engine, &sample(name), "predict").values().remove(0);
        assert_eq!(best.as_array().unwrap().len(), 5, "{name}");
        assert_eq!(best[0]["label"], expected[0].0, "{name}");
        for one in best.as_array().unwrap() {
            // The decoders and the filters of both differ by a few of 255.
            if let Some((label, score)) = expected.iter().find(|(label, _)| one["label"] == *label) {
                assert!((one["score"].as_f64().unwrap() - score).abs() < 0.03, "{name}: {label}: {one}, not {score}");
            }
        }
    }
}

#[test]
fn the_photograph_of_a_phone_has_the_label_of_the_upright_one() {
    let Some(engine) = engine() else { return };
    let upright = chariot_engine::image::load_from_memory(&sample("cat.jpg")).unwrap();
    // On its side, with an EXIF orientation: a rotation by 90 degrees clockwise.
    let mut phone = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut phone, 95);
    encoder.set_exif_metadata(b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".to_vec()).unwrap();
    encoder.encode_image(&upright.rotate270()).unwrap();
    let best = |file: &[u8]| post(&engine, file, "predict").values().remove(0)[0].clone();
    let (phone, upright) = (best(&phone), best(&encoded(upright)));
    assert_eq!(phone["label"], upright["label"]);
    let (score, expected) = (phone["score"].as_f64().unwrap(), upright["score"].as_f64().unwrap());
    assert!((score - expected).abs() < 0.05, "{phone}, not {upright}");
}

#[test]
fn images_of_any_size_are_classified() {
    let Some(engine) = engine() else { return };
    for (width, height) in [(1, 1), (1, 3000), (3000, 1), (224, 224)] {
        let image = RgbImage::from_pixel(width, height, Rgb([10, 200, 30]));
        let best = post(&engine, &encoded(image), "predict").values().remove(0);
        assert_eq!(best.as_array().unwrap().len(), 5, "{width} x {height}");
    }
}

#[test]
fn a_file_that_cannot_be_decoded_is_rejected_by_name() {
    let Some(engine) = engine() else { return };
    let cat = sample("cat.jpg");
    for (file, fault) in [
        (enormous(), "20000 x 20000 pixels"),
        (cat[..cat.len() / 2].to_vec(), "JPEG"),
        (cat[..2].to_vec(), "image"),
        (b"a cat".to_vec(), "image"),
        (vec![], "image"),
    ] {
        let text = post(&engine, &file, "predict").error(400);
        assert!(text.starts_with("input 'photo': ") && text.contains(fault), "{text}");
    }
}

/// Starts the engine with other weights, and returns the last error of its log.
fn refused(content: &[u8], directory: &Path) -> String {
    fs::copy(Path::new(EXAMPLE).join("model/class_labels.json"), directory.join("class_labels.json")).unwrap();
    fs::write(directory.join("mobilenet_v2.pth"), content).unwrap();
    let process = Process::start(ENGINE, &[("CHARIOT_ENGINE_MODEL_DIR", directory.to_str().unwrap())]);
    assert_eq!(process.wait(), Some(1));
    let log = process.whole_log();
    let last = log.iter().rfind(|line| line["level"] == "ERROR").unwrap_or_else(|| panic!("no error: {log:#?}"));
    last["message"].as_str().unwrap().to_string()
}

#[test]
fn weights_that_cannot_be_read_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let witness: PathBuf = directory.path().join("witness");
    // A pickle that would run a command.
    let command = format!("touch {}", witness.display());
    let hostile =
        [b"\x80\x02cos\nsystem\nX", &(command.len() as u32).to_le_bytes()[..], command.as_bytes(), b"\x85R."].concat();
    let mut files = vec![hostile, b"\x80\x02".to_vec(), vec![], vec![0xff; 1 << 20]];
    if let Some(model) = weights(EXAMPLE) {
        let whole = fs::read(model.join("mobilenet_v2.pth")).unwrap();
        files.extend([whole[..whole.len() / 2].to_vec(), whole[..1000].to_vec()]);
    }
    for file in files {
        let text = refused(&file, directory.path());
        assert!(text.contains("'mobilenet_v2.pth'"), "{text}");
    }
    assert!(!witness.exists(), "the pickle was run");
}

#[test]
fn infer_draws_the_label_onto_the_photograph() {
    let Some(model) = weights(EXAMPLE) else { return };
    let directory = tempfile::tempdir().unwrap();
    let (photo, drawn) = (Path::new(EXAMPLE).join("samples/cat.jpg"), directory.path().join("out.png"));
    let env = [("CHARIOT_ENGINE_MODEL_DIR", model.to_str().unwrap())];
    let arguments = ["infer", photo.to_str().unwrap(), "--draw", drawn.to_str().unwrap()];
    let process = Process::start_with(ENGINE, &arguments, &env);
    assert_eq!(process.wait(), Some(0));
    let (before, after) = (chariot_engine::image::open(photo).unwrap(), chariot_engine::image::open(drawn).unwrap());
    let (before, after) = (before.into_rgb8(), after.into_rgb8());
    assert_eq!(before.dimensions(), after.dimensions());
    let changed = |rows: std::ops::Range<u32>| {
        let pixels = rows.flat_map(|y| (0..after.width()).map(move |x| (x, y)));
        pixels.filter(|&(x, y)| before.get_pixel(x, y) != after.get_pixel(x, y)).count()
    };
    assert!(changed(0..13) > 500);
    assert_eq!(after.get_pixel(0, 0), &Rgb([0, 0, 0]));
    // The label alone, with its probability: one line.
    assert!(changed(20..after.height()) < 1000, "decoders differ a little: {}", changed(20..after.height()));
}
