//! Answers that are drawn on pictures and written as tables, read back from the canvas.

use serde_json::{Value, json};

use crate::{
    browser::{Browser, in_browser},
    engines::{example, page},
};

/// Chooses a model by its name.
fn choose_model(browser: &Browser, name: &str) {
    let at = browser.value(&format!(
        "[...document.querySelectorAll('.models option')].findIndex((one) => one.text === {})",
        json!(name)
    ));
    browser.click(&format!(".models option:nth-child({})", at.as_u64().expect("the model is offered") + 1));
}

/// Returns the colour of the canvas at a place in pixels of the picture.
fn pixel(browser: &Browser, x: f64, y: f64) -> [u64; 3] {
    let found = browser.value(&format!(
        "(() => {{ const canvas = document.querySelector('.picture canvas'); const scale = Number(canvas.dataset.scale); \
         return [...canvas.getContext('2d').getImageData(Math.round({x} * scale), Math.round({y} * scale), 1, 1).data]; }})()"
    ));
    [0, 1, 2].map(|channel: usize| found[channel].as_u64().expect("a colour"))
}

/// Returns the size of the picture.
fn picture_size(browser: &Browser) -> (f64, f64) {
    let size = browser.value(
        "(() => { const canvas = document.querySelector('.picture canvas'); const scale = Number(canvas.dataset.scale); \
         return [canvas.width / scale, canvas.height / scale]; })()",
    );
    let number = |at: usize| size[at].as_f64().map(f64::round).expect("a number");
    (number(0), number(1))
}

const BLUE: [u64; 3] = [0x4a, 0x6c, 0xf7];

#[test]
fn boxes_are_drawn_where_they_are() {
    in_browser(|browser| {
        let engine = page();
        browser.open(&engine, "/");
        choose_model(browser, "boxes");
        browser.choose_files(&[example("face-detection/faces.jpg")]);
        browser.run();
        let (width, height) = picture_size(browser);
        let middle = height / 2.0;
        assert_eq!(pixel(browser, 4.0, middle), BLUE, "the left side of the first box");
        assert_eq!(pixel(browser, width / 2.0, middle), BLUE, "its right side");
        assert_ne!(pixel(browser, width / 4.0, middle), BLUE, "its inside");
        assert_eq!(browser.value("document.querySelectorAll('.found li').length"), 2);
        browser.screenshot("boxes");
        // A higher threshold leaves the second box out.
        browser.value("(() => { const slider = document.querySelector('.picture input'); slider.value = 0.7; slider.dispatchEvent(new Event('input')); })()");
        assert_eq!(browser.value("document.querySelectorAll('.found li').length"), 1);
        assert!(browser.text(".picture output").contains("1 of 2"));
    });
}

#[test]
fn a_mask_lies_over_its_picture() {
    in_browser(|browser| {
        let engine = page();
        browser.open(&engine, "/");
        choose_model(browser, "mask");
        browser.choose_files(&[example("digits/samples/0-36.png")]);
        browser.run();
        browser.value("(() => { const slider = document.querySelector('.picture input'); slider.value = 1; slider.dispatchEvent(new Event('input')); })()");
        let (width, height) = picture_size(browser);
        let (left, right) = (pixel(browser, width * 0.2, height / 2.0), pixel(browser, width * 0.8, height / 2.0));
        assert_ne!(left, right);
        assert_eq!(right, [0xe8, 0x59, 0x0c]);
        assert!(browser.text(".found").contains("class 1") && browser.text(".found").contains("50.0 %"));
    });
}

#[test]
fn vectors_are_compared() {
    in_browser(|browser| {
        let engine = page();
        browser.open(&engine, "/");
        choose_model(browser, "letters");
        browser.replace(".texts textarea", "listen");
        for text in ["silent", "zzz"] {
            browser.click(".editor .row button");
            browser.type_into(".texts .one:last-child textarea", text);
        }
        browser.run();
        let cosine = |row: usize, column: usize| {
            browser
                .text(&format!(".result tbody tr:nth-child({row}) td:nth-child({})", column + 1))
                .parse::<f64>()
                .expect("a number")
        };
        assert_eq!((cosine(1, 1), cosine(1, 2)), (1.0, 1.0));
        assert!(cosine(1, 3) < 0.5);
        assert_eq!(browser.value("document.querySelectorAll('canvas.strip').length"), Value::from(3));
        browser.screenshot("vectors");
    });
}
