//! [`Page`]: the document, with what its response says about it. The server sends it.

use std::sync::OnceLock;

use base64_simd::STANDARD;
use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::join::{Joined, joined};
use crate::protocol::Coding;

/// The page, made once.
#[derive(Debug)]
pub(crate) struct Page {
    /// The document.
    pub(crate) html: Bytes,
    /// The document in the coding gzip; `None` in a build that cannot compress.
    pub(crate) gzip: Option<Bytes>,
    /// The entity tag of the document.
    pub(crate) tag: String,
    /// The entity tag of the compressed document.
    pub(crate) gzip_tag: String,
    /// The policy that names everything that the document may load: nothing but its own script and style, and the engine.
    pub(crate) policy: String,
}

static PAGE: OnceLock<Page> = OnceLock::new();

impl Page {
    /// Returns the page if it is made.
    pub(crate) fn made() -> Option<&'static Page> {
        PAGE.get()
    }

    /// Returns the page. The first call compresses it.
    pub(crate) fn get() -> &'static Page {
        PAGE.get_or_init(|| Page::new(joined()))
    }

    fn new(Joined { html, style, script }: Joined) -> Page {
        let hash = |text: &str| STANDARD.encode_to_string(Sha256::digest(text));
        let policy = format!(
            "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; img-src blob: data:; media-src blob:; \
             connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            hash(&script),
            hash(&style)
        );
        let name = hash(&html);
        let gzip = Coding::parse("gzip").and_then(|coding| coding.compress(html.as_bytes())).map(Bytes::from);
        Page { gzip, tag: format!("\"{name}\""), gzip_tag: format!("\"{name}-gzip\""), html: html.into(), policy }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_small_and_loads_nothing() {
        let page = Page::get();
        let html = std::str::from_utf8(&page.html).unwrap();
        assert!(html.len() < 150_000, "expected less than 150 KB, got {} bytes", html.len());
        let (markup, _) = html.split_once("<script type=\"module\">").unwrap();
        for outside in ["<script", "<link rel=\"stylesheet\"", "@import", "url(", " onclick", " onerror", " style=\""] {
            assert!(!markup.contains(outside), "{outside}");
        }
        for unsafe_sink in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"] {
            assert!(!html.contains(unsafe_sink), "{unsafe_sink}");
        }
    }

    #[cfg(feature = "compression")]
    #[test]
    fn the_page_is_sent_in_less_than_150_kb() {
        let gzip = Page::get().gzip.as_ref().unwrap();
        assert!(gzip.len() < 150_000, "expected less than 150 KB, got {} bytes", gzip.len());
    }

    #[test]
    fn the_tags_tell_the_codings_apart() {
        let page = Page::get();
        assert_ne!(page.tag, page.gzip_tag);
        assert_eq!(page.gzip.is_some(), cfg!(feature = "compression"));
    }
}
