//! A response of a server, and its inspection by tests.

use serde_json::Value;

/// A response, read to its end.
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
    /// Returns the value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(of, _)| of == name).map(|(_, value)| value.as_str())
    }

    /// Parses the body as JSON.
    ///
    /// # Panics
    /// Panics if the body is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Returns the body of a response that must be a success.
    ///
    /// # Panics
    /// Panics if the status is not 200 or the body is not JSON.
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()
    }

    /// Returns `data[0]` of every output, of a response that must be a success.
    ///
    /// # Panics
    /// Panics if the response is not a success with outputs.
    pub fn values(&self) -> Vec<Value> {
        let outputs = self.ok()["outputs"].take();
        outputs.as_array().expect("outputs").iter().map(|output| output["data"][0].clone()).collect()
    }

    /// Returns the message of an error that must have this status and stand in the envelope.
    ///
    /// # Panics
    /// Panics if the status, the content type or the envelope is a different one.
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
