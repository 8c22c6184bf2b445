//! The response to a request.

/// A response: its status, its headers, and its body without the transfer coding.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The headers in order, with names in lower case
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Returns the value of a header, by its name in lower case. Repeated headers are joined with commas.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let values: Vec<_> =
            self.headers.iter().filter(|(of, _)| of == name).map(|(_, value)| value.as_str()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// Formats the response as one line.
    pub(crate) fn summary(&self) -> String {
        let kind = self.header("content-type").map(|kind| format!(" {kind}")).unwrap_or_default();
        let text = crate::text::shown(&self.body, 300);
        if text.is_empty() {
            format!("{}{kind}, no body", self.status)
        } else {
            format!("{}{kind} {text}", self.status)
        }
    }
}
