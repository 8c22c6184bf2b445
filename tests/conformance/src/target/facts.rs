//! The facts known about a server: conditions that hold, a valid request, values of placeholders.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::item::Sample;
use crate::suite::{Names, means};

/// The facts known about a server.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) names: Names,
    pub(crate) holds: BTreeSet<String>,
    pub(crate) valid: Value,
    pub(crate) sample: Option<Sample>,
}

impl Facts {
    /// Makes the facts that follow from the valid request alone.
    pub(super) fn new(model: &str, base: Option<&str>, valid: Value, sample: Option<Sample>) -> Self {
        let mut facts = Facts { names: Names::default(), holds: BTreeSet::new(), valid, sample };
        facts.name("model", model.into());
        facts.name("infer", format!("/v2/models/{model}/infer").into());
        facts.name("base", base.unwrap_or_default().into());
        facts.hold_if("base", base.is_some());

        let input = facts.valid["inputs"][0].clone();
        facts.name("valid", facts.valid.clone());
        for member in ["name", "datatype", "shape", "data"] {
            facts.name(&format!("input.{member}"), input[member].clone());
        }
        let lengths = input["shape"].as_array().into_iter().flatten().filter_map(Value::as_u64);
        facts.name("input.count", lengths.product::<u64>().into());
        facts.name("input", input);
        facts.batches();
        facts.name("valid.inputs", facts.valid["inputs"].clone());
        let others = facts.valid["inputs"].as_array().into_iter().flatten().skip(1);
        let others: String = others.map(|input| format!(",{input}")).collect();
        facts.name("other.inputs", others.into());
        facts.hold_if("two-inputs", facts.valid["inputs"].as_array().is_some_and(|inputs| inputs.len() > 1));
        if let Some(sample) = facts.sample.clone() {
            facts.name("item", sample.text().into());
            facts.name("item.json", sample.json);
            facts.name("item.media", sample.media.into());
        }
        facts
    }

    /// Returns the first input with twice as many rows.
    fn batches(&mut self) {
        let input = &self.valid["inputs"][0];
        let (mut shape, mut data) = (input["shape"].clone(), input["data"].clone());
        if let Some(rows) = shape.get_mut(0) {
            *rows = rows.as_u64().map_or(Value::Null, |rows| rows.saturating_mul(2).into());
        }
        if let Some(data) = data.as_array_mut() {
            data.extend_from_within(..);
        }
        self.name("batch2.shape", shape);
        self.name("batch2.data", data);
    }

    pub(super) fn name(&mut self, name: &str, value: Value) {
        self.names.0.insert(name.to_string(), value);
    }

    pub(super) fn hold_if(&mut self, condition: &str, holds: bool) {
        if holds {
            self.holds.insert(condition.to_string());
        }
    }

    /// Returns the name in the condition of a family, such as `task:`, if one holds.
    pub(crate) fn named(&self, family: &str) -> Option<&str> {
        self.holds.iter().find_map(|condition| condition.strip_prefix(family))
    }

    /// Returns the reason to skip a case with these conditions: the first one that does not hold.
    pub(crate) fn unmet<'a>(&self, needs: impl IntoIterator<Item = &'a str>) -> Option<String> {
        let unmet = needs.into_iter().find(|need| match need.strip_prefix("not:") {
            Some(condition) => self.holds.contains(condition),
            None => !self.holds.contains(*need),
        })?;
        let means = means(unmet).unwrap_or_default();
        Some(match unmet.strip_prefix("not:") {
            Some(condition) => format!("{unmet}: not run on a server with {condition}: {means}"),
            None => format!("{unmet}: not known to hold: {means}"),
        })
    }

    /// Returns the valid request with its input repeated under another name.
    pub(crate) fn two(&self) -> Value {
        let mut request = self.valid.clone();
        let first = self.valid["inputs"][0].clone();
        let mut second = first.clone();
        second["name"] = format!("{}-2", first["name"].as_str().unwrap_or_default()).into();
        request["inputs"] = json!([first, second]);
        request
    }

    /// Returns the item in the form of `chariot-v2`.
    pub(crate) fn item(&self) -> Result<Value, String> {
        let sample = self.sample.as_ref().ok_or("no item of this server is known")?;
        Ok(json!({ "input": sample.text() }))
    }
}
