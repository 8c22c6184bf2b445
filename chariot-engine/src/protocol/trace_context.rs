//! [`TraceContext`], the place of a request in a distributed trace, as W3C Trace Context writes it in headers. The server reads
//! it, the log names it, and authors send it on.

use std::{fmt, sync::Arc};

use http::{HeaderMap, HeaderName};

/// The header with the IDs of the trace and of the caller's span.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The header with what tracing systems add to it.
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The flag of a trace that is recorded.
const SAMPLED: u8 = 1;

/// The flag of a trace whose ID is random (level 2).
#[cfg_attr(not(feature = "otel"), expect(dead_code, reason = "only the engine's own traces have it"))]
const RANDOM: u8 = 2;

/// The flags that are sent on. The standard reserves the others.
const KNOWN_FLAGS: u8 = 3;

/// The length of a `traceparent` of version 00.
const PARENT_LENGTH: usize = 55;

/// The largest number of members in a `tracestate`.
const MEMBERS: usize = 32;

/// The length of the longest `tracestate` that is sent on, in bytes. The standard asks for at least this much.
const STATE_LENGTH: usize = 512;

/// The length from which a member is the first to be left out of a `tracestate` that is too long, in bytes.
const LARGE_MEMBER: usize = 128;

/// The place of a request in a distributed trace: the headers `traceparent` and `tracestate` of [W3C Trace Context], levels 1
/// and 2.
///
/// [`Item::trace_context`](crate::model::Item::trace_context) returns that of a request. Send it with every call of another
/// service, so that the call is part of the same trace. Cheap to clone.
///
/// [W3C Trace Context]: https://www.w3.org/TR/trace-context/
///
/// ```
/// use chariot_engine::protocol::TraceContext;
/// use http::HeaderMap;
///
/// let mut headers = HeaderMap::new();
/// headers.insert("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap());
/// headers.insert("tracestate", "congo=t61rcWkgMzE".parse().unwrap());
/// let context = TraceContext::from_headers(&headers).unwrap();
/// assert_eq!(context.trace_id(), "0af7651916cd43dd8448eb211c80319c");
/// assert!(context.is_sampled());
/// assert_eq!(context.traceparent(), headers["traceparent"]);
/// assert_eq!(context.tracestate(), Some("congo=t61rcWkgMzE"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    trace: TraceId,
    span: u64,
    flags: u8,
    state: Option<Arc<str>>,
}

/// The ID of a trace, which is displayed as 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceId(pub(crate) u128);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl TraceContext {
    /// Reads the headers of a request. Returns `None` without a valid `traceparent`: the request then belongs to no trace.
    ///
    /// A `tracestate` that is malformed or has more than 32 members is dropped. One of more than 512 bytes loses members: those
    /// of more than 128 bytes first, and then those at its end.
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let parent = headers.get(TRACEPARENT)?;
        if headers.get_all(TRACEPARENT).iter().nth(1).is_some() {
            return None;
        }
        let (trace, span, flags) = parse_parent(parent.as_bytes())?;
        let lines = headers.get_all(TRACESTATE).iter().map(|line| line.to_str().ok());
        Some(TraceContext { trace, span, flags, state: parse_state(lines) })
    }

    /// Returns the value of the header `traceparent`.
    pub fn traceparent(&self) -> String {
        format!("00-{}-{:016x}-{:02x}", self.trace, self.span, self.flags)
    }

    /// Returns the value of the header `tracestate`; `None` if there is nothing to send.
    pub fn tracestate(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// Returns the ID of the trace as 32 hexadecimal digits.
    pub fn trace_id(&self) -> String {
        self.trace.to_string()
    }

    /// Returns the ID of the span that a further call has as its parent, as 16 hexadecimal digits.
    pub fn span_id(&self) -> String {
        format!("{:016x}", self.span)
    }

    /// Returns `true` if the trace is recorded.
    pub fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// Returns the ID of the trace.
    pub(crate) fn trace(&self) -> TraceId {
        self.trace
    }
}

