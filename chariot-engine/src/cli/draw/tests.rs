//! Drawings of the outputs of each task, read back pixel by pixel, and the refusals of `--draw`.

use std::{fs, io::Cursor, path::PathBuf};

use ::image::{ImageFormat, Rgb, RgbImage};

use super::Drawing;

const GRAY: Rgb<u8> = Rgb([100, 100, 100]);
/// The first two colors of objects.
const COLORS: [Rgb<u8>; 2] = [Rgb([230, 159, 0]), Rgb([86, 180, 233])];

/// Returns a gray image as a file.
fn image(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    RgbImage::from_pixel(width, height, GRAY).write_to(&mut file, format).unwrap();
    file.into_inner()
}

/// Draws an output of a task onto a gray image, and reads the drawing.
fn drawn(task: &str, size: (u32, u32), output: &str) -> Result<RgbImage, String> {
    drawn_on(&image(size.0, size.1, ImageFormat::Png), task, output, None)
}

fn drawn_on(file: &[u8], task: &str, output: &str, probabilities: Option<&str>) -> Result<RgbImage, String> {
    let directory = tempfile::tempdir().unwrap();
    let files = ["photo.png".into()];
    let drawing = Drawing::new(&directory.path().join("out.png"), &files, Some(task)).unwrap();
    let path = drawing.draw(0, file, output, probabilities)?;
    Ok(::image::load_from_memory(&fs::read(path).unwrap()).unwrap().into_rgb8())
}

/// Returns the number of pixels of a color in a part of an image.
fn count(image: &RgbImage, color: Rgb<u8>, columns: std::ops::Range<u32>, rows: std::ops::Range<u32>) -> usize {
    let pixels = rows.flat_map(|y| columns.clone().map(move |x| (x, y)));
    pixels.filter(|(x, y)| *image.get_pixel(*x, *y) == color).count()
}

#[test]
fn a_box_is_an_outline_with_keypoints_and_a_label() {
    let plane = r#"{"label": "plane", "score": 0.875, "xmin": 100.0, "ymin": 80.0, "xmax": 200.0, "ymax": 180.0,
        "keypoints": [{"x": 150.0, "y": 130.0}, {"x": 1e30, "y": -5.0}]}"#;
    let ship = r#"{"label": "ship", "score": 0.5, "xmin": 300.0, "ymin": 0.0, "xmax": 400.0, "ymax": 300.0}"#;
    let image = drawn("Object Detection", (400, 300), &format!("[{plane}, {ship}]")).unwrap();
    assert_eq!(image.dimensions(), (400, 300));
    // Both pixels of each side, and none beside them.
    for (x, y) in [(100, 130), (101, 130), (199, 130), (198, 130), (150, 80), (150, 81), (150, 178), (150, 179)] {
        assert_eq!(*image.get_pixel(x, y), COLORS[0], "({x}, {y})");
    }
    for (x, y) in [(99, 130), (102, 130), (200, 130), (197, 130), (150, 82), (150, 180), (120, 100)] {
        assert_eq!(*image.get_pixel(x, y), GRAY, "({x}, {y})");
    }
    assert_eq!(*image.get_pixel(150, 130), COLORS[0], "the keypoint");
    // The label is above the box, dark on its color; a box without room above has it inside.
    assert!(count(&image, COLORS[0], 100..196, 67..80) > 600);
    assert!(count(&image, Rgb([0, 0, 0]), 100..196, 67..80) > 100);
    assert!(count(&image, COLORS[1], 300..388, 0..13) > 500);
    assert_eq!(*image.get_pixel(399, 299), COLORS[1]);
}

