//! [`Stops`]: the search for the texts that end a generated text, which arrives in pieces.
//! [`Generation`](super::Generation) has one.

/// The stop texts of a caller, and the end of the text that may still become one of them.
///
/// The result does not depend on where the pieces are split: the stop text that is complete first ends the text, and of
/// several that are complete with the same byte, the longest.
#[derive(Debug, Default)]
pub(super) struct Stops {
    searches: Vec<Search>,
    /// The text that is held back: the longest end of the text that begins a stop text.
    held: String,
    found: bool,
}

/// The search for one text, by the algorithm of Knuth, Morris and Pratt: each byte is looked at once.
#[derive(Debug)]
struct Search {
    text: Box<[u8]>,
    /// For each number of bytes that match, the longest shorter beginning of the text that ends there too.
    shorter: Box<[usize]>,
    /// The number of bytes that match at the end of what has been searched.
    matched: usize,
}

impl Search {
    fn new(text: &str) -> Self {
        let text: Box<[u8]> = text.as_bytes().into();
        let mut shorter = vec![0; text.len() + 1];
        let mut matched = 0;
        for at in 1..text.len() {
            while matched > 0 && text[at] != text[matched] {
                matched = shorter[matched];
            }
            matched += usize::from(text[at] == text[matched]);
            shorter[at + 1] = matched;
        }
        Search { text, shorter: shorter.into(), matched: 0 }
    }

    /// Looks at the next byte. Returns `true` if the text is complete with it.
    fn push(&mut self, byte: u8) -> bool {
        while self.matched > 0 && byte != self.text[self.matched] {
            self.matched = self.shorter[self.matched];
        }
        self.matched += usize::from(byte == self.text[self.matched]);
        self.matched == self.text.len()
    }
}

impl Stops {
    /// Creates the search for these texts. Empty ones are ignored.
    pub(super) fn new(texts: &[String]) -> Self {
        let searches = texts.iter().filter(|text| !text.is_empty()).map(|text| Search::new(text)).collect();
        Stops { searches, held: String::new(), found: false }
    }

    /// Adds a piece, and appends to `out` what is part of the text for certain. Returns `true` once a stop text is complete:
    /// the text ends before it.
    pub(super) fn push(&mut self, piece: &str, out: &mut String) -> bool {
        if self.searches.is_empty() {
            out.push_str(piece);
            return false;
        }
        if self.found {
            return true;
        }
        let before = self.held.len();
        self.held.push_str(piece);
        for (at, byte) in piece.bytes().enumerate() {
            let mut longest = 0;
            for search in &mut self.searches {
                if search.push(byte) {
                    longest = longest.max(search.text.len());
                }
            }
            if longest > 0 {
                // A stop text is whole characters, and so is what is before it.
                self.held.truncate(before + at + 1 - longest);
                self.found = true;
                self.flush(out);
                return true;
            }
        }
        let held = self.searches.iter().map(|search| search.matched).max().unwrap_or(0);
        out.extend(self.held.drain(..self.held.len() - held));
        false
    }

    /// Appends what is held back to `out`: no further piece comes.
    pub(super) fn flush(&mut self, out: &mut String) {
        out.push_str(&self.held);
        self.held.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(stops: &[&str], pieces: &[&str]) -> (String, bool) {
        let mut stops = Stops::new(&stops.iter().map(|stop| (*stop).to_owned()).collect::<Vec<_>>());
        let mut out = String::new();
        for piece in pieces {
            if stops.push(piece, &mut out) {
                return (out, true);
            }
        }
        stops.flush(&mut out);
        (out, false)
    }

    #[test]
    fn a_stop_text_is_found_across_pieces() {
        let found = |text: &str| (text.to_owned(), true);
        assert_eq!(run(&["\n\n"], &["a\n", "\nb"]), found("a"));
        assert_eq!(run(&["\n\n"], &["a\n", "b\n"]), ("a\nb\n".into(), false));
        assert_eq!(run(&["abab"], &["ab", "a", "a", "b", "ab"]), found("aba"));
        assert_eq!(run(&["abcd", "bc"], &["abcd"]), found("a"), "the first that is complete");
        assert_eq!(run(&["c", "abc"], &["xab", "c"]), found("x"), "the longest of those");
        assert_eq!(run(&["é"], &["a", "è", "é"]), found("aè"));
        assert_eq!(run(&["abc"], &["ab"]), ("ab".into(), false), "what was held back is part of the text in the end");
        assert_eq!(run(&[], &["a", "b"]), ("ab".into(), false));
        assert_eq!(run(&["", "x"], &["a"]), ("a".into(), false));
    }

    #[test]
    fn what_may_become_a_stop_text_is_held_back() {
        let mut stops = Stops::new(&["END".into(), "NO".into()]);
        let mut out = String::new();
        let mut pushed = |piece: &str| {
            assert!(!stops.push(piece, &mut out));
            std::mem::take(&mut out)
        };
        assert_eq!([pushed("aE"), pushed("N"), pushed("x"), pushed("x")], ["a", "", "ENx", "x"]);
        assert_eq!([pushed("EN"), pushed("N"), pushed("E")], ["", "EN", "N"]);
    }

    /// Returns the text up to the stop text that is complete first, by looking at every beginning of the text.
    fn expected(stops: &[String], text: &str) -> (String, bool) {
        for end in 1..=text.len() {
            let ends = stops.iter().filter(|stop| text.as_bytes()[..end].ends_with(stop.as_bytes()));
            if let Some(longest) = ends.map(String::len).max() {
                return (text[..end - longest].to_owned(), true);
            }
        }
        (text.to_owned(), false)
    }

    proptest! {
        #[test]
        fn splits_make_no_difference(
            stops in prop::collection::vec("[abé]{1,4}", 0..4),
            pieces in prop::collection::vec("[abé]{0,4}", 0..8),
        ) {
            let names: Vec<&str> = stops.iter().map(String::as_str).collect();
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            prop_assert_eq!(run(&names, &pieces), expected(&stops, &pieces.concat()));
        }
    }
}
