//! What came of a request.

/// An answer: its head, and its body without the codings of the transfer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The headers in their order, the names in lower case
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The value of a header, by its name in lower case; of a header that came several times, all with commas.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let values: Vec<_> =
            self.headers.iter().filter(|(of, _)| of == name).map(|(_, value)| value.as_str()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// The answer in a line, for a person.
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
