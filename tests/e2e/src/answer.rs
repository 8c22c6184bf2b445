//! What a server answered, and how tests look at it.

use serde_json::Value;

/// An answer, read whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers, their names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub text: String,
}

impl Answer {
    /// The value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(of, _)| of == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// It is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The body of an answer that must be a success.
    ///
    /// # Panics
    /// It is none.
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()
    }

    /// `data[0]` of every output, of an answer that must be a success.
    ///
    /// # Panics
    /// It is none.
    pub fn values(&self) -> Vec<Value> {
        let outputs = self.ok()["outputs"].take();
        outputs.as_array().expect("outputs").iter().map(|output| output["data"][0].clone()).collect()
    }

    /// The text of an error that must have this status and come in the envelope.
    ///
    /// # Panics
    /// It is another answer.
    pub fn error(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        match self.json() {
            Value::Object(mut object) if object.len() == 1 => match object.remove("error") {
                Some(Value::String(text)) => text,
                _ => panic!("no envelope: {self:?}"),
            },
            _ => panic!("no envelope: {self:?}"),
        }
    }
}
