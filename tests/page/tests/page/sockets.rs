//! Who gets the page, and with which headers: over sockets, without a browser.

use std::io::Read;

use e2e::{Answer, Process};
use flate2::read::GzDecoder;
use reqwest::blocking::{Client, Response};

use crate::engines::{page, start};

/// The header with which browsers ask for a page.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// Sends a request with these headers and returns its response.
pub(crate) fn ask(engine: &Process, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
    let client = Client::builder().no_proxy().build().unwrap();
    let method = method.parse().unwrap();
    let request = client.request(method, format!("http://{}{path}", engine.address()));
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send().unwrap()
}

pub(crate) fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

fn is_page(response: &Response) -> bool {
    header(response, "content-type") == Some("text/html; charset=utf-8")
}

#[test]
fn browsers_get_the_page_and_others_the_metadata() {
    let engine = page();
    let metadata = engine.get("/v2").text;
    for accept in [BROWSER, "text/html", "Text/HTML;q=0.1, application/json"] {
        let response = ask(&engine, "GET", "/", &[("accept", accept)]);
        assert_eq!((response.status().as_u16(), is_page(&response)), (200, true), "{accept}");
        assert_eq!(header(&response, "vary"), Some("accept, accept-encoding"));
    }
    for headers in
        [&[][..], &[("accept", "*/*")], &[("accept", "text/*")], &[("accept", "application/json, text/html;q=0")]]
    {
        let response = ask(&engine, "GET", "/", headers);
        assert_eq!(header(&response, "content-type"), Some("application/json"), "{headers:?}");
        assert_eq!(header(&response, "vary"), Some("accept, accept-encoding"));
        assert_eq!(header(&response, "cache-control"), Some("no-store"));
        assert_eq!(response.text().unwrap(), metadata);
    }
    // Other routes have one form.
    for path in ["/v2", "/ready", "/openapi.json", "/v2/models/boxes"] {
        assert!(!is_page(&ask(&engine, "GET", path, &[("accept", BROWSER)])), "{path}");
    }
    assert_eq!(ask(&engine, "POST", "/", &[("accept", BROWSER)]).status(), 405);
}

#[test]
fn the_policy_admits_nothing_but_the_page() {
    let response = ask(&page(), "GET", "/", &[("accept", BROWSER)]);
    assert_eq!(header(&response, "x-content-type-options"), Some("nosniff"));
    assert_eq!(header(&response, "referrer-policy"), Some("no-referrer"));
    assert_eq!(header(&response, "cache-control"), Some("no-cache"));
    let policy = header(&response, "content-security-policy").unwrap();
    let directives: Vec<&str> = policy.split("; ").collect();
    for directive in
        ["default-src 'none'", "connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"]
    {
        assert!(directives.contains(&directive), "{directive} in {policy}");
    }
    for directive in ["script-src 'sha256-", "style-src 'sha256-"] {
        assert!(directives.iter().any(|found| found.starts_with(directive)), "{directive} in {policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
}

#[test]
fn a_head_has_the_headers_and_no_body() {
    let engine = page();
    let get = ask(&engine, "GET", "/", &[("accept", BROWSER)]);
    let head = ask(&engine, "HEAD", "/", &[("accept", BROWSER)]);
    for name in ["content-type", "etag", "content-length", "content-security-policy", "vary"] {
        assert_eq!(header(&head, name), header(&get, name), "{name}");
    }
    assert_eq!(head.text().unwrap(), "");
}

#[test]
fn a_browser_that_has_the_page_gets_a_304() {
    let engine = page();
    let first = ask(&engine, "GET", "/", &[("accept", BROWSER)]);
    let tag = header(&first, "etag").unwrap().to_owned();
    for known in [tag.clone(), format!("\"other\", {tag}"), "*".into()] {
        let again = ask(&engine, "GET", "/", &[("accept", BROWSER), ("if-none-match", &known)]);
        assert_eq!((again.status().as_u16(), header(&again, "etag")), (304, Some(&*tag)), "{known}");
        assert_eq!(again.text().unwrap(), "");
    }
    assert_eq!(ask(&engine, "GET", "/", &[("accept", BROWSER), ("if-none-match", "\"other\"")]).status(), 200);
    // The compressed page is another representation.
    let compressed = [("accept", BROWSER), ("accept-encoding", "gzip"), ("if-none-match", &*tag)];
    assert_eq!(ask(&engine, "GET", "/", &compressed).status(), 200);
}

#[test]
fn the_page_is_compressed_for_those_who_accept_it() {
    let engine = page();
    let plain = ask(&engine, "GET", "/", &[("accept", BROWSER)]);
    assert_eq!(header(&plain, "content-encoding"), None);
    let plain = plain.text().unwrap();
    let gzip = ask(&engine, "GET", "/", &[("accept", BROWSER), ("accept-encoding", "gzip, deflate, br, zstd")]);
    assert_eq!(header(&gzip, "content-encoding"), Some("gzip"));
    let compressed = gzip.bytes().unwrap();
    let mut unpacked = String::new();
    GzDecoder::new(&compressed[..]).read_to_string(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain);
    assert!(compressed.len() * 2 < plain.len(), "{} of {} bytes", compressed.len(), plain.len());
    for refusal in ["gzip;q=0", "identity", "br"] {
        let plain = ask(&engine, "GET", "/", &[("accept", BROWSER), ("accept-encoding", refusal)]);
        assert_eq!(header(&plain, "content-encoding"), None, "{refusal}");
    }
}

#[test]
fn the_page_is_at_the_root_and_at_the_base_url() {
    for base in ["/base", "/v2/models/speaker", "/v2"] {
        let engine = start(&[("CHARIOT_ENGINE_BASE_URL", base)]);
        engine.wait_until_ready();
        for path in ["/".to_owned(), base.to_owned(), format!("{base}/")] {
            assert!(is_page(&ask(&engine, "GET", &path, &[("accept", BROWSER)])), "{path}");
            assert!(!is_page(&ask(&engine, "GET", &path, &[])), "{path}");
        }
        assert!(!is_page(&ask(&engine, "GET", "/v2/models/boxes", &[("accept", BROWSER)])));
    }
}

#[test]
fn the_log_names_the_page() {
    let engine = start(&[("CHARIOT_ENGINE_BASE_URL", "/base")]);
    let url = format!("http://{}/base/", engine.address());
    engine.wait_for_log(&url);
}

/// Returns the answer to a browser by an engine that says nothing about the page, with these variables of cargo.
fn by_default(env: &[(&str, &str)]) -> Answer {
    let engine = Process::ready(env!("CARGO_BIN_EXE_page"), env);
    let response = ask(&engine, "GET", "/", &[("accept", BROWSER)]);
    let headers = response.headers().iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    Answer { status: response.status().as_u16(), headers: headers.collect(), text: response.text().unwrap() }
}

#[test]
fn the_page_is_off_without_a_terminal_and_on_under_cargo() {
    let outside = [("CARGO", ""), ("CARGO_MANIFEST_DIR", "")];
    let off = by_default(&outside);
    assert_eq!((off.header("content-type"), off.header("vary")), (Some("application/json"), None));
    for cargo in [("CARGO", "/usr/bin/cargo"), ("CARGO_MANIFEST_DIR", "/")] {
        let on = by_default(&[outside[0], outside[1], cargo]);
        assert_eq!(on.header("content-type"), Some("text/html; charset=utf-8"), "{cargo:?}");
    }
    let off = by_default(&[("CARGO", "/usr/bin/cargo"), ("CHARIOT_ENGINE_PAGE", "false")]);
    assert_eq!(off.header("content-type"), Some("application/json"));
}
