//! Drawings on the page, read back from its canvas.

use crate::browser::Browser;

/// The colour of the first class.
pub(crate) const BLUE: [u64; 3] = [0x4a, 0x6c, 0xf7];

/// The colour of the second class.
pub(crate) const ORANGE: [u64; 3] = [0xe8, 0x59, 0x0c];

/// Returns the colour of the canvas at a place in pixels of the picture.
pub(crate) fn pixel(browser: &Browser, x: f64, y: f64) -> [u64; 3] {
    let found = browser.value(&format!(
        "(() => {{ const canvas = document.querySelector('.picture canvas'); const scale = Number(canvas.dataset.scale); \
         return [...canvas.getContext('2d').getImageData(Math.round({x} * scale), Math.round({y} * scale), 1, 1).data]; }})()"
    ));
    [0, 1, 2].map(|channel: usize| found[channel].as_u64().expect("a colour"))
}

/// Returns the size of the picture.
pub(crate) fn picture_size(browser: &Browser) -> (f64, f64) {
    let size = browser.value(
        "(() => { const canvas = document.querySelector('.picture canvas'); const scale = Number(canvas.dataset.scale); \
         return [canvas.width / scale, canvas.height / scale]; })()",
    );
    let number = |at: usize| size[at].as_f64().map(f64::round).expect("a number");
    (number(0), number(1))
}

/// Returns `true` if a pixel has a colour, or nearly: edges that are not straight are blended.
pub(crate) fn is_near(pixel: [u64; 3], colour: [u64; 3]) -> bool {
    pixel.iter().zip(colour).all(|(channel, of)| channel.abs_diff(of) < 64)
}
