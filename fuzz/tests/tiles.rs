//! The memory and the answer of a detector that looks at a picture of 10,000 x 10,000 pixels in tiles, within the default
//! memory of a request. A counting allocator measures it.

use chariot_engine::{
    Pixels,
    input::image::Filter,
    prelude::*,
    tasks::{Detection, Nms, Overlap, merge},
    testing::TestEngine,
};
use fuzz::{
    memory::{Counting, cost, cost_of_all},
    tiff::{LONG, SHORT, head, head_length},
};
use http::Request;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SIDE: usize = 10_000;
/// The columns and rows that are white. Every tile that they touch sees a part of them.
const WHITE: [[usize; 2]; 2] = [[9_000, 9_700], [4_000, 5_100]];

/// Returns a gray TIFF of an orientation in ten strips, compressed by PackBits: runs of 1 to 128 equal values.
fn tiff(orientation: u32) -> Vec<u8> {
    let run = |length: usize, value: u8| {
        let whole = [129_u8, value].repeat(length / 128);
        let rest = length % 128;
        [whole, if rest > 0 { vec![(257 - rest) as u8, value] } else { vec![] }].concat()
    };
    let row = |y: usize| {
        let [[left, right], [top, bottom]] = WHITE;
        let value = if (top..bottom).contains(&y) { 255 } else { 0 };
        [run(left, 0), run(right - left, value), run(SIDE - right, 0)].concat()
    };
    let strips: Vec<Vec<u8>> =
        (0..10).map(|strip| (strip * 1000..(strip + 1) * 1000).flat_map(row).collect()).collect();
    let lists = head_length(10);
    let mut file = head(&[
        (256, LONG, 1, SIDE as u32),
        (257, LONG, 1, SIDE as u32),
        (258, SHORT, 1, 8),
        (259, SHORT, 1, 32_773),
        (262, SHORT, 1, 1),
        (273, LONG, 10, lists),
        (274, SHORT, 1, orientation),
        (277, SHORT, 1, 1),
        (278, LONG, 1, 1000),
        (279, LONG, 10, lists + 40),
    ]);
    let mut offset = lists + 80;
    for strip in &strips {
        file.extend(offset.to_le_bytes());
        offset += strip.len() as u32;
    }
    strips.iter().for_each(|strip| file.extend((strip.len() as u32).to_le_bytes()));
    file.extend(strips.concat());
    file
}

/// Detects what is white, in tiles.
struct Detector(ClassLabels);

impl Model for Detector {
    type Settings = ();
    type Input = Image;
    type Output = Detections;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Detector(["white"].into_iter().collect()))
    }

    async fn infer(&self, batch: Batch<Image>) -> Result<Vec<Detections>> {
        let pixels = Pixels::gray(128, 128).filter(Filter::Nearest).upright();
        batch.try_map(|image| {
            let (mut numbers, mut found) = (Vec::with_capacity(pixels.len()), Vec::new());
            for tile in pixels.tiles(&image, (1024, 1024), 0.2)? {
                numbers.clear();
                let (written, cost) = cost(|| tile.write(&mut numbers));
                written?;
                // The pixels of the tile in the model's size, before and after their turn, and a number for each of 256 values.
                assert!(
                    cost <= 2 * 128 * 128 + (8 << 10),
                    "expected no copy of the image or of a tile, got {cost} bytes"
                );
                let white: Vec<usize> = (0..numbers.len()).filter(|at| numbers[*at] > 0.5).collect();
                let edges = |of: fn(usize) -> usize| {
                    let places = || white.iter().map(|at| of(*at) as f32);
                    (places().fold(128.0, f32::min), places().fold(0.0, f32::max) + 1.0)
                };
                if !white.is_empty() {
                    let ((xmin, xmax), (ymin, ymax)) = (edges(|at| at % 128), edges(|at| at / 128));
                    let one = Detection::new(0, white.len() as f32, [xmin, ymin, xmax, ymax]);
                    found.push(one.to_image(&tile.placement()));
                }
            }
            let joined = merge(found, Nms::new(0.1).overlap(Overlap::Smaller))?;
            Detections::new(joined, &self.0, (image.width(), image.height()))
        })
    }
}

#[test]
fn a_large_picture_is_answered_in_the_memory_of_its_pixels() {
    /// The threads, and what one tile takes.
    const OTHER: usize = 4 << 20;
    let builder = Engine::builder()
        .model::<Detector>("detector")
        .setting("CHARIOT_ENGINE_MAX_PIXELS", "100000000")
        .class_labels(["white"]);
    let engine = TestEngine::start(builder).unwrap();
    let request = |file: Vec<u8>| {
        let request = Request::post("/infer").header("content-type", "image/tiff");
        engine.send(request.body(file.into()).unwrap())
    };
    // As it is stored, and as the photograph of a phone.
    for orientation in [1, 6] {
        let file = tiff(orientation);
        let length = file.len();
        let (response, cost) = cost_of_all(|| request(file));
        assert_eq!(response.status, 200, "{}", response.error());
        let output = &response.json()["output"];
        assert_eq!(output.as_array().map(Vec::len), Some(1), "{output}");
        for (name, expected) in ["xmin", "xmax", "ymin", "ymax"].into_iter().zip(WHITE.concat()) {
            let edge = output[0][name].as_f64().unwrap();
            assert!((edge - expected as f64).abs() <= 8.0, "{name}: expected about {expected}, got {edge}");
        }
        // The decoder of TIFF holds all strips beside the pixels.
        let most = SIDE * SIDE * 2 + length + OTHER;
        assert!(cost <= most, "expected at most {most} bytes, got {cost}");
    }
}