#[cfg(feature = "otel")]
impl TraceContext {
    /// Creates the context of the first span of a trace, whose ID is random.
    pub(crate) fn root(trace: u128, span: u64, is_sampled: bool) -> Self {
        TraceContext { trace: TraceId(trace), span, flags: RANDOM | u8::from(is_sampled), state: None }
    }

    /// Returns the context of a span below this one.
    pub(crate) fn child(&self, span: u64, is_sampled: bool) -> Self {
        TraceContext { span, flags: self.flags & !SAMPLED | u8::from(is_sampled), ..self.clone() }
    }

    /// Returns the ID of the span.
    pub(crate) fn span(&self) -> u64 {
        self.span
    }

    /// Returns the flags.
    pub(crate) fn flags(&self) -> u8 {
        self.flags
    }
}

/// Parses a `traceparent`: the IDs of the trace and of the span, and the flags.
fn parse_parent(text: &[u8]) -> Option<(TraceId, u64, u8)> {
    let (known, rest) = text.split_at_checked(PARENT_LENGTH)?;
    let version = hexadecimal(&known[..2])?;
    // A later version may append fields.
    let has_this_form = match version {
        0 => rest.is_empty(),
        0xff => false,
        _ => rest.is_empty() || rest[0] == b'-',
    };
    if !has_this_form || [2, 35, 52].iter().any(|place| known[*place] != b'-') {
        return None;
    }
    let trace = hexadecimal(&known[3..35]).filter(|id| *id != 0)?;
    let span = hexadecimal(&known[36..52]).and_then(|id| u64::try_from(id).ok()).filter(|id| *id != 0)?;
    let flags = u8::try_from(hexadecimal(&known[53..])?).ok()?;
    Some((TraceId(trace), span, flags & KNOWN_FLAGS))
}

/// Parses lower-case hexadecimal digits, of which there are 32 at most.
fn hexadecimal(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |number: u128, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(value))
    })
}

/// Parses the lines of a `tracestate`, which are one list. `None` if there is nothing to send on.
fn parse_state<'a>(lines: impl Iterator<Item = Option<&'a str>>) -> Option<Arc<str>> {
    let mut members: Vec<&str> = Vec::new();
    for line in lines {
        let present =
            line?.split(',').map(|member| member.trim_matches([' ', '\t'])).filter(|member| !member.is_empty());
        for member in present {
            if members.len() == MEMBERS || !is_member(member) {
                return None;
            }
            members.push(member);
        }
    }
    let length = |members: &[&str]| members.iter().map(|member| member.len() + 1).sum::<usize>().saturating_sub(1);
    while length(&members) > STATE_LENGTH {
        let large = members.iter().rposition(|member| member.len() > LARGE_MEMBER);
        members.remove(large.unwrap_or(members.len() - 1));
    }
    (!members.is_empty()).then(|| members.join(",").into())
}

