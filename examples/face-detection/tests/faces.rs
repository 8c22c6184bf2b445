//! The engine as a real process with the real weights: its faces beside those of facenet-pytorch, pictures without faces,
//! and rejected files.

use std::{fs, io::Cursor, path::Path, sync::Arc};

use chariot_engine::image::{
    DynamicImage, ExtendedColorType, GrayImage, ImageEncoder, ImageFormat, Luma, Rgb, RgbImage, codecs::png::PngEncoder,
};
use e2e::{Answer, Process, Shared, base64, weights};
use serde_json::{Value, json};

const ENGINE: &str = env!("CARGO_BIN_EXE_face-detection");
const EXAMPLE: &str = env!("CARGO_MANIFEST_DIR");

/// Returns the engine that the tests of this file share. `None` without weights.
fn engine() -> Option<Arc<Process>> {
    static PROCESS: Shared = Shared::new();
    let model = weights(EXAMPLE)?;
    Some(PROCESS.get(|| Process::ready(ENGINE, &[("CHARIOT_ENGINE_MODEL_DIR", model.to_str().unwrap())])))
}

fn sample(name: &str) -> Vec<u8> {
    fs::read(Path::new(EXAMPLE).join("samples").join(name)).unwrap()
}

fn post(engine: &Process, file: &[u8]) -> Answer {
    engine.infer(&json!({"inputs": [{"name": "photo", "data": [base64(file)]}]}))
}

/// Returns the faces in a picture.
fn faces(engine: &Process, file: &[u8]) -> Vec<Value> {
    serde_json::from_value(post(engine, file).values().remove(0)).unwrap()
}

fn encoded(image: impl Into<DynamicImage>) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    image.into().write_to(&mut file, ImageFormat::Png).unwrap();
    file.into_inner()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("expected a number, got {value}"))
}

