//! Answers that are drawn on pictures and written as tables, read back from the canvas.

use serde_json::Value;

use crate::{
    browser::in_browser,
    canvas::{BLUE, ORANGE, is_near, picture_size, pixel},
    engines::{digits, example, page},
};

#[test]
fn boxes_are_drawn_where_they_are() {
    in_browser(|browser| {
        let engine = page();
        browser.open(&engine, "/");
        browser.choose_model("boxes");
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
        browser.slide(".picture input", 0.7);
        assert_eq!(browser.value("document.querySelectorAll('.found li').length"), 1);
        assert!(browser.text(".picture output").contains("1 of 2"));
    });
}

#[test]
fn a_mask_lies_over_its_picture() {
    in_browser(|browser| {
        let engine = page();
        browser.open(&engine, "/");
        browser.choose_model("mask");
        browser.choose_files(&[example("digits/samples/0-36.png")]);
        browser.run();
        browser.slide(".picture input", 1.0);
        let (width, height) = picture_size(browser);
        let (left, right) = (pixel(browser, width * 0.2, height / 2.0), pixel(browser, width * 0.8, height / 2.0));
        assert_ne!(left, right);
        assert_eq!(right, ORANGE);
        // The background has a legend too, and no colour.
        assert_eq!(browser.value("document.querySelectorAll('.found li').length"), 2);
        let legend = |at: usize| browser.text(&format!(".found li:nth-child({at})"));
        assert!(legend(1).contains("class 0") && legend(1).contains("50.0 %"), "{}", legend(1));
        assert!(legend(2).contains("class 1") && legend(2).contains("50.0 %"), "{}", legend(2));
        assert_eq!(browser.value("document.querySelectorAll('.found .swatch.empty').length"), 1);
        // Without opacity, the picture alone is there.
        browser.slide(".picture input", 0.0);
        assert_ne!(pixel(browser, width * 0.8, height / 2.0), ORANGE);
    });
}

#[test]
fn vectors_are_compared() {
    in_browser(|browser| {
        let engine = page();
        browser.open(&engine, "/");
        browser.choose_model("letters");
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

#[test]
fn oriented_boxes_are_drawn_turned() {
    in_browser(|browser| {
        let engine = page();
        browser.open(&engine, "/");
        browser.choose_model("turned");
        browser.choose_files(&[example("face-detection/faces.jpg")]);
        browser.run();
        let (width, height) = picture_size(browser);
        // The middles of the four sides, of which the first is a quarter of the width to the right before the turn.
        let (sine, cosine) = std::f64::consts::FRAC_PI_6.sin_cos();
        let (right, down) = (width / 4.0, height / 8.0);
        for (x, y) in [(right, 0.0), (-right, 0.0), (0.0, down), (0.0, -down)] {
            let (x, y) = (width / 2.0 + x * cosine - y * sine, height / 2.0 + x * sine + y * cosine);
            assert!(is_near(pixel(browser, x, y), BLUE), "{x} {y}");
        }
        assert!(
            !is_near(pixel(browser, width / 2.0 + right, height / 2.0), BLUE),
            "where the side is without the turn"
        );
        assert!(browser.text(".found").contains("ship"));
        browser.screenshot("oriented");
    });
}

#[test]
fn entities_are_marked_in_their_text() {
    in_browser(|browser| {
        let engine = page();
        browser.open(&engine, "/");
        browser.choose_model("names");
        // An emoji is one character, and the driver cannot type it.
        browser.value("(() => { document.querySelector('.texts textarea').value = 'so 🦀 says Ada of Paris'; })()");
        browser.run();
        let mark = |at: usize, what: &str| {
            browser.value(&format!("[...document.querySelectorAll('.said mark')][{at}].{what}"))
        };
        assert_eq!(browser.value("document.querySelectorAll('.said mark').length"), 2);
        assert_eq!((mark(0, "firstChild.data"), mark(0, "lastChild.textContent")), ("Ada".into(), "name".into()));
        assert_eq!((mark(1, "firstChild.data"), mark(1, "lastChild.textContent")), ("Paris".into(), "place".into()));
        // Each class has its own colour, and the text around is there.
        assert_ne!(mark(0, "style.getPropertyValue('--mark')"), mark(1, "style.getPropertyValue('--mark')"));
        assert!(browser.text(".said").starts_with("so 🦀 says Ada"));
        browser.screenshot("entities");
    });
}

#[test]
fn the_stages_of_a_request_are_bars() {
    in_browser(|browser| {
        let engine = digits();
        browser.open(&engine, "/");
        browser.choose_files(&[example("digits/samples/3-59.png")]);
        browser.run();
        let list = |what: &str| {
            let list = browser.value(&format!("[...document.querySelectorAll('.stages li')].map((one) => one.{what})"));
            list.as_array().expect("a list").clone()
        };
        let names = list("querySelector('.name').textContent");
        assert_eq!(names, ["read", "decode", "queue", "infer", "encode"]);
        let times = list("querySelector('.number').textContent");
        assert!(times.iter().all(|time| time.as_str().is_some_and(|time| time.ends_with('s'))), "{times:?}");
        let widths = list("querySelector('.fill').style.width");
        assert!(widths.contains(&"100%".into()), "the longest stage is as wide as there is room: {widths:?}");
    });
}
