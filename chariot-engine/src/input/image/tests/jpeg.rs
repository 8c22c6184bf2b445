//! JPEG files of every structure against libjpeg: `cjpeg` writes them and `djpeg` decodes them for comparison.

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use super::*;

/// Sampling factors of the components, as `cjpeg` takes them.
const SAMPLINGS: [&str; 44] = [
    "1x1",
    "2x1",
    "1x2",
    "2x2",
    "4x1",
    "1x4",
    "4x2",
    "2x4",
    "4x4",
    "3x1",
    "1x3",
    "3x3",
    "3x2",
    "1x1,2x1,1x2",
    "1x1,2x2,2x2",
    "1x1,2x1,1x1",
    "1x1,1x1,2x1",
    "2x1,1x1,2x1",
    "1x2,1x1,1x2",
    "2x2,2x1,1x2",
    "2x2,2x1,2x1",
    "2x2,1x2,1x2",
    "2x2,1x2,1x1",
    "2x2,2x2,1x1",
    "1x1,1x2,1x2",
    "1x1,2x1,2x1",
    "2x1,1x2,1x2",
    "1x2,2x1,2x1",
    "4x1,2x1,2x1",
    "4x1,2x1,1x1",
    "1x4,1x2,1x1",
    "2x4,1x2,1x1",
    "2x2,2x2,2x2",
    "1x2,1x2,1x2",
    "2x1,2x1,2x1",
    "4x2,2x1,2x1",
    "4x2,2x2,1x1",
    "4x1,1x1,2x1",
    "4x2,2x1,1x1",
    "4x2,1x1,2x1",
    "4x2,4x1,1x1",
    "4x2,1x2,4x1",
    "4x1,4x1,2x1",
    "4x1,2x1,4x1",
];

/// Scripts of scans, as `cjpeg` reads them from a file. An empty one is a single scan.
const SCRIPTS: [&str; 10] = [
    "",
    "0;1;2;",
    "1;2;0;",
    "2;0;1;",
    "0;1 2;",
    "1 2;0;",
    "0 1;2;",
    "0 2;1;",
    "0:0-0,0,0; 1:0-0,0,0; 2:0-0,0,0; 0:1-63,0,0; 1:1-63,0,0; 2:1-63,0,0;",
    "1 2:0-0,0,1; 0:0-0,0,1; 0:1-9,0,2; 1:1-63,0,1; 2:1-63,0,0; 0:10-63,0,2; 0 1 2:0-0,1,0; 0:1-63,2,1; 1:1-63,1,0; \
     0:1-63,1,0;",
];

/// Runs a program on some input. Returns its output, or `None` if it fails.
fn run(program: &str, arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The files are smaller than the buffer of a pipe.
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    // 2 is a warning.
    matches!(output.status.code(), Some(0 | 2)).then_some(output.stdout)
}

/// Returns an image with waves and noise as PNM.
fn picture(width: u32, height: u32, channels: u32) -> Vec<u8> {
    let kind = if channels == 1 { "P5" } else { "P6" };
    let mut pnm = format!("{kind} {width} {height} 255\n").into_bytes();
    let mut noise = width * 1000 + height;
    for y in 0..height {
        for x in 0..width {
            for channel in 0..channels {
                noise = noise.wrapping_mul(1_103_515_245).wrapping_add(12345);
                let (x, y) = (f64::from(x), f64::from(y));
                let wave = [x / 9.0 + y / 17.0, y / 7.0 + 1.0, (x + y) / 11.0][channel as usize].sin();
                pnm.push((127.0 + 110.0 * wave + f64::from(noise >> 16 & 15)).clamp(0.0, 255.0) as u8);
            }
        }
    }
    pnm
}

/// The differences of an image from libjpeg's.
struct Difference {
    max: u8,
    mean: f64,
    /// The share of values that differ by more than 3.
    large: f64,
}

/// Compares an image with libjpeg's.
fn compare(image: &Image, file: &[u8], what: &str) -> Difference {
    let pnm = run("djpeg", &["-pnm"], file).unwrap_or_else(|| panic!("djpeg decodes {what}"));
    let values = image.as_dynamic().as_bytes();
    let reference = &pnm[pnm.len() - values.len()..];
    assert!(pnm.len() - values.len() < 20, "{what}: the same number of values");
    let differences = || values.iter().zip(reference).map(|(one, other)| one.abs_diff(*other));
    let count = values.len() as f64;
    Difference {
        max: differences().max().unwrap_or(0),
        mean: differences().map(f64::from).sum::<f64>() / count,
        large: differences().filter(|difference| *difference > 3).count() as f64 / count,
    }
}

/// Decodes a file. Returns `true` if it is right, and `false` if its structure is rejected as not supported.
///
/// The decoders round once more than libjpeg when they interpolate chroma, which is up to 2 of a sample and up to 4 of a
/// color. It happens to few values. A file that is decoded wrong differs by more than 30 in most of them.
fn is_decoded_right(file: &[u8], what: &str) -> bool {
    match decode(file, 1 << 20) {
        Ok(image) => {
            let Difference { max, mean, large } = compare(&image, file, what);
            let got = format!("a maximum of {max}, a mean of {mean:.3}, {large:.4} above 3");
            assert!(max <= 6 && mean < 0.6 && large < 0.01, "{what}: {got}");
            true
        }
        Err(fault) => {
            assert!(fault.text().ends_with("which is not supported"), "{what}: {fault}");
            false
        }
    }
}

fn has_programs() -> bool {
    let found = ["cjpeg", "djpeg"].iter().all(|program| {
        Command::new(program).arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
    });
    if !found {
        println!("skipped: cjpeg and djpeg (libjpeg-turbo-progs) not found");
    }
    found
}