/// Returns a PNG that is stored on its side: its EXIF orientation is a rotation by 90 degrees clockwise.
fn on_its_side(upright: &DynamicImage) -> Vec<u8> {
    let stored = upright.rotate270().into_rgb8();
    let mut file = Vec::new();
    let mut encoder = PngEncoder::new(&mut file);
    encoder.set_exif_metadata(b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".to_vec()).unwrap();
    encoder.write_image(&stored, stored.width(), stored.height(), ExtendedColorType::Rgb8).unwrap();
    file
}

#[test]
fn faces_of_a_photograph_on_its_side_are_in_the_pixels_of_the_file() {
    let Some(engine) = engine() else { return };
    let photo = chariot_engine::image::load_from_memory(&sample("astronaut.jpg")).unwrap();
    let (upright, stored) = (faces(&engine, &encoded(photo.clone())), faces(&engine, &on_its_side(&photo)));
    assert!(!upright.is_empty() && upright.len() == stored.len());
    let width = f64::from(photo.width());
    let near = |got: &Value, expected: f64| assert!((number(got) - expected).abs() < 1e-3, "{got}, not {expected}");
    for (upright, stored) in upright.iter().zip(&stored) {
        near(&stored["xmin"], number(&upright["ymin"]));
        near(&stored["xmax"], number(&upright["ymax"]));
        near(&stored["ymin"], width - number(&upright["xmax"]));
        near(&stored["ymax"], width - number(&upright["xmin"]));
        for point in 0..5 {
            near(&stored["keypoints"][point]["x"], number(&upright["keypoints"][point]["y"]));
            near(&stored["keypoints"][point]["y"], width - number(&upright["keypoints"][point]["x"]));
        }
    }
}

#[test]
fn the_faces_are_those_of_facenet_pytorch() {
    let Some(engine) = engine() else { return };
    let reference: Value = serde_json::from_str(include_str!("reference/reference.json")).unwrap();
    let mut count = 0;
    for (name, expected) in reference.as_object().unwrap() {
        let (found, expected) = (faces(&engine, &sample(name)), expected.as_array().unwrap());
        assert_eq!(found.len(), expected.len(), "{name}: {found:?}");
        for face in expected {
            let near = |one: &&Value| {
                let edges = ["xmin", "ymin", "xmax", "ymax"].iter().zip(face["box"].as_array().unwrap());
                edges.into_iter().all(|(edge, expected)| (number(&one[*edge]) - number(expected)).abs() < 0.5)
            };
            let one = found.iter().find(near).unwrap_or_else(|| panic!("{name}: {face} is not in {found:?}"));
            assert_eq!(one["label"], "face");
            assert!((number(&one["score"]) - number(&face["score"])).abs() < 0.001, "{name}: {one}, not {face}");
            let points = one["keypoints"].as_array().unwrap();
            assert_eq!(points.len(), 5);
            for (point, expected) in points.iter().zip(face["points"].as_array().unwrap()) {
                assert!((number(&point["x"]) - number(&expected[0])).abs() < 0.5, "{name}: {one}, not {face}");
                assert!((number(&point["y"]) - number(&expected[1])).abs() < 0.5, "{name}: {one}, not {face}");
            }
            count += 1;
        }
    }
    assert!(count >= 5, "{count} faces");
}

#[test]
fn pictures_without_faces_have_none() {
    let Some(engine) = engine() else { return };
    let checkers = GrayImage::from_fn(150, 100, |x, y| Luma([if (x / 7 + y / 7) % 2 == 0 { 0 } else { 255 }]));
    for (what, file) in [
        ("one pixel", encoded(RgbImage::from_pixel(1, 1, Rgb([9, 9, 9])))),
        ("one column", encoded(RgbImage::from_pixel(1, 2000, Rgb([9, 9, 9])))),
        ("less than a face", encoded(RgbImage::from_pixel(19, 19, Rgb([200, 150, 130])))),
        ("the least size", encoded(RgbImage::from_pixel(20, 20, Rgb([200, 150, 130])))),
        ("one color", encoded(RgbImage::from_pixel(320, 240, Rgb([200, 150, 130])))),
        ("a pattern", encoded(checkers)),
    ] {
        let answer = post(&engine, &file);
        assert_eq!(answer.values(), [json!([])], "{what}");
    }
}

#[test]
fn the_threshold_of_the_request_counts() {
    let Some(engine) = engine() else { return };
    let data = base64(sample("astronaut.jpg"));
    let request = |threshold: f64| {
        let parameters = json!({"score_threshold": threshold});
        json!({"inputs": [{"name": "photo", "data": [data], "parameters": parameters}]})
    };
    assert_eq!(engine.infer(&request(0.9)).values()[0].as_array().unwrap().len(), 1);
    assert_eq!(engine.infer(&request(1.0)).values(), [json!([])]);
}

#[test]
fn a_file_that_cannot_be_decoded_is_rejected_by_name() {
    let Some(engine) = engine() else { return };
    let photo = sample("astronaut.jpg");
    // A JPEG that states 20,000 x 20,000 pixels.
    let mut enormous = photo.clone();
    let frame = enormous.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
    enormous[frame + 5..frame + 9].copy_from_slice(&[0x4e, 0x20, 0x4e, 0x20]);
    for (file, fault) in [
        (enormous, "20000 x 20000 pixels"),
        (photo[..photo.len() / 2].to_vec(), "JPEG"),
        (b"a face".to_vec(), "image"),
        (vec![], "image"),
    ] {
        let text = post(&engine, &file).error(400);
        assert!(text.starts_with("input 'photo': ") && text.contains(fault), "{text}");
    }
}

#[test]
fn weights_that_cannot_be_read_are_named() {
    let Some(model) = weights(EXAMPLE) else { return };
    let directory = tempfile::tempdir().unwrap();
    let witness = directory.path().join("witness");
    // A pickle that would run a command.
    let command = format!("touch {}", witness.display());
    let hostile =
        [b"\x80\x02cos\nsystem\nX", &(command.len() as u32).to_le_bytes()[..], command.as_bytes(), b"\x85R."].concat();
    let whole = fs::read(model.join("onet.pt")).unwrap();
    let pnet = fs::read(model.join("pnet.pt")).unwrap();
    for file in [hostile, whole[..whole.len() / 2].to_vec(), pnet, vec![]] {
        for name in ["class_labels.json", "pnet.pt", "rnet.pt"] {
            fs::copy(model.join(name), directory.path().join(name)).unwrap();
        }
        fs::write(directory.path().join("onet.pt"), file).unwrap();
        let process = Process::start(ENGINE, &[("CHARIOT_ENGINE_MODEL_DIR", directory.path().to_str().unwrap())]);
        assert_eq!(process.wait(), Some(1));
        let log = process.whole_log();
        let last = log.iter().rfind(|line| line["level"] == "ERROR").unwrap_or_else(|| panic!("no error: {log:#?}"));
        assert!(last["message"].as_str().unwrap().contains("'onet.pt'"), "{last}");
    }
    assert!(!witness.exists(), "the pickle was run");
}

#[test]
fn infer_draws_the_faces_onto_the_photographs() {
    let Some(model) = weights(EXAMPLE) else { return };
    let directory = tempfile::tempdir().unwrap();
    let [first, second] = ["astronaut.jpg", "cat.jpg"].map(|name| format!("{EXAMPLE}/samples/{name}"));
    let drawn = directory.path().join("out.png");
    let env = [("CHARIOT_ENGINE_MODEL_DIR", model.to_str().unwrap())];
    let process = Process::start_with(ENGINE, &["infer", &first, &second, "--draw", drawn.to_str().unwrap()], &env);
    assert_eq!(process.wait(), Some(0));
    let faces: Vec<Value> = serde_json::from_str(&process.all_lines()[0]).unwrap();
    let image = chariot_engine::image::open(directory.path().join("out-1.png")).unwrap().into_rgb8();
    let orange = Rgb([230, 159, 0]);
    let (x, y) = (number(&faces[0]["xmin"]).floor() as u32, number(&faces[0]["ymax"]).floor() as u32 - 5);
    assert_eq!((image.get_pixel(x, y), image.get_pixel(x + 1, y)), (&orange, &orange));
    for point in faces[0]["keypoints"].as_array().unwrap() {
        let (x, y) = (number(&point["x"]).round() as u32, number(&point["y"]).round() as u32);
        assert_eq!(image.get_pixel(x, y), &orange);
    }
    // A picture without faces is as it was.
    let image = chariot_engine::image::open(directory.path().join("out-2.png")).unwrap().into_rgb8();
    assert!(!image.pixels().any(|pixel| *pixel == orange));
}
