//! The text format of Prometheus, version 0.0.4, made from OpenMetrics text. The registry uses it, because
//! `prometheus-client` writes OpenMetrics only.
//!
//! Both formats have the same samples. The text format names a family as its samples are named, has no type `info`, and
//! has no lines `UNIT` and `EOF`.

/// Converts OpenMetrics text as `prometheus-client` writes it, without exemplars and timestamps.
pub(super) fn from_open_metrics(text: &str) -> String {
    let mut converted = String::with_capacity(text.len());
    // The line `HELP` stands before the line `TYPE`, which decides the name in both.
    let mut help = None;
    for line in text.lines() {
        let mut words = line.splitn(4, ' ');
        match [words.next(), words.next(), words.next()] {
            [Some("#"), Some("HELP"), Some(_)] => help = words.next(),
            [Some("#"), Some("TYPE"), Some(name)] => {
                let (suffix, kind) = match words.next() {
                    Some("counter") => ("_total", "counter"),
                    Some("info") => ("_info", "gauge"),
                    Some("unknown") | None => ("", "untyped"),
                    Some(kind) => ("", kind),
                };
                if let Some(help) = help.take() {
                    push(&mut converted, &["# HELP ", name, suffix, " ", help]);
                }
                push(&mut converted, &["# TYPE ", name, suffix, " ", kind]);
            }
            [Some("#"), ..] => {}
            _ => push(&mut converted, &[line]),
        }
    }
    converted
}

fn push(text: &mut String, parts: &[&str]) {
    parts.iter().for_each(|part| text.push_str(part));
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_named_like_their_samples() {
        let open = "# HELP words Words # read.\n# TYPE words counter\nwords_total{model=\"# a\"} 3\n\
                    # HELP build Build.\n# TYPE build info\nbuild_info{version=\"1\"} 1\n\
                    # HELP size_bytes Size.\n# TYPE size_bytes gauge\n# UNIT size_bytes bytes\nsize_bytes 2\n\
                    # HELP any .\n# TYPE any unknown\nany 1\n\
                    # HELP took T.\n# TYPE took histogram\ntook_sum 1.0\ntook_count 1\n\
                    took_bucket{le=\"+Inf\"} 1\n# EOF\n";
        let text = "# HELP words_total Words # read.\n# TYPE words_total counter\nwords_total{model=\"# a\"} 3\n\
                    # HELP build_info Build.\n# TYPE build_info gauge\nbuild_info{version=\"1\"} 1\n\
                    # HELP size_bytes Size.\n# TYPE size_bytes gauge\nsize_bytes 2\n\
                    # HELP any .\n# TYPE any untyped\nany 1\n\
                    # HELP took T.\n# TYPE took histogram\ntook_sum 1.0\ntook_count 1\n\
                    took_bucket{le=\"+Inf\"} 1\n";
        assert_eq!(from_open_metrics(open), text);
    }
}