/// Writes the scripts to files, and returns the arguments for each.
fn scripts(folder: &Path) -> Vec<Vec<String>> {
    let file = |(index, script): (usize, &&str)| {
        if script.is_empty() {
            return Vec::new();
        }
        let path = folder.join(index.to_string());
        fs::write(&path, script).unwrap();
        vec!["-scans".to_owned(), path.to_str().unwrap().to_owned()]
    };
    SCRIPTS
        .iter()
        .enumerate()
        .map(file)
        .chain([vec!["-progressive".to_owned()], vec!["-optimize".to_owned()]])
        .collect()
}

#[test]
fn every_structure_is_decoded_as_by_libjpeg_or_rejected_by_name() {
    if !has_programs() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let scripts = scripts(folder.path());
    let restarts: [&[&str]; 4] = [&[], &["-restart", "1B"], &["-restart", "3B"], &["-restart", "1"]];
    let sizes = [(17, 33), (65, 47), (40, 24), (7, 5), (100, 70)];
    let (mut count, mut decoded, mut rejected) = (0, 0, Vec::new());
    for sampling in SAMPLINGS {
        for script in &scripts {
            count += 1;
            let (width, height) = sizes[count % sizes.len()];
            let restart = restarts[count / sizes.len() % restarts.len()];
            let mut arguments = vec!["-quality", "90", "-sample", sampling];
            arguments.extend(script.iter().map(String::as_str).chain(restart.iter().copied()));
            // Some factors do not fit into one scan.
            let Some(file) = run("cjpeg", &arguments, &picture(width, height, 3)) else { continue };
            let what = format!("{width} x {height}, {arguments:?}");
            if is_decoded_right(&file, &what) {
                decoded += 1;
            } else {
                rejected.push((sampling, what));
            }
        }
    }
    // Only a component at two of four is not supported in a scan of its own.
    for (sampling, what) in &rejected {
        assert!(sampling.contains('4') && sampling.contains('2'), "{what}");
    }
    assert!(decoded > 350 && rejected.len() < 50, "{decoded} decoded, {} rejected", rejected.len());
}

#[test]
fn gray_rgb_and_arithmetic_files_are_decoded_as_by_libjpeg_or_rejected_by_name() {
    if !has_programs() {
        return;
    }
    for (width, height) in [(1, 1), (7, 3), (17, 33), (64, 64)] {
        for restart in [&[][..], &["-restart", "1B"], &["-restart", "1"]] {
            for options in [&[][..], &["-progressive"], &["-sample", "2x2"], &["-sample", "1x2", "-progressive"]] {
                let arguments = [&["-quality", "90"], restart, options].concat();
                let file = run("cjpeg", &arguments, &picture(width, height, 1)).unwrap();
                assert!(is_decoded_right(&file, &format!("gray {width} x {height}, {arguments:?}")));
                if options.is_empty() {
                    let arguments = [&arguments[..], &["-rgb"]].concat();
                    let file = run("cjpeg", &arguments, &picture(width, height, 3)).unwrap();
                    assert!(is_decoded_right(&file, &format!("{width} x {height}, {arguments:?}")));
                    let arguments = [&arguments[..], &["-arithmetic"]].concat();
                    let file = run("cjpeg", &arguments, &picture(width, height, 3)).unwrap();
                    assert!(!is_decoded_right(&file, &format!("{width} x {height}, {arguments:?}")));
                }
            }
        }
    }
}

#[test]
fn segments_after_the_data_are_skipped() {
    if !has_programs() {
        return;
    }
    for arguments in [&["-quality", "90"][..], &["-progressive"], &["-restart", "1"], &["-grayscale"]] {
        let file = run("cjpeg", arguments, &picture(65, 47, 3)).unwrap();
        let (image, end) = file.split_at(file.len() - 2);
        let file = [image, b"\xff\xfe\0\x05bye", b"\xff\xe1\0\x06late", end, b"more"].concat();
        assert!(is_decoded_right(&file, &format!("{arguments:?} and a comment after the data")));
    }
}

/// The segments of JFIF and Adobe and the names of the components decide what the colors of three components are.
#[test]
fn colors_are_those_of_libjpeg() {
    if !has_programs() {
        return;
    }
    let file = run("cjpeg", &["-quality", "90", "-sample", "1x1"], &picture(20, 20, 3)).unwrap();
    let (jfif, rest) = file.split_at(20);
    let (start, jfif) = jfif.split_at(2);
    let adobe = |transform: u8| [b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0", &[transform][..]].concat();
    let named = |names: &[u8; 3]| {
        let mut rest = rest.to_vec();
        let at = |rest: &[u8], marker: u8| rest.windows(2).position(|pair| pair == [0xff, marker]).unwrap();
        let (frame, scan) = (at(&rest, 0xc0), at(&rest, 0xda));
        for (index, name) in names.iter().enumerate() {
            rest[frame + 10 + index * 3] = *name;
            rest[scan + 5 + index * 2] = *name;
        }
        rest
    };
    for names in [b"\x01\x02\x03", b"RGB", b"rgb", b"\0\x01\x02", b"YCc", b"\x01\x22\x23"] {
        for with_jfif in [true, false] {
            for transform in [None, Some(0), Some(1), Some(2)] {
                let jfif = if with_jfif { jfif } else { &[] };
                let adobe = transform.map(adobe).unwrap_or_default();
                let file = [start, jfif, &adobe, &named(names)].concat();
                let what = format!("components {names:?}, JFIF: {with_jfif}, Adobe: {transform:?}");
                assert!(is_decoded_right(&file, &what), "{what}");
            }
        }
    }
}