/// Returns `true` for a member of a `tracestate`: `vendor=value` or `tenant@vendor=value`.
fn is_member(member: &str) -> bool {
    let Some((key, value)) = member.split_once('=') else { return false };
    let is_of_key = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/');
    let is_name = |name: &str, max: usize, may_be_number: bool| {
        let first = name.bytes().next();
        let begins = first.is_some_and(|byte| byte.is_ascii_lowercase() || (may_be_number && byte.is_ascii_digit()));
        begins && name.len() <= max && name.bytes().all(is_of_key)
    };
    let is_key = match key.split_once('@') {
        None => is_name(key, 256, true),
        Some((tenant, vendor)) => is_name(tenant, 241, true) && is_name(vendor, 14, false),
    };
    let is_value = |byte: u8| matches!(byte, b' '..=b'~' if byte != b'=' && byte != b',');
    is_key && (1..=256).contains(&value.len()) && value.bytes().all(is_value)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    fn read(headers: &[(&'static str, &str)]) -> Option<TraceContext> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        TraceContext::from_headers(&map)
    }

    #[test]
    fn a_valid_parent_is_read_and_written_in_this_version() {
        let ids = format!("{TRACE}-{SPAN}");
        for (sent, flags) in [("00", "01"), ("00", "00"), ("00", "03"), ("01", "01"), ("cc", "01")] {
            let context = read(&[("traceparent", &format!("{sent}-{ids}-{flags}"))]).unwrap();
            assert_eq!(context.traceparent(), format!("00-{ids}-{flags}"));
            assert_eq!((context.trace_id().as_str(), context.span_id().as_str()), (TRACE, SPAN));
            assert_eq!(context.is_sampled(), flags != "00");
        }
        // Reserved flags are not sent on, and a later version can have more fields.
        assert_eq!(read(&[("traceparent", &format!("00-{ids}-ff"))]).unwrap().traceparent(), format!("00-{ids}-03"));
        let later = read(&[("traceparent", &format!("cc-{ids}-01-what.the.future.will.be"))]).unwrap();
        assert_eq!(later.traceparent(), format!("00-{ids}-01"));
    }

    #[test]
    fn a_malformed_parent_is_no_trace() {
        let zeros = |length| "0".repeat(length);
        for parent in [
            String::new(),
            "00".into(),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}-01-"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("cc-{TRACE}-{SPAN}-01.more"),
            format!("00-{TRACE}-{SPAN}-0"),
            format!("00-{TRACE}-{SPAN}-0x"),
            format!("00-{TRACE}_{SPAN}-01"),
            format!("0-{TRACE}-{SPAN}-01"),
            format!("+0-{TRACE}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{}-{SPAN}-01", zeros(32)),
            format!("00-{TRACE}-{}-01", zeros(16)),
            format!("00-{}-{SPAN}-01", "é".repeat(16)),
        ] {
            assert_eq!(read(&[("traceparent", &parent), ("tracestate", "a=1")]), None, "{parent}");
        }
        let parent = format!("00-{TRACE}-{SPAN}-01");
        assert_eq!(read(&[("traceparent", &parent), ("traceparent", &parent)]), None);
        assert_eq!(read(&[("tracestate", "a=1")]), None);
    }

    #[test]
    fn a_state_is_kept_within_its_limits_and_dropped_if_it_is_malformed() {
        let parent = format!("00-{TRACE}-{SPAN}-01");
        let state = |lines: &[&str]| {
            let lines = lines.iter().map(|line| ("tracestate", *line));
            let headers: Vec<_> = [("traceparent", parent.as_str())].into_iter().chain(lines).collect();
            read(&headers).unwrap().tracestate().map(str::to_string)
        };
        let kept = ["a=1", "a=1,b=2", "0tenant@vendor=x y", "a/b*c-d_e=!~", "a= x"];
        for text in kept {
            assert_eq!(state(&[text]).as_deref(), Some(text));
        }
        assert_eq!(state(&["a=1 ,\t, b=2", "", "c=3"]).as_deref(), Some("a=1,b=2,c=3"));
        for text in ["a", "=1", "a=", "A=1", "a=1=2", "a@1b=1", "a@=1", "é=1", "a=1,b"] {
            assert_eq!(state(&[text]), None, "{text}");
        }
        let many = |count: usize| (0..count).map(|index| format!("k{index}=v")).collect::<Vec<_>>().join(",");
        assert_eq!(state(&[&many(32)]), Some(many(32)));
        assert_eq!(state(&[&many(33)]), None);
        let long = |key: &str, length| format!("{key}={}", "v".repeat(length));
        assert_eq!(state(&[&long("a", 256)]), Some(long("a", 256)));
        assert_eq!(state(&[&long("a", 257)]), None);
        // Of three that are too long together, the last of the large ones goes first.
        let lines = [long("a", 200), long("b", 200), long("c", 100), long("d", 100)];
        let expected = [lines[0].clone(), lines[2].clone(), lines[3].clone()].join(",");
        assert_eq!(state(&[&lines.join(",")]), Some(expected));
        // Of small ones, those at the end.
        let small: Vec<String> = (0..10).map(|index| long(&format!("k{index}"), 90)).collect();
        assert_eq!(state(&[&small.join(",")]), Some(small[..5].join(",")));
    }
}
