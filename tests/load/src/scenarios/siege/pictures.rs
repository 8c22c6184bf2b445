//! Attacks by pictures: slow to decode, or small files of large pictures.

use std::{io::Write, path::Path, sync::Arc};

use flate2::{Compression, Crc, write::ZlibEncoder};
use serde_json::json;

use super::{
    super::{Failure, Outcome, Scale},
    ground::{Ground, PICTURES, post_compressed},
    honest::Asks,
    jpeg::many_scans,
    stage::{Plan, Stage, run},
};

/// The width of a picture of one row, just below the limit of pixels.
const WIDTH: u32 = 49_000_000;

pub(super) fn scans(exe: &Path, scale: Scale) -> Result<Outcome, Failure> {
    let mut stage = Stage::start(exe, scale, Plan { least_in_time: 1, ..Plan::beside(Asks::Picture) })?;
    let honest = stage.attack(slow_pictures)?;
    stage.note(&honest);
    let are_decoded = !stage.ground.statuses().contains_key(&400);
    stage.outcome.must(are_decoded, "the pictures are within the bound on scans");
    stage.close()
}

/// Sends pictures that take long to decode, on more connections than there are cores.
pub(super) fn slow_pictures(ground: Ground) -> impl Future<Output = ()> + Send + 'static {
    // A little below the bound on scans. The coefficients of the larger picture take 20 MiB.
    let request = picture(&many_scans(ground.scale.count(400, 160) as u16));
    ground.crowd(16, again(vec![request]))
}

pub(super) fn pixels(exe: &Path, scale: Scale) -> Result<Outcome, Failure> {
    run(exe, scale, Plan::beside(Asks::Picture), large_pictures)
}

/// Sends small files of large pictures.
pub(super) fn large_pictures(ground: Ground) -> impl Future<Output = ()> + Send + 'static {
    let side = ground.scale.count(7000, 2000) as u32;
    ground.crowd(4, again(vec![picture(&one_row()), picture(&floats(side))]))
}

/// Returns a client that sends one of these requests.
fn again(
    requests: Vec<Arc<[u8]>>,
) -> impl Fn(Ground, usize) -> std::pin::Pin<Box<dyn Future<Output = std::io::Result<()>> + Send>> + Clone + Send + 'static
{
    move |ground, index| {
        let request = requests[index % requests.len()].clone();
        Box::pin(async move { ground.ask(&request).await })
    }
}

fn picture(file: &[u8]) -> Arc<[u8]> {
    let input = json!({"name": "p", "datatype": "BYTES", "shape": [1], "data": [e2e::base64(file)]});
    post_compressed(PICTURES, json!({ "inputs": [input] }).to_string().as_bytes())
}

/// Makes a PNG of one row.
fn one_row() -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |kind: &[u8; 4], data: &[u8]| {
        file.extend((data.len() as u32).to_be_bytes());
        let mut sum = Crc::new();
        sum.update(kind);
        sum.update(data);
        file.extend([&kind[..], data, &sum.sum().to_be_bytes()].concat());
    };
    // Eight bits a pixel, gray.
    chunk(b"IHDR", &[&WIDTH.to_be_bytes()[..], &1u32.to_be_bytes(), &[8, 0, 0, 0, 0]].concat());
    chunk(b"IDAT", &zeros(WIDTH as usize + 1));
    chunk(b"IEND", &[]);
    file
}

/// Makes a square TIFF whose pixels have four floats each.
fn floats(side: u32) -> Vec<u8> {
    const SHORT: u16 = 3;
    const LONG: u16 = 4;
    const FIELDS: usize = 11;
    let data = zeros(16 * side as usize * side as usize);
    let bits = 8 + 2 + 12 * FIELDS as u32 + 4;
    let (formats, strip) = (bits + 8, bits + 16);
    let fields: [(u16, u16, u32, u32); FIELDS] = [
        (256, LONG, 1, side),
        (257, LONG, 1, side),
        (258, SHORT, 4, bits),
        // Deflate.
        (259, SHORT, 1, 8),
        // RGB.
        (262, SHORT, 1, 2),
        (273, LONG, 1, strip),
        (277, SHORT, 1, 4),
        (278, LONG, 1, side),
        (279, LONG, 1, data.len() as u32),
        // Alpha.
        (338, SHORT, 1, 2),
        (339, SHORT, 4, formats),
    ];
    let mut file = b"II*\0\x08\0\0\0".to_vec();
    file.extend((FIELDS as u16).to_le_bytes());
    for (tag, kind, count, value) in fields {
        file.extend(tag.to_le_bytes());
        file.extend(kind.to_le_bytes());
        file.extend(count.to_le_bytes());
        file.extend(value.to_le_bytes());
    }
    file.extend([0; 4]);
    // Four times 32 bits, four times a float.
    file.extend([[32, 0].repeat(4), [3, 0].repeat(4), data].concat());
    file
}

/// Compresses zeros.
fn zeros(mut count: usize) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    while count > 0 {
        let piece = count.min(1 << 20);
        encoder.write_all(&vec![0; piece]).expect("memory takes all bytes");
        count -= piece;
    }
    encoder.finish().expect("memory takes all bytes")
}
