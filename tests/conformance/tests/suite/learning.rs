//! The discovery of facts about a server, and servers that write HTTP in unusual ways.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::mpsc,
    thread,
    time::Duration,
};

use conformance::{Level, Outcome, Report, Spec, Suite, Target, run};
use serde_json::{Value, json};

/// Starts a server of which a test controls every byte: `answer` maps the method, the path and the body of a request to
/// the whole response. It runs until the process of the test exits.
fn server(answer: impl Fn(&str, &str, &str) -> String + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // A caller that disconnects does not affect the server.
            let _ = serve(&stream, &answer);
        }
    });
    address
}

fn serve(mut stream: &TcpStream, answer: impl Fn(&str, &str, &str) -> String) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        lines.push(line);
    }
    let length = lines.iter().find_map(|line| line.strip_prefix("Content-Length: ")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    let mut words = lines.first().map(String::as_str).unwrap_or_default().split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    stream.write_all(answer(method, path, &String::from_utf8_lossy(&body)).as_bytes())
}

fn ok(body: &Value) -> String {
    let body = body.to_string();
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn status(code: u16) -> String {
    format!("HTTP/1.1 {code} So\r\nContent-Length: 0\r\n\r\n")
}

/// Makes a response whose outputs are the inputs of a request.
fn echoed(body: &str) -> Value {
    let mut request: Value = serde_json::from_str(body).unwrap_or_default();
    json!({"model_name": "m", "outputs": request["inputs"].take()})
}

/// Makes a suite of one case with the valid request.
fn suite(rest: &str) -> Suite {
    let file =
        format!("section = '4'\ntitle = 'T'\n[[case]]\nname = 'a'\nsays = 'b'\nsource = 'c'\nlevel = 'oip'\n{rest}\n");
    Suite::read([("four.toml", file.as_str())]).unwrap()
}

fn target(address: SocketAddr) -> Target {
    Target::new(&format!("http://{address}"), "m").unwrap().level(Level::Chariot)
}

#[track_caller]
fn passes(report: &Report) {
    assert_eq!((report.passed(), report.failed()), (1, 0), "{}", report.table());
}

fn holds(report: &Report, condition: &str) -> bool {
    report.conditions.iter().any(|of| of == condition)
}

/// Returns the first inference request that a server with this metadata and this document receives.
fn first_request(metadata: Value, openapi: Option<Value>, spec: Spec) -> (Value, Report) {
    let (send, received) = mpsc::channel();
    let address = server(move |_, path, body| match (path, &openapi) {
        ("/v2/models/m", _) => ok(&metadata),
        ("/openapi.json", Some(document)) => ok(document),
        ("/v2/models/m/infer", _) => {
            // The test uses the first request only.
            let _ = send.send(serde_json::from_str(body).unwrap_or_default());
            ok(&echoed(body))
        }
        _ => status(404),
    });
    let report = run(&target(address).spec(spec), &suite("expect = { status = 200, echo = true }")).unwrap();
    passes(&report);
    (received.recv_timeout(Duration::from_secs(30)).expect("a request"), report)
}

#[test]
fn a_request_is_built_from_the_metadata() {
    let metadata = json!({"name": "m", "versions": ["3"], "platform": "p", "outputs": [], "inputs": [
        {"name": "ids", "datatype": "INT64", "shape": [-1, 2]},
        {"name": "mask", "datatype": "BOOL", "shape": [1]},
        {"name": "texts", "datatype": "BYTES", "shape": [-1], "parameters": {"content_type": "str"}},
    ]});
    let (request, report) = first_request(metadata, None, Spec::default());
    let expected = json!({"inputs": [
        {"name": "ids", "datatype": "INT64", "shape": [1, 2], "data": [0, 0]},
        {"name": "mask", "datatype": "BOOL", "shape": [1], "data": [false]},
        {"name": "texts", "datatype": "BYTES", "shape": [1], "data": [""]},
    ]});
    assert_eq!(request, expected);
    for condition in
        ["declared-inputs", "tensors", "numeric", "variable-batch", "fixed-shape", "two-inputs", "version", "echo"]
    {
        assert!(holds(&report, condition), "{condition}: {:?}", report.conditions);
    }
    assert!(!holds(&report, "items") && !holds(&report, "openapi") && !holds(&report, "outputs"));
}

#[test]
fn an_example_of_the_openapi_document_precedes_the_metadata() {
    let metadata = json!({"inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 4]}]});
    let example = json!({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 4], "data": [5.1, 3.5, 1.4, 0.2]}]});
    let document = json!({
        "paths": {"/v2/models/m/infer": {"post": {"requestBody": {"$ref": "#/components/requestBodies/infer"}}}},
        "components": {"requestBodies": {"infer": {"content": {"application/json": {
            "examples": {"a flower": {"value": example}},
        }}}}},
    });
    let (request, report) = first_request(metadata, Some(document), Spec::default());
    assert_eq!(request, example);
    assert!(holds(&report, "openapi"));
}

