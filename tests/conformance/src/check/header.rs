//! Checks of a header.

use serde_json::Value;

use super::mismatch::{Found, Mismatch};
use crate::{
    http::Answer,
    suite::{HeaderPredicate, Names},
};

/// Checks a header against a text or a predicate.
pub(super) fn header(name: &str, expected: &Value, answer: &Answer, names: &Names) -> Found {
    let got = answer.header(&name.to_lowercase());
    let expected = names.value(expected)?;
    let predicate: HeaderPredicate = match &expected {
        Value::String(text) => HeaderPredicate { one_of: Some(vec![text.clone()]), ..HeaderPredicate::default() },
        other => serde_json::from_value(other.clone()).map_err(|error| format!("header {name}: {error}"))?,
    };
    let shown = got.as_ref().map_or_else(|| "none".to_string(), |got| format!("'{got}'"));
    let mut found = Vec::new();
    let mut hold = |holds: bool, what: String| {
        if !holds {
            found.push(Mismatch::new(format!("header {name}: {what}"), shown.clone()));
        }
    };
    if predicate.absent {
        hold(got.is_none(), "none".into());
        return Ok(found);
    }
    let Some(got) = &got else {
        let what = match &predicate.one_of {
            Some(texts) => format!("'{}'", texts.join("' or '")),
            None if !predicate.lists.is_empty() => format!("a list that has {}", predicate.lists.join(", ")),
            None if predicate.not_contains.is_some() && !predicate.present => return Ok(found),
            None => "there".into(),
        };
        hold(false, what);
        return Ok(found);
    };
    if let Some(texts) = &predicate.one_of {
        hold(texts.contains(got), format!("'{}'", texts.join("' or '")));
    }
    if let Some(part) = &predicate.contains {
        hold(got.contains(part), format!("'{part}' in it"));
    }
    if let Some(part) = &predicate.not_contains {
        hold(!got.contains(part), format!("no '{part}' in it"));
    }
    if let Some(start) = &predicate.starts_with {
        hold(got.starts_with(start), format!("'{start}' at its beginning"));
    }
    if predicate.integer {
        hold(got.parse::<u64>().is_ok(), "an integer".into());
    }
    let listed: Vec<_> = got.split(',').map(str::trim).collect();
    for token in &predicate.lists {
        hold(listed.iter().any(|of| of.eq_ignore_ascii_case(token)), format!("a list that has {token}"));
    }
    Ok(found)
}
