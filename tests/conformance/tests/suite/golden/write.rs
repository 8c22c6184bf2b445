//! The responses of the golden files: each file with a `model` holds exactly what an engine with these results answers.
//! `UPDATE_GOLDEN=1 cargo test -p conformance golden` writes them.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    net::TcpStream,
};

use conformance::GoldenFile;

use super::{directory, engines::engine, text::Ordered};
use crate::served::Served;

#[test]
fn every_file_holds_the_responses_of_an_engine() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    for entry in fs::read_dir(directory()).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let file = GoldenFile::from_json(&text).unwrap();
        if file.model.is_none() {
            continue;
        }
        let written = answered(&file, serde_json::from_str(&text).unwrap()).pretty();
        if update {
            fs::write(&path, written).unwrap();
        } else {
            assert!(text == written, "{}: UPDATE_GOLDEN=1 writes:\n{written}", path.display());
        }
    }
}

/// Returns the text of a file with the responses of its engine.
fn answered(file: &GoldenFile, mut whole: Ordered) -> Ordered {
    let mut engines = BTreeMap::new();
    let exchanges = whole.get_mut("exchanges").expect("exchanges").elements_mut();
    for (exchange, ordered) in file.exchanges.iter().zip(exchanges) {
        for (protocol, bodies) in exchange.protocols() {
            // The response is the same in every layout of the exchange.
            let mut responses: Vec<Ordered> = Vec::new();
            for layout in &exchange.layouts {
                let model = file.model.as_ref().expect("a model");
                let served =
                    engines.entry(layout.clone()).or_insert_with(|| Served::start(engine(&file.task, model, layout)));
                responses.push(ask(served, &bodies.request.to_string()));
            }
            let response = responses[0].clone();
            assert!(responses.iter().all(|other| *other == response), "{}: {responses:?}", exchange.name);
            *ordered.get_mut(protocol).and_then(|bodies| bodies.get_mut("response")).expect("a response") = response;
        }
    }
    whole
}

/// Returns the response to a request, in the order in which the engine writes it.
fn ask(served: &Served, body: &str) -> Ordered {
    let mut stream = TcpStream::connect(served.url().trim_start_matches("http://")).unwrap();
    let head = "POST /infer HTTP/1.1\r\nHost: golden\r\nConnection: close\r\nContent-Type: application/json";
    write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.1 200 "), "{answer}");
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
}
