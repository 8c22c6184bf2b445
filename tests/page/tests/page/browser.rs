//! Debian's chromium, driven over WebDriver by its `chromedriver`: one browser for all tests, which take turns.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError, Weak},
};

use e2e::{DEADLINE, Process, until};
use reqwest::blocking::Client;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The flags of the browser: no window, no services in the background, nothing kept, and a camera that is none, which pages
/// may use without asking.
const FLAGS: [&str; 11] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
];

/// A browser, and the page that it shows.
pub(crate) struct Browser {
    driver: Child,
    client: Client,
    session: String,
    /// The begin of the URL of the page that it shows.
    origin: Mutex<String>,
    _profile: TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ends the browser, which is not a child of this process.
        let _ = self.client.delete(&self.session).send();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

impl Browser {
    /// Starts a browser. `None` if it or its driver is not installed.
    pub(crate) fn start() -> Option<Browser> {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let mut command = Command::new("chromedriver");
        command.arg(format!("--port={port}")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let is_installed = Command::new("chromium").arg("--version").output().is_ok_and(|out| out.status.success());
        let Some(driver) = is_installed.then(|| command.spawn().ok()).flatten() else {
            println!("SKIPPED: chromium or chromedriver is not installed");
            return None;
        };
        let client = Client::builder().timeout(DEADLINE).no_proxy().build().expect("a client");
        let server = format!("http://127.0.0.1:{port}");
        until("the driver is ready", || client.get(format!("{server}/status")).send().ok());
        let profile = tempfile::tempdir().expect("a folder");
        let folder = format!("--user-data-dir={}", profile.path().display());
        let flags: Vec<&str> = FLAGS.into_iter().chain([&*folder, "--window-size=1360,1000"]).collect();
        let wanted = json!({ "goog:chromeOptions": { "args": flags }, "goog:loggingPrefs": { "browser": "ALL" } });
        let mut browser = Browser {
            driver,
            client,
            session: format!("{server}/session"),
            origin: Mutex::default(),
            _profile: profile,
        };
        let made = browser.post("", &json!({ "capabilities": { "alwaysMatch": wanted } }));
        browser.session = format!("{server}/session/{}", made["sessionId"].as_str().expect("a session"));
        Some(browser)
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let response = self.client.post(format!("{}{path}", self.session)).json(body).send().expect("a response");
        let is_success = response.status().is_success();
        let mut answer: Value = response.json().expect("JSON of the driver");
        assert!(is_success, "{path} {body}: {answer}");
        answer["value"].take()
    }

    /// Opens the page of an engine, and waits until it knows the engine.
    pub(crate) fn open(&self, engine: &Process, path: &str) {
        self.visit(&format!("http://{}{path}", engine.address()));
        self.wait("the page knows the engine", "document.querySelector('.panel, .monitor, .operation') !== null");
    }

    /// Opens a URL.
    pub(crate) fn visit(&self, url: &str) {
        let origin: String = url.split_inclusive('/').take(3).collect();
        *self.origin.lock().unwrap_or_else(PoisonError::into_inner) = origin;
        // A change of the fragment alone would keep the page.
        self.post("/url", &json!({ "url": "about:blank" }));
        self.post("/url", &json!({ "url": url }));
    }

    /// Returns the value of an expression of JavaScript; of a promise, what it becomes.
    pub(crate) fn value(&self, expression: &str) -> Value {
        self.post("/execute/sync", &json!({ "script": format!("return {expression};"), "args": [] }))
    }

    /// Returns the text that a selector finds first, as a person sees it; empty if it finds nothing.
    pub(crate) fn text(&self, selector: &str) -> String {
        let found = self.value(&format!("document.querySelector({})?.innerText ?? ''", json!(selector)));
        found.as_str().expect("a text").to_owned()
    }

    /// Waits until an expression is true.
    #[track_caller]
    pub(crate) fn wait(&self, what: &str, expression: &str) {
        until(what, || (self.value(expression) == Value::Bool(true)).then_some(()));
    }

    /// Waits until the text that a selector finds contains another.
    #[track_caller]
    pub(crate) fn wait_for_text(&self, selector: &str, text: &str) {
        until(&format!("{text} in {selector}"), || self.text(selector).contains(text).then_some(()));
    }

    fn element(&self, selector: &str) -> String {
        let found = self.post("/element", &json!({ "using": "css selector", "value": selector }));
        let id = found.as_object().and_then(|of| of.values().next()).and_then(Value::as_str);
        id.unwrap_or_else(|| panic!("no element: {selector}")).to_owned()
    }

    /// Clicks what a selector finds, as a person does.
    pub(crate) fn click(&self, selector: &str) {
        self.post(&format!("/element/{}/click", self.element(selector)), &json!({}));
    }

    /// Types into a field; into a field of files, their paths.
    pub(crate) fn type_into(&self, selector: &str, text: &str) {
        self.post(&format!("/element/{}/value", self.element(selector)), &json!({ "text": text }));
    }

    /// Replaces the text of a field.
    pub(crate) fn replace(&self, selector: &str, text: &str) {
        self.post(&format!("/element/{}/clear", self.element(selector)), &json!({}));
        self.type_into(selector, text);
    }

    /// Chooses image files.
    pub(crate) fn choose_files(&self, paths: &[PathBuf]) {
        self.choose_files_beside(paths, paths.len());
    }

    /// Chooses image files beside others; there are then `count`.
    pub(crate) fn choose_files_beside(&self, paths: &[PathBuf], count: usize) {
        let paths: Vec<_> = paths.iter().map(|path| path.to_str().expect("a path in UTF-8")).collect();
        self.type_into("input[accept^=image]", &paths.join("\n"));
        self.wait("the images are read", &format!("document.querySelectorAll('.thumbs li').length === {count}"));
    }

    /// Chooses a model of the engine.
    pub(crate) fn choose_model(&self, name: &str) {
        let at = self.value(&format!(
            "[...document.querySelectorAll('.models option')].findIndex((one) => one.text === {})",
            json!(name)
        ));
        self.click(&format!(".models option:nth-child({})", at.as_u64().expect("the model is offered") + 1));
    }

    /// Moves a slider.
    pub(crate) fn slide(&self, selector: &str, to: f64) {
        self.value(&format!(
            "(() => {{ const slider = document.querySelector({}); slider.value = {to}; slider.dispatchEvent(new Event('input')); }})()",
            json!(selector)
        ));
    }

    /// Runs the request, and waits for its answer.
    pub(crate) fn run(&self) {
        self.click(".run button.primary");
        self.wait("the answer is there", "document.querySelector('.result[aria-busy]') === null && document.querySelector('.result .waiting') === null");
    }

    /// Returns the errors that the browser has logged since the last call, such as breaches of the policy. Those of another
    /// engine's page, which goes on looking for it, are left out.
    pub(crate) fn errors(&self) -> Vec<String> {
        let lines = self.post("/se/log", &json!({ "type": "browser" }));
        let lines = lines.as_array().expect("a list").iter().filter(|line| line["level"] == "SEVERE");
        let errors = lines.map(|line| line["message"].as_str().unwrap_or_default().to_owned());
        let origin = self.origin.lock().unwrap_or_else(PoisonError::into_inner);
        errors.filter(|error| !error.starts_with("http://") || error.starts_with(&*origin)).collect()
    }

    /// Sets the size of the window.
    pub(crate) fn resize(&self, width: u32, height: u32) {
        self.post("/window/rect", &json!({ "width": width, "height": height }));
    }

    /// Writes what the window shows to `target/page-screenshots`.
    pub(crate) fn screenshot(&self, name: &str) {
        let url = format!("{}/screenshot", self.session);
        let shot: Value = self.client.get(url).send().expect("a response").json().expect("JSON of the driver");
        let bytes = base64_simd::STANDARD.decode_to_vec(shot["value"].as_str().expect("a picture")).expect("base64");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../page-screenshots");
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join(format!("{name}.png")), bytes).expect("a file");
    }
}

/// The browser of the tests that run now. It ends with the last of them.
static BROWSER: Mutex<Weak<Mutex<Browser>>> = Mutex::new(Weak::new());

/// Runs a test in the browser, when it is its turn. Without a browser it is skipped, with a line that says so.
pub(crate) fn in_browser(test: impl FnOnce(&Browser)) {
    let browser = {
        let mut running = BROWSER.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(browser) = running.upgrade().or_else(|| Browser::start().map(|started| Arc::new(Mutex::new(started))))
        else {
            return;
        };
        *running = Arc::downgrade(&browser);
        browser
    };
    let turn = browser.lock().unwrap_or_else(PoisonError::into_inner);
    turn.resize(1360, 1000);
    turn.errors();
    test(&turn);
    let errors = turn.errors();
    assert_eq!(errors, Vec::<String>::new(), "the browser logs no errors");
}
