//! The ways of a picture into the page: pasted, dropped, from the camera, and as a phone stores it.

use std::fs;

use serde_json::{Value, json};

use crate::{
    browser::{Browser, in_browser},
    canvas::{BLUE, picture_size, pixel},
    engines::{example, page},
};

/// The EXIF segment of a JPEG with one entry: orientation 6, to be turned by 90 degrees clockwise.
const TURNED: &[u8] = b"\xff\xe1\0\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";

/// Has the page see an event with pictures of these names in it, as `DataTransfer` holds them.
fn dispatch(browser: &Browser, names: &[&str], event: &str) {
    browser.value(&format!(
        "(async () => {{
            const data = new DataTransfer();
            for (const name of {names}) {{
                const canvas = Object.assign(document.createElement('canvas'), {{ width: 8, height: 8 }});
                canvas.getContext('2d').fillRect(0, 0, 4, 4);
                const blob = await new Promise((done) => canvas.toBlob(done, 'image/png'));
                data.items.add(new File([blob], name, {{ type: 'image/png' }}));
            }}
            {event}
        }})()",
        names = json!(names)
    ));
}

/// Returns the names of the pictures that will be sent.
fn names(browser: &Browser) -> Vec<Value> {
    let names = browser.value("[...document.querySelectorAll('.thumbs .name')].map((one) => one.textContent)");
    names.as_array().expect("a list").clone()
}

fn wait_for_pictures(browser: &Browser, count: usize) {
    browser.wait("the pictures are read", &format!("document.querySelectorAll('.thumbs img').length === {count}"));
}

#[test]
fn pictures_are_pasted_and_dropped() {
    in_browser(|browser| {
        let engine = page();
        browser.open(&engine, "/");
        browser.choose_model("boxes");
        let paste = "document.activeElement.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true }));";
        dispatch(browser, &["image.png"], paste);
        wait_for_pictures(browser, 1);
        let drop = "const zone = document.querySelector('.drop');
            zone.dispatchEvent(new DragEvent('dragover', { dataTransfer: data, bubbles: true, cancelable: true }));
            const isSeen = zone.classList.contains('over');
            zone.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
            if (!isSeen || zone.classList.contains('over')) throw new Error('the place does not show that it takes files');";
        dispatch(browser, &["a.png", "image.png", "b.png"], drop);
        wait_for_pictures(browser, 4);
        // Each has a name of its own, by which its output is found.
        assert_eq!(names(browser), ["image.png", "a.png", "2-image.png", "b.png"]);
        browser.run();
        assert_eq!(browser.value("document.querySelectorAll('.answer .picture').length"), 4);
        browser.screenshot("pictures");
        // What is pasted where no pictures are taken is none of the page's business.
        browser.choose_model("letters");
        dispatch(browser, &["image.png"], paste);
        browser.click(".run button.primary");
        browser.wait_for_text(".vector", "27 numbers");
    });
}

#[test]
fn a_picture_is_taken_by_the_camera() {
    in_browser(|browser| {
        let engine = page();
        browser.open(&engine, "/");
        browser.choose_model("boxes");
        let open = "[...document.querySelectorAll('.drop button')].find((one) => one.textContent === 'Camera').click()";
        browser.value(open);
        browser.wait("the camera is on", "document.querySelector('.camera .primary:enabled') !== null");
        browser.value("(() => { window.track = document.querySelector('video').srcObject.getTracks()[0]; })()");
        browser.click(".camera .primary");
        wait_for_pictures(browser, 1);
        assert_eq!(names(browser), ["camera.png"]);
        let is_off = "window.track.readyState === 'ended' && document.querySelector('video') === null";
        assert_eq!(browser.value(is_off), true);
        browser.run();
        let (width, height) = picture_size(browser);
        assert!(width > 8.0 && height > 8.0, "{width} {height}");
        assert_eq!(pixel(browser, 4.0, height / 2.0), BLUE);
        browser.screenshot("camera");
        // It goes off with the view, too.
        browser.value(open);
        browser.wait("the camera is on", "document.querySelector('.camera .primary:enabled') !== null");
        browser.value("(() => { window.track = document.querySelector('video').srcObject.getTracks()[0]; })()");
        browser.click("#tab-monitor");
        browser.wait("the camera is off", is_off);
    });
}

#[test]
fn boxes_are_drawn_on_the_pixels_that_the_engine_has_seen() {
    in_browser(|browser| {
        let folder = tempfile::tempdir().unwrap();
        let stored = fs::read(example("face-detection/faces.jpg")).unwrap();
        let photograph = folder.path().join("photograph.jpg");
        fs::write(&photograph, [&stored[..2], TURNED, &stored[2..]].concat()).unwrap();
        let engine = page();
        browser.open(&engine, "/");
        // As it is stored, without the EXIF data.
        browser.choose_model("boxes");
        browser.choose_files(&[example("face-detection/faces.jpg")]);
        browser.run();
        let (width, height) = picture_size(browser);
        assert!(width > height);
        let colour = pixel(browser, width * 0.2, height * 0.3);
        assert_eq!(browser.value("document.querySelector('.result .segments')"), Value::Null);
        // The model reads the stored pixels, whatever the browser shows of the file.
        browser.click(".thumbs .icon");
        browser.choose_files(std::slice::from_ref(&photograph));
        browser.run();
        assert_eq!(picture_size(browser), (width, height));
        assert_eq!(pixel(browser, width * 0.2, height * 0.3), colour);
        assert_eq!(pixel(browser, 4.0, height / 2.0), BLUE);
        browser.screenshot("exif");
        browser.click(".result .segments button:nth-child(2)");
        assert_eq!(picture_size(browser), (height, width));
        // A model that turns it finds boxes that the stored pixels do not have.
        browser.choose_model("upright");
        browser.choose_files(&[photograph]);
        browser.run();
        assert_eq!(picture_size(browser), (height, width));
        assert_eq!(pixel(browser, 4.0, width / 2.0), BLUE);
        assert_eq!(pixel(browser, height / 2.0, width / 2.0), BLUE);
        browser.screenshot("upright");
    });
}