#[test]
fn the_spec_precedes_everything() {
    let metadata = json!({"inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 4]}]});
    let said = r#"{"inputs": [{"name": "y", "datatype": "FP16", "shape": [-1, 2]}], "not": ["echo"], "conditions": ["streaming"]}"#;
    let (request, report) = first_request(metadata, None, Spec::from_json(said).unwrap());
    assert_eq!(request, json!({"inputs": [{"name": "y", "datatype": "FP16", "shape": [1, 2], "data": [0.0, 0.0]}]}));
    assert!(holds(&report, "streaming") && !holds(&report, "echo"));
}

#[test]
fn an_input_named_image_takes_images() {
    let metadata = json!({"inputs": [{"name": "image", "datatype": "BYTES", "shape": [-1]}]});
    let (request, report) = first_request(metadata, None, Spec::default());
    let image = request["inputs"][0]["data"][0].as_str().expect("base64");
    assert!(image.starts_with("iVBORw0KGgo"), "a PNG: {image}");
    assert!(holds(&report, "items") && holds(&report, "image") && !holds(&report, "tensors"));
}

#[test]
fn a_server_without_a_known_valid_request_is_unusable() {
    let address = server(|_, path, _| if path == "/v2/models/m" { ok(&json!({"inputs": []})) } else { status(400) });
    let fault = run(&target(address), &suite("expect = { status = 200 }")).expect_err("no valid request").to_string();
    assert!(fault.contains("--inputs") && fault.contains("because the metadata names no inputs: 400"), "{fault}");
}

#[test]
fn a_server_that_never_responds_is_abandoned() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = target(listener.local_addr().unwrap()).timeout(Duration::from_millis(50));
    let fault = run(&target, &suite("expect = { status = 200 }")).expect_err("no response").to_string();
    assert!(fault.contains("no response within 50ms"), "{fault}");
}

#[test]
fn a_response_that_is_not_http_is_reported() {
    let address = server(|_, _, _| "SSH-2.0-OpenSSH_9.6\r\n".into());
    let fault = run(&target(address), &suite("expect = { status = 200 }")).expect_err("not HTTP").to_string();
    assert!(fault.contains("the response is not HTTP/1.1"), "{fault}");
}

#[test]
fn chunks_interim_responses_and_bodies_until_close_are_read() {
    for form in ["chunks", "interim", "close"] {
        let address = server(move |_, path, body| {
            let body = if path == "/v2/models/m/infer" { echoed(body) } else { json!({"inputs": []}) }.to_string();
            let (first, rest) = body.split_at(3);
            match form {
                "chunks" => format!(
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\n{first}\r\n{:X}\r\n{rest}\r\n0\r\nX: y\r\n\r\n",
                    rest.len()
                ),
                "interim" => {
                    format!(
                        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nCONTENT-LENGTH: {}\r\n\r\n{body}",
                        body.len()
                    )
                }
                _ => format!("HTTP/1.1 200 OK\r\n\r\n{body}"),
            }
        });
        let report = run(&target(address), &suite("expect = { status = 200, echo = true }")).expect(form);
        passes(&report);
    }
}

#[test]
fn a_body_in_response_to_head_is_detected() {
    let address = server(|method, path, body| match (method, path) {
        ("HEAD", _) => ok(&json!({"live": true})),
        (_, "/v2/models/m/infer") => ok(&echoed(body)),
        _ => status(404),
    });
    let suite = suite("method = 'HEAD'\npath = '/v2/health/live'\nexpect = { status = 200, text = { empty = true } }");
    let report = run(&target(address), &suite).unwrap();
    let outcomes: Vec<_> = report.cases().map(|(_, case)| &case.outcome).collect();
    let [Outcome::Failed { faults }] = outcomes.as_slice() else { panic!("{}", report.table()) };
    assert_eq!(
        (faults[0].expected.as_str(), faults[0].got.as_str()),
        ("the text of the body: no body", r#"{"live":true}"#)
    );
}