#[test]
fn columns_are_drawn_like_objects() {
    let objects = r#"[{"label": "a", "score": 0.75, "xmin": 10, "ymin": 40, "xmax": 90, "ymax": 60}]"#;
    let columns = r#"{"num_detections": 1, "detection_classes": ["a"], "detection_scores": [0.75],
        "detection_boxes": [[40, 10, 60, 90]]}"#;
    let [objects, columns] = [objects, columns].map(|output| drawn("Object Detection", (400, 300), output).unwrap());
    assert_eq!(objects, columns);
    let objects = r#"[{"label": "a", "score": 0.75, "cx": 0.5, "cy": 0.5, "w": 0.25, "h": 0.125, "r": -0.5}]"#;
    let columns = r#"{"detection_classes": ["a"], "detection_scores": [0.75],
        "oriented_detection_boxes": [{"cx": 0.5, "cy": 0.5, "w": 0.25, "h": 0.125, "r": -0.5}]}"#;
    let [objects, columns] =
        [objects, columns].map(|output| drawn("Oriented Object Detection", (400, 300), output).unwrap());
    assert_eq!(objects, columns);
}

#[test]
fn a_rotated_box_is_turned_about_its_center() {
    // 200 x 60 pixels, turned by a quarter: 60 wide and 200 high.
    let quarter = std::f32::consts::FRAC_PI_2;
    let output =
        format!(r#"[{{"label": "ship", "score": 0.5, "cx": 0.5, "cy": 0.5, "w": 0.5, "h": 0.2, "r": {quarter}}}]"#);
    let image = drawn("Oriented Object Detection", (400, 300), &output).unwrap();
    for (columns, rows) in [(168..173, 150..151), (228..233, 150..151), (200..201, 48..53), (200..201, 248..253)] {
        assert_eq!(count(&image, COLORS[0], columns.clone(), rows.clone()), 2, "{columns:?} {rows:?}");
    }
    assert_eq!(count(&image, GRAY, 174..227, 54..247), 53 * 193);
    // A little: the upper right corner goes down, as the angle grows clockwise.
    let output = r#"[{"label": "ship", "score": 0.5, "cx": 0.5, "cy": 0.5, "w": 0.5, "h": 0.2, "r": 0.25}]"#;
    let image = drawn("Oriented Object Detection", (400, 300), output).unwrap();
    assert!(count(&image, COLORS[0], 280..320, 180..240) > 20);
    assert_eq!(count(&image, COLORS[0], 280..320, 60..120), 0);
}

#[test]
fn a_box_far_larger_than_the_image_takes_no_time() {
    let output = r#"[{"label": "ship", "score": 0.5, "cx": 0.5, "cy": 0.5, "w": 1e30, "h": 0.2, "r": 0.0},
        {"label": "ship", "score": 0.5, "cx": 1.0, "cy": 0.0, "w": 1e12, "h": 1e12, "r": 0.5}]"#;
    let image = drawn("Oriented Object Detection", (400, 300), output).unwrap();
    // The labels cover a few of the pixels of the upper side.
    for rows in [119..122, 179..182] {
        let colored = count(&image, COLORS[0], 0..400, rows.clone());
        assert!(colored > 760, "{colored} pixels in rows {rows:?}");
    }
}

#[test]
fn a_mask_colors_its_pixels_by_id() {
    let row = |id: &str| format!("[{}]", vec![id; 400].join(","));
    let rows: Vec<String> = (0..300).map(|y| row(["0", "1", "2"][y / 100])).collect();
    let image = drawn("Image Segmentation", (400, 300), &format!("[{}]", rows.join(","))).unwrap();
    let half = |color: Rgb<u8>| Rgb([0, 1, 2].map(|channel| GRAY.0[channel] / 2 + color.0[channel] / 2));
    for (y, color) in [(0, GRAY), (99, GRAY), (100, half(COLORS[0])), (199, half(COLORS[0])), (200, half(COLORS[1]))] {
        assert_eq!(count(&image, color, 0..400, y..y + 1), 400, "row {y}");
    }
    let fault = drawn("Image Segmentation", (300, 400), &format!("[{}]", rows.join(","))).unwrap_err();
    assert_eq!(fault, "expected a mask of 300 x 400 pixels, as the image is stored, got 400 x 300");
}

