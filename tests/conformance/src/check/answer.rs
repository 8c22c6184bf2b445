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
            Ok(came) => {
                if expect.echo {
                    found.extend(echo(&made.sent, &came));
                }
                for expected in &expect.tensors {
                    found.extend(tensor(expected, &came, names)?);
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

fn is_status(expected: &Value, came: u16) -> bool {
    match expected {
        Value::Array(any) => any.iter().any(|one| is_status(one, came)),
        Value::String(text) => match text.strip_prefix("not ") {
            Some(other) => !is_status(&other.into(), came),
            None => text.strip_suffix("xx").and_then(|class| class.parse().ok()) == Some(came / 100),
        },
        number => number.as_u64() == Some(came.into()),
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
    let came = String::from_utf8_lossy(&answer.body);
    let mut found = Vec::new();
    let mut hold = |holds: bool, what: String| {
        if !holds {
            let came = if came.is_empty() { "no body".to_string() } else { shown(&answer.body, 400) };
            found.push(Mismatch::new(format!("the text of the body: {what}"), came));
        }
    };
    for part in &expected.contains {
        let part = names.text(part, Writing::Plain)?;
        hold(came.contains(&part), format!("'{}' in it", short(&part, 200)));
    }
    for part in &expected.not_contains {
        let part = names.text(part, Writing::Plain)?;
        hold(!came.contains(&part), format!("no '{}' in it", short(&part, 200)));
    }
    if let Some(whole) = &expected.equals {
        let whole = names.text(whole, Writing::Plain)?;
        hold(came == whole, format!("'{}'", short(&whole, 400)));
    }
    if let Some(start) = &expected.starts_with {
        let start = names.text(start, Writing::Plain)?;
        hold(came.starts_with(&start), format!("'{}' at its beginning", short(&start, 200)));
    }
    if let Some(end) = &expected.ends_with {
        let end = names.text(end, Writing::Plain)?;
        hold(came.ends_with(&end), format!("'{}' at its end", short(&end, 200).escape_debug()));
    }
    if expected.empty {
        hold(came.is_empty(), "no body".into());
    }
    Ok(found)
}

/// Checks that the outputs are equal to the inputs. The names are not compared.
fn echo(sent: &[Tensor], came: &[Tensor]) -> Vec<Mismatch> {
    if sent.len() != came.len() {
        return vec![Mismatch::new(format!("{} outputs", sent.len()), format!("{}", came.len()))];
    }
    let mut found = Vec::new();
    for (index, (sent, came)) in sent.iter().zip(came).enumerate() {
        let mut hold = |holds: bool, what: &str, sent: String, came: String| {
            if !holds {
                found.push(Mismatch::new(format!("outputs[{index}]: {what} {sent}"), came));
            }
        };
        hold(sent.datatype == came.datatype, "datatype", sent.datatype.to_string(), came.datatype.to_string());
        hold(sent.shape == came.shape, "shape", sent.shape.to_string(), came.shape.to_string());
        hold(sent.values == came.values, "values", listed(&sent.values), listed(&came.values));
    }
    found
}

fn tensor(expected: &TensorPredicate, came: &[Tensor], names: &Names) -> Found {
    let place = format!("outputs[{}]", expected.output);
    let Some(came) = came.get(expected.output) else {
        return Ok(vec![Mismatch::new(format!("{place}: an output"), format!("{} outputs", came.len()))]);
    };
    let mut found = Vec::new();
    let mut hold = |holds: bool, what: String, came: String| {
        if !holds {
            found.push(Mismatch::new(format!("{place}: {what}"), came));
        }
    };
    let known = came.datatype.as_str().is_some_and(is_datatype);
    hold(known, "a datatype of the protocol".into(), came.datatype.to_string());
    let lengths = came.shape.as_array().map(|shape| shape.iter().map(Value::as_u64).collect::<Option<Vec<_>>>());
    let count = lengths.flatten().map(|lengths| lengths.iter().product::<u64>());
    hold(count.is_some(), "a shape of lengths".into(), came.shape.to_string());
    let whole = count.is_none_or(|count| count == came.values.len() as u64);
    hold(whole, format!("as many elements as the shape {} has", came.shape), format!("{} elements", came.values.len()));
    if let Some(datatype) = &expected.datatype {
        let datatype = names.text(datatype, Writing::Plain)?;
        hold(came.datatype == datatype.as_str(), format!("datatype {datatype}"), came.datatype.to_string());
    }
    if let Some(shape) = &expected.shape {
        let shape = names.value(shape)?;
        hold(came.shape == shape, format!("shape {shape}"), came.shape.to_string());
    }
    if let Some(binary) = expected.binary {
        let form = |binary| if binary { "in binary" } else { "in JSON" };
        hold(came.binary == binary, form(binary).into(), format!("{} of {}", form(came.binary), came.name));
    }
    if let Some(values) = &expected.equals {
        let values = names.value(values)?;
        let mut list = Vec::new();
        flat(&values, usize::MAX, &mut list);
        let datatype = came.datatype.as_str().unwrap_or_default();
        let values: Vec<_> = list.into_iter().map(|value| Scalar::of_json(datatype, value)).collect();
        hold(came.values == values, format!("values {}", listed(&values)), listed(&came.values));
    }
    Ok(found)
}

fn listed(values: &[Scalar]) -> String {
    short(&values.iter().map(Scalar::shown).collect::<Vec<_>>().join(", "), 300)
}
