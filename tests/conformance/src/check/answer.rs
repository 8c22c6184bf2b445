//! Checks of a whole response: its status, headers and text, its JSON, and its tensors.

use serde_json::Value;

use super::{
    header::header,
    mismatch::{Found, Mismatch},
    predicate::predicate,
};
use crate::{
    http::Answer,
    request::{Made, decompress},
    suite::{Expect, Names, TensorPredicate, TextPredicate, Writing},
    tensor::{Scalar, Tensor, document, flat, is_datatype, of_answer},
    text::{short, shown},
};

/// Returns the mismatches of a response; none if it meets one of the expectations. If it meets none of several, the
/// mismatches are those of the first one with the right status.
pub(crate) fn check(expected: &[Expect], made: &Made, answer: &Answer, names: &Names) -> Found {
    let mut faults = Vec::new();
    for expect in expected {
        let found = one(expect, made, answer, names)?;
        if found.is_empty() {
            return Ok(found);
        }
        faults.push((!is_status(&names.value(&expect.status)?, answer.status), found));
    }
    faults.sort_by_key(|(other_status, _)| *other_status);
    let others = faults.len().saturating_sub(1);
    let mut found = faults.into_iter().next().map(|(_, found)| found).unwrap_or_default();
    if let Some(first) = found.first_mut().filter(|_| others > 0) {
        first.expected += &format!(" (or one of {others} other ways)");
    }
    Ok(found)
}

fn one(expect: &Expect, made: &Made, answer: &Answer, names: &Names) -> Found {
    let status = names.value(&expect.status)?;
    if !is_status(&status, answer.status) {
        return Ok(vec![Mismatch::new(format!("status {}", said(&status)), format!("status {}", answer.status))]);
    }
    let mut found = Vec::new();
    for (name, expected) in &expect.headers {
        found.extend(header(name, expected, answer, names)?);
    }
    if expect.text.is_none() && expect.body.is_empty() && !expect.echo && expect.tensors.is_empty() {
        return Ok(found);
    }
    let answer = match decompressed(answer) {
        Ok(answer) => answer,
        Err(fault) => {
            found.push(Mismatch::new("a body that can be read", fault));
            return Ok(found);
        }
    };
    if let Some(expected) = &expect.text {
        found.extend(text(expected, &answer, names)?);
    }
    if !expect.body.is_empty() {
        match document(&answer) {
            Ok(document) => {
                for expected in &expect.body {
                    found.extend(predicate(&document, expected, "", names)?);
                }
            }
            Err(fault) => found.push(Mismatch::new("a body of JSON", fault)),
        }
    }
    if expect.echo || !expect.tensors.is_empty() {
        match of_answer(&answer) {
            Ok(got) => {
                if expect.echo {
                    found.extend(echo(&made.sent, &got));
                }
                for expected in &expect.tensors {
                    found.extend(tensor(expected, &got, names)?);
                }
            }
            Err(fault) => found.push(Mismatch::new("tensors", fault)),
        }
    }
    Ok(found)
}

fn decompressed(answer: &Answer) -> Result<Answer, String> {
    match answer.header("content-encoding") {
        Some(coding) => Ok(Answer { body: decompress(&coding, &answer.body)?, ..answer.clone() }),
        None => Ok(answer.clone()),
    }
}

fn is_status(expected: &Value, got: u16) -> bool {
    match expected {
        Value::Array(any) => any.iter().any(|one| is_status(one, got)),
        Value::String(text) => match text.strip_prefix("not ") {
            Some(other) => !is_status(&other.into(), got),
            None => text.strip_suffix("xx").and_then(|class| class.parse().ok()) == Some(got / 100),
        },
        number => number.as_u64() == Some(got.into()),
    }
}