#[test]
fn classes_are_written_with_their_scores() {
    let white = |image: &RgbImage| count(image, Rgb([255; 3]), 0..image.width(), 0..image.height());
    let file = image(400, 300, ImageFormat::Png);
    let of = |output: &str, more: Option<&str>| drawn_on(&file, "Image Classification", output, more).unwrap();
    let label = of(r#""cat""#, None);
    let scored = of(r#""cat""#, Some("[0.25, 0.75]"));
    assert!(white(&label) > 30 && white(&scored) > white(&label));
    assert_eq!(scored, of(r#"[{"label": "cat", "score": 0.75}]"#, None));
    assert_eq!(
        of("[0.25, 0.75]", None),
        of(r#"[{"label": "class 1", "score": 0.75}, {"label": "class 0", "score": 0.25}]"#, None)
    );
    assert_eq!(count(&label, GRAY, 0..400, 13..300), 400 * 287, "one line of text");
    // No text is too long, and no image too small.
    of(&format!("{:?}", "long ".repeat(1000)), None);
    let tiny = drawn("Image Classification", (1, 1), r#""cat""#).unwrap();
    assert_eq!(tiny.dimensions(), (320, 320));
    assert!(white(&tiny) > 30);
}

#[test]
fn the_pixels_are_those_that_are_stored() {
    // A JPEG that is to be turned by a quarter for people.
    let mut file = image(400, 300, ImageFormat::Jpeg);
    let exif = b"\xff\xe1\x00\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    file.splice(2..2, exif.iter().copied());
    let image = drawn_on(&file, "Object Detection", "[]", None).unwrap();
    assert_eq!(image.dimensions(), (400, 300));
    // Transparent pixels are white, as for a model.
    let mut file = Cursor::new(Vec::new());
    ::image::RgbaImage::from_pixel(400, 300, ::image::Rgba([0, 0, 0, 0]))
        .write_to(&mut file, ImageFormat::Png)
        .unwrap();
    let image = drawn_on(&file.into_inner(), "Object Detection", "[]", None).unwrap();
    assert_eq!(*image.get_pixel(0, 0), Rgb([255; 3]));
}

#[test]
fn several_images_have_numbers() {
    let directory = tempfile::tempdir().unwrap();
    let files: Vec<PathBuf> = ["a.png", "b.png"].iter().map(|name| directory.path().join(name)).collect();
    let drawing = Drawing::new(&directory.path().join("out.jpeg"), &files, Some("Object Detection")).unwrap();
    let file = image(40, 30, ImageFormat::Bmp);
    for (index, name) in ["out-1.jpeg", "out-2.jpeg"].into_iter().enumerate() {
        let path = drawing.draw(index, &file, "[]", None).unwrap();
        assert_eq!(path, directory.path().join(name));
        assert_eq!(::image::guess_format(&fs::read(path).unwrap()).unwrap(), ImageFormat::Jpeg);
    }
}

#[test]
fn messages() {
    let directory = tempfile::tempdir().unwrap();
    let photo = directory.path().join("photo-1.png");
    fs::write(&photo, image(4, 3, ImageFormat::Png)).unwrap();
    let refused = |path: &str, files: &[PathBuf], task| {
        let text = Drawing::new(&directory.path().join(path), files, task).unwrap_err();
        text.replace(directory.path().to_str().unwrap(), "/tmp")
    };
    let one = [PathBuf::from("a.png")];
    let detection = Some("Object Detection");
    let file = image(4, 3, ImageFormat::Png);
    let texts = [
        refused("out.png", &one, Some("Text Classification")),
        refused("out.png", &one, None),
        refused("out.txt", &one, detection),
        refused("out", &one, detection),
        refused("photo-1.png", std::slice::from_ref(&photo), detection),
        refused("photo.png", &[photo.clone(), "other.png".into()], detection),
        drawn_on(b"text", "Object Detection", "[]", None).unwrap_err(),
        drawn_on(&file, "Object Detection", "{}", None).unwrap_err(),
        drawn_on(&file, "Image Classification", "[[1]]", None).unwrap_err(),
        drawn_on(&file, "Image Segmentation", "[[0]]", None).unwrap_err(),
    ];
    insta::assert_snapshot!("draw", texts.join("\n"));
    let nowhere = Drawing::new(&directory.path().join("no/out.png"), &one, detection).unwrap();
    assert!(nowhere.draw(0, &file, "[]", None).unwrap_err().contains("cannot write"));
}
