//! The parsing of the headers `Accept` and `Accept-Encoding`: lists of elements with weights. The handlers choose the form
//! of a response by them.

use http::{HeaderMap, HeaderName, header};

use crate::protocol::Coding;

/// The media type of server-sent events.
pub(super) const EVENTS: &str = "text/event-stream";

/// The media type of OpenMetrics, without its parameters.
const OPEN_METRICS: &str = "application/openmetrics-text";

/// The name of the coding that leaves a body as it is.
pub(super) const IDENTITY: &str = "identity";

/// Returns `true` if the caller accepts server-sent events by name.
pub(super) fn accepts_events(headers: &HeaderMap) -> bool {
    accepts_by_name(headers, EVENTS)
}

/// Returns `true` if the caller accepts HTML by name, as browsers do.
#[cfg(feature = "page")]
pub(super) fn accepts_html(headers: &HeaderMap) -> bool {
    accepts_by_name(headers, "text/html")
}

fn accepts_by_name(headers: &HeaderMap, media_type: &str) -> bool {
    elements(headers, header::ACCEPT).flatten().any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let is_named = parts.next().is_some_and(|range| range.eq_ignore_ascii_case(media_type));
        // A weight of 0 means "not acceptable".
        is_named && !parts.any(|parameter| weight(parameter) == Some(0.0))
    })
}

/// Returns the supported coding that the caller prefers for the response, or `None` for no coding.
pub(super) fn preferred_coding(headers: &HeaderMap) -> Option<Coding> {
    let preferences: Vec<(&str, u16)> =
        elements(headers, header::ACCEPT_ENCODING).filter_map(|element| weighted_coding(element?)).collect();
    let named = |is: &dyn Fn(&str) -> bool| preferences.iter().find(|(token, _)| is(token)).map(|(_, weight)| *weight);
    let any = named(&|token| token == "*");
    // Without an explicit weight, `identity` ranks below every accepted coding.
    let identity = named(&|token| token.eq_ignore_ascii_case(IDENTITY)).unwrap_or(0);
    let mut best = None;
    for coding in Coding::ALL.iter().copied().filter(|coding| coding.compresses()) {
        let weight = named(&|token| Coding::parse(token) == Some(coding)).or(any).unwrap_or(0);
        if weight > best.map_or(0, |(_, best)| best) && weight >= identity {
            best = Some((coding, weight));
        }
    }
    best.map(|(coding, _)| coding)
}

/// Returns `true` if the caller accepts OpenMetrics by name, in the version that this server writes, and does not prefer
/// plain text. Prometheus names both, with weights; parsers of the text format name neither.
pub(super) fn prefers_open_metrics(headers: &HeaderMap) -> bool {
    let (mut open, mut plain, mut any_text, mut any) = (0, None, None, None);
    for range in elements(headers, header::ACCEPT).flatten() {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let (mut of_range, mut version) = (1.0, None);
        for (name, value) in parts.filter_map(|parameter| parameter.split_once('=')) {
            match name.trim() {
                name if name.eq_ignore_ascii_case("q") => of_range = value.trim().parse().unwrap_or(0.0),
                name if name.eq_ignore_ascii_case("version") => version = Some(value.trim().trim_matches('"')),
                _ => {}
            }
        }
        let of_range = thousandths(of_range);
        let most = |of: Option<u16>| of.max(Some(of_range));
        match name {
            name if name.eq_ignore_ascii_case(OPEN_METRICS) && matches!(version, None | Some("1.0.0")) => {
                open = open.max(of_range);
            }
            name if name.eq_ignore_ascii_case("text/plain") => plain = most(plain),
            "text/*" => any_text = most(any_text),
            "*/*" => any = most(any),
            _ => {}
        }
    }
    open > 0 && open >= plain.or(any_text).or(any).unwrap_or(0)
}

/// Parses an element such as `gzip;q=0.5` into the coding and its weight in thousandths. Returns `None` if it is malformed.
fn weighted_coding(element: &str) -> Option<(&str, u16)> {
    let Some((token, parameter)) = element.split_once(';') else {
        return Some((element, 1000));
    };
    Some((token.trim(), thousandths(weight(parameter)?)))
}

/// Converts a weight into thousandths.
fn thousandths(weight: f32) -> u16 {
    (weight * 1000.0) as u16
}

