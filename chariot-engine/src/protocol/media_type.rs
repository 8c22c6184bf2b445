//! [`MediaType`]: the meaning of a `Content-Type` for the format of a body. [`BodyFormat`](super::BodyFormat) has one.

/// The meaning of a `Content-Type` for the body.
///
/// ```
/// use chariot_engine::protocol::MediaType;
///
/// assert_eq!(MediaType::from_content_type(b"Application/JSON; charset=utf-8"), MediaType::Json);
/// assert_eq!(MediaType::from_content_type(b"image/png"), MediaType::Raw);
/// assert_eq!(MediaType::from_content_type(b"text/plain"), MediaType::Other);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MediaType {
    /// No media type.
    #[default]
    Absent,
    /// JSON: `application/json`, `text/json`, or a media type that ends in `+json`.
    Json,
    /// Lines of JSON objects: `application/jsonl` or `application/x-ndjson`.
    Lines,
    /// The raw bytes of one item: `image/*`, `audio/*`, `video/*`, `application/octet-stream`.
    Raw,
    /// The fields of a form, which the SDK does not read: `application/x-www-form-urlencoded`. Tools such as curl send it
    /// with any body unless told otherwise.
    Form,
    /// A body of several parts, of which the SDK reads `multipart/form-data`: `multipart/*`.
    Multipart,
    /// A text in an encoding with several bytes per character, such as `text/plain; charset=utf-16`, which the SDK does not
    /// read. As UTF-8 it would be a text with zeros.
    WideText,
    /// Any other media type, which does not decide the format.
    Other,
}

impl MediaType {
    /// Parses the value of a `Content-Type` header.
    pub fn from_content_type(value: &[u8]) -> Self {
        let mut parts = value.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let essence = parts.next().unwrap_or_default();
        let is = |name: &str| essence.eq_ignore_ascii_case(name.as_bytes());
        let ends_in = |end: &str| {
            essence.len().checked_sub(end.len()).is_some_and(|at| essence[at..].eq_ignore_ascii_case(end.as_bytes()))
        };
        let begins_with =
            |kind: &str| essence.get(..kind.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(kind.as_bytes()));
        if essence.is_empty() {
            MediaType::Absent
        } else if is("application/json") || is("text/json") || ends_in("+json") {
            MediaType::Json
        } else if is("application/jsonl") || is("application/x-ndjson") {
            MediaType::Lines
        } else if is("application/octet-stream") || ["image/", "audio/", "video/"].into_iter().any(begins_with) {
            MediaType::Raw
        } else if is("application/x-www-form-urlencoded") {
            MediaType::Form
        } else if begins_with("multipart/") {
            MediaType::Multipart
        } else if parts.any(is_wide_charset) {
            MediaType::WideText
        } else {
            MediaType::Other
        }
    }
}

/// Returns `true` for a parameter such as `charset=utf-16le`.
fn is_wide_charset(parameter: &[u8]) -> bool {
    let parameter = parameter.to_ascii_lowercase();
    let charset = parameter.strip_prefix(b"charset=").map(<[u8]>::trim_ascii_start).unwrap_or_default();
    let charset = charset.strip_prefix(b"\"").unwrap_or(charset);
    [&b"utf-16"[..], b"utf16", b"utf-32", b"utf32", b"ucs-2", b"ucs-4"]
        .into_iter()
        .any(|wide| charset.starts_with(wide))
}