fn said(status: &Value) -> String {
    match status {
        Value::Array(any) => any.iter().map(said).collect::<Vec<_>>().join(" or "),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn text(expected: &TextPredicate, answer: &Answer, names: &Names) -> Found {
    let got = String::from_utf8_lossy(&answer.body);
    let mut found = Vec::new();
    let mut hold = |holds: bool, what: String| {
        if !holds {
            let got = if got.is_empty() { "no body".to_string() } else { shown(&answer.body, 400) };
            found.push(Mismatch::new(format!("the text of the body: {what}"), got));
        }
    };
    for part in &expected.contains {
        let part = names.text(part, Writing::Plain)?;
        hold(got.contains(&part), format!("'{}' in it", short(&part, 200)));
    }
    for part in &expected.not_contains {
        let part = names.text(part, Writing::Plain)?;
        hold(!got.contains(&part), format!("no '{}' in it", short(&part, 200)));
    }
    if let Some(whole) = &expected.equals {
        let whole = names.text(whole, Writing::Plain)?;
        hold(got == whole, format!("'{}'", short(&whole, 400)));
    }
    if let Some(start) = &expected.starts_with {
        let start = names.text(start, Writing::Plain)?;
        hold(got.starts_with(&start), format!("'{}' at its beginning", short(&start, 200)));
    }
    if let Some(end) = &expected.ends_with {
        let end = names.text(end, Writing::Plain)?;
        hold(got.ends_with(&end), format!("'{}' at its end", short(&end, 200).escape_debug()));
    }
    if expected.empty {
        hold(got.is_empty(), "no body".into());
    }
    Ok(found)
}

/// Checks that the outputs are equal to the inputs. The names are not compared.
fn echo(sent: &[Tensor], got: &[Tensor]) -> Vec<Mismatch> {
    if sent.len() != got.len() {
        return vec![Mismatch::new(format!("{} outputs", sent.len()), format!("{}", got.len()))];
    }
    let mut found = Vec::new();
    for (index, (sent, got)) in sent.iter().zip(got).enumerate() {
        let mut hold = |holds: bool, what: &str, sent: String, got: String| {
            if !holds {
                found.push(Mismatch::new(format!("outputs[{index}]: {what} {sent}"), got));
            }
        };
        hold(sent.datatype == got.datatype, "datatype", sent.datatype.to_string(), got.datatype.to_string());
        hold(sent.shape == got.shape, "shape", sent.shape.to_string(), got.shape.to_string());
        hold(sent.values == got.values, "values", listed(&sent.values), listed(&got.values));
    }
    found
}

fn tensor(expected: &TensorPredicate, got: &[Tensor], names: &Names) -> Found {
    let place = format!("outputs[{}]", expected.output);
    let Some(got) = got.get(expected.output) else {
        return Ok(vec![Mismatch::new(format!("{place}: an output"), format!("{} outputs", got.len()))]);
    };
    let mut found = Vec::new();
    let mut hold = |holds: bool, what: String, got: String| {
        if !holds {
            found.push(Mismatch::new(format!("{place}: {what}"), got));
        }
    };
    let known = got.datatype.as_str().is_some_and(is_datatype);
    hold(known, "a datatype of the protocol".into(), got.datatype.to_string());
    let lengths = got.shape.as_array().map(|shape| shape.iter().map(Value::as_u64).collect::<Option<Vec<_>>>());
    let count = lengths.flatten().map(|lengths| lengths.iter().product::<u64>());
    hold(count.is_some(), "a shape of lengths".into(), got.shape.to_string());
    let whole = count.is_none_or(|count| count == got.values.len() as u64);
    hold(whole, format!("as many elements as the shape {} has", got.shape), format!("{} elements", got.values.len()));
    if let Some(datatype) = &expected.datatype {
        let datatype = names.text(datatype, Writing::Plain)?;
        hold(got.datatype == datatype.as_str(), format!("datatype {datatype}"), got.datatype.to_string());
    }
    if let Some(shape) = &expected.shape {
        let shape = names.value(shape)?;
        hold(got.shape == shape, format!("shape {shape}"), got.shape.to_string());
    }
    if let Some(binary) = expected.binary {
        let form = |binary| if binary { "in binary" } else { "in JSON" };
        hold(got.binary == binary, form(binary).into(), format!("{} of {}", form(got.binary), got.name));
    }
    if let Some(values) = &expected.equals {
        let values = names.value(values)?;
        let mut list = Vec::new();
        flat(&values, usize::MAX, &mut list);
        let datatype = got.datatype.as_str().unwrap_or_default();
        let values: Vec<_> = list.into_iter().map(|value| Scalar::of_json(datatype, value)).collect();
        hold(got.values == values, format!("values {}", listed(&values)), listed(&got.values));
    }
    Ok(found)
}

fn listed(values: &[Scalar]) -> String {
    short(&values.iter().map(Scalar::shown).collect::<Vec<_>>().join(", "), 300)
}