/// Parses a parameter such as `q=0.5`. Returns `None` if it is not a weight from 0 to 1.
fn weight(parameter: &str) -> Option<f32> {
    let (name, weight) = parameter.split_once('=')?;
    let weight = weight.trim().parse().ok().filter(|weight| (0.0..=1.0).contains(weight))?;
    name.trim().eq_ignore_ascii_case("q").then_some(weight)
}

/// Returns the elements of a list header, which may span several lines. `None` stands for a line that is not text.
pub(super) fn elements(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = Option<&str>> {
    let lines = headers.get_all(name).into_iter().flat_map(|line| {
        let text = line.to_str().ok();
        text.unwrap_or_default().split(',').map(move |element| text.is_some().then_some(element))
    });
    lines.map(|element| element.map(str::trim)).filter(|element| *element != Some(""))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(name: HeaderName, lines: &[&'static str]) -> HeaderMap {
        lines.iter().map(|line| (name.clone(), HeaderValue::from_static(line))).collect()
    }

    #[test]
    fn events_are_accepted_by_name_only() {
        let accepts = |lines: &[&'static str]| accepts_events(&headers(header::ACCEPT, lines));
        for accept in [
            "text/event-stream",
            "Text/Event-Stream",
            "application/json;q=0.5, text/event-stream; q=0.9",
            "text/event-stream;charset=utf-8",
        ] {
            assert!(accepts(&[accept]), "{accept}");
        }
        assert!(accepts(&["application/json", "text/event-stream"]));
        for accept in ["", "*/*", "text/*", "application/json", "text/event-stream;q=0", "text/event-stream ; Q = 0.0"]
        {
            assert!(!accepts(&[accept]), "{accept}");
        }
        assert!(!accepts(&[]));
    }

    #[test]
    fn open_metrics_is_for_those_who_ask_for_it() {
        let prefers = |lines: &[&'static str]| prefers_open_metrics(&headers(header::ACCEPT, lines));
        for accept in [
            // Prometheus 2.x and 3.x.
            "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,\
             text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
             application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
             text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            "application/openmetrics-text",
            "Application/OpenMetrics-Text; Version=\"1.0.0\"",
            "text/plain, application/openmetrics-text",
            "*/*, application/openmetrics-text",
            "text/plain;q=0, application/openmetrics-text;q=0.001",
        ] {
            assert!(prefers(&[accept]), "{accept}");
        }
        assert!(prefers(&["text/plain;q=0.5", "application/openmetrics-text;q=0.6"]));
        assert!(!prefers(&[]));
        for accept in [
            "",
            "*/*",
            "text/plain",
            "application/json",
            "application/*",
            "text/plain;version=0.0.4;q=0.5,application/openmetrics-text;q=0.4",
            "application/openmetrics-text;q=0.4, */*",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;q=much",
            "application/openmetrics-text;version=0.0.1",
            "application/openmetrics-text;version=2.0.0, text/plain;q=0.1",
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
        ] {
            assert!(!prefers(&[accept]), "{accept}");
        }
    }

    #[cfg(feature = "compression")]
    #[test]
    fn the_coding_of_a_response_is_the_preferred_one() {
        let preferred = |lines: &[&'static str]| preferred_coding(&headers(header::ACCEPT_ENCODING, lines));
        for (lines, coding) in [
            (&["gzip"][..], Coding::Gzip),
            (&["deflate, gzip, br, zstd"], Coding::Gzip),
            (&["deflate"], Coding::Deflate),
            (&["X-GZIP"], Coding::Gzip),
            (&["*"], Coding::Gzip),
            (&["gzip;q=0.5, deflate;q=0.8"], Coding::Deflate),
            (&["gzip ; Q=0.5", "deflate;q=0.499"], Coding::Gzip),
            (&["gzip;q=0, *"], Coding::Deflate),
            (&["gzip;q=1, identity;q=1"], Coding::Gzip),
            (&["identity;q=0, gzip;q=0.001"], Coding::Gzip),
            (&["gzip;q=loud, deflate"], Coding::Deflate),
        ] {
            assert_eq!(preferred(lines), Some(coding), "{lines:?}");
        }
        for none in [
            &[][..],
            &[""],
            &["identity"],
            &["br, zstd"],
            &["gzip;q=0"],
            &["*;q=0"],
            &["gzip;q=0, deflate;q=0.0, *"],
            &["identity, gzip;q=0.5"],
            &["gzip;q=2"],
            &["gzip;level=1"],
        ] {
            assert_eq!(preferred(none), None, "{none:?}");
        }
    }
}
