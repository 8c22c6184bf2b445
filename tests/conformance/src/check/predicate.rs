//! Checks of a location in the JSON of a body.

use serde_json::Value;

use super::{
    close::{is_close, is_same},
    mismatch::{Found, Mismatch},
};
use crate::{
    suite::{Names, Predicate, Writing},
    text::short,
};

/// Checks a document against a predicate.
pub(super) fn predicate(document: &Value, predicate: &Predicate, place: &str, names: &Names) -> Found {
    let path = names.text(&predicate.path, Writing::Plain)?;
    let got = document.pointer(&path);
    let place = format!("{place}{path}");
    let place = if place.is_empty() { "the body" } else { &place };
    if predicate.absent {
        let there = got.map(|got| Mismatch::new(format!("{place}: nothing"), shown(got)));
        return Ok(there.into_iter().collect());
    }
    let Some(got) = got else {
        return Ok(vec![Mismatch::new(format!("{place}: {}", outline(predicate, names)?), "nothing")]);
    };
    let mut found = Vec::new();
    let mut hold = |holds: bool, what: String| {
        if !holds {
            found.push(Mismatch::new(format!("{place}: {what}"), shown(got)));
        }
    };
    values(got, predicate, names, &mut hold)?;
    structure(got, predicate, names, &mut hold)?;
    texts(got, predicate, names, &mut hold)?;
    if let Some(each) = &predicate.each {
        let Some(list) = got.as_array() else {
            return Ok(vec![Mismatch::new(format!("{place}: a list"), shown(got))]);
        };
        for (index, element) in list.iter().enumerate() {
            for inner in each {
                found.extend(self::predicate(element, inner, &format!("{place}/{index}"), names)?);
            }
        }
    }
    Ok(found)
}

fn values(
    got: &Value,
    predicate: &Predicate,
    names: &Names,
    hold: &mut impl FnMut(bool, String),
) -> Result<(), String> {
    if let Some(expected) = equals(predicate, names)? {
        hold(is_same(got, &expected), shown(&expected));
    }
    if let Some(other) = &predicate.not_equals {
        let other = names.value(other)?;
        hold(!is_same(got, &other), format!("not {}", shown(&other)));
    }
    if let Some(any) = &predicate.one_of {
        let any: Vec<_> = any.iter().map(|value| names.value(value)).collect::<Result<_, _>>()?;
        let listed: Vec<_> = any.iter().map(shown).collect();
        hold(any.iter().any(|value| is_same(got, value)), format!("one of {}", listed.join(", ")));
    }
    if let Some(expected) = &predicate.close_to {
        let expected = names.value(expected)?;
        let within = predicate.within.unwrap_or(1e-5);
        hold(is_close(got, &expected, within), format!("{} within {within}", shown(&expected)));
    }
    Ok(())
}

fn structure(
    got: &Value,
    predicate: &Predicate,
    names: &Names,
    hold: &mut impl FnMut(bool, String),
) -> Result<(), String> {
    if let Some(kind) = &predicate.kind {
        hold(is_a(got, kind), format!("a value of type {kind}"));
    }
    let length = match got {
        Value::Array(list) => Some(list.len()),
        Value::Object(members) => Some(members.len()),
        Value::String(text) => Some(text.chars().count()),
        _ => None,
    };
    if let Some(expected) = &predicate.length {
        let expected = names.value(expected)?;
        hold(length.is_some_and(|length| is_same(&expected, &length.into())), format!("{expected} elements"));
    }
    if let Some(least) = predicate.min_length {
        hold(length >= Some(least), format!("at least {least} elements"));
    }
    let has = |key: &String| got.as_object().is_some_and(|members| members.contains_key(key));
    if let Some(keys) = &predicate.keys {
        let all = keys.iter().all(has) && length == Some(keys.len()) && got.is_object();
        hold(all, format!("an object of {}", keys.join(", ")));
    }
    for key in &predicate.has_keys {
        hold(has(key), format!("an object that has {key}"));
    }
    Ok(())
}

fn texts(got: &Value, predicate: &Predicate, names: &Names, hold: &mut impl FnMut(bool, String)) -> Result<(), String> {
    for part in &predicate.contains {
        let part = names.value(part)?;
        hold(contains(got, &part), format!("{} in it", shown(&part)));
    }
    for part in &predicate.not_contains {
        let part = names.value(part)?;
        hold(!contains(got, &part), format!("no {} in it", shown(&part)));
    }
    let text = got.as_str().unwrap_or_default().to_lowercase();
    for word in &predicate.mentions {
        let word = names.text(word, Writing::Plain)?;
        hold(text.contains(&word.to_lowercase()), format!("a text that mentions '{word}'"));
    }
    if !predicate.mentions_any.is_empty() {
        let words = predicate.mentions_any.iter().map(|word| names.text(word, Writing::Plain));
        let words: Vec<_> = words.collect::<Result<_, _>>()?;
        let any = words.iter().any(|word| text.contains(&word.to_lowercase()));
        hold(any, format!("a text that mentions '{}'", words.join("' or '")));
    }
    if predicate.is_json {
        let json = got.as_str().is_some_and(|text| serde_json::from_str::<Value>(text).is_ok());
        hold(json, "a string of JSON".into());
    }
    Ok(())
}

fn equals(predicate: &Predicate, names: &Names) -> Result<Option<Value>, String> {
    if let Some(json) = &predicate.json {
        let text = names.text(json, Writing::Json)?;
        return serde_json::from_str(&text).map(Some).map_err(|error| format!("'{json}' is not JSON: {error}"));
    }
    predicate.equals.as_ref().map(|value| names.value(value)).transpose()
}

/// Describes the value that a predicate expects, for a location without a value.
fn outline(predicate: &Predicate, names: &Names) -> Result<String, String> {
    Ok(match (equals(predicate, names)?, &predicate.kind) {
        (Some(expected), _) => shown(&expected),
        (_, Some(kind)) => format!("a value of type {kind}"),
        _ => "a value".into(),
    })
}

fn contains(got: &Value, part: &Value) -> bool {
    match (got, part) {
        (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
        (Value::String(text), part) => text.contains(&part.to_string()),
        (Value::Array(list), part) => list.iter().any(|element| is_same(element, part)),
        _ => false,
    }
}

fn is_a(value: &Value, kind: &str) -> bool {
    match kind {
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => false,
    }
}

fn shown(value: &Value) -> String {
    short(&value.to_string(), 300)
}
