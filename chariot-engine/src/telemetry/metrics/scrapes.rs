//! [`Scrapes`], the texts of the metrics on their way to scrapers. The registry of an engine makes them.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{Duration, Instant},
};

use bytes::Bytes;

/// The number of texts on their way from which scrapers share one, so that callers who read none of them cannot fill the
/// memory. It is more than an engine has scrapers.
const OWN_TEXTS: usize = 8;

/// The time for which a text is shared.
const SHARED_FOR: Duration = Duration::from_secs(1);

/// The texts of one format on their way.
#[derive(Debug, Default)]
pub(super) struct Scrapes {
    /// Every text holds a reference.
    on_their_way: Arc<()>,
    latest: Mutex<Option<(Instant, Weak<Text>)>>,
}

#[derive(Debug)]
struct Text {
    text: String,
    _on_its_way: Arc<()>,
}

struct Shared(Arc<Text>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        self.0.text.as_bytes()
    }
}

impl Scrapes {
    /// Returns the text of `encode`, or a recent one if many are on their way.
    ///
    /// # Errors
    /// Returns the error of `encode`.
    pub(super) fn text(&self, encode: impl FnOnce() -> Result<String, fmt::Error>) -> Result<Bytes, fmt::Error> {
        if Arc::strong_count(&self.on_their_way) > OWN_TEXTS
            && let Some((since, latest)) = &*self.latest.lock().unwrap_or_else(PoisonError::into_inner)
            && since.elapsed() < SHARED_FOR
            && let Some(text) = latest.upgrade()
        {
            return Ok(Bytes::from_owner(Shared(text)));
        }
        let text = Arc::new(Text { text: encode()?, _on_its_way: self.on_their_way.clone() });
        let latest = (Instant::now(), Arc::downgrade(&text));
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(latest);
        Ok(Bytes::from_owner(Shared(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_scrapers_get_texts_of_their_own_and_many_share_one() {
        let scrapes = Scrapes::default();
        let mut made = 0;
        let mut scrape = || {
            let text = scrapes.text(|| {
                made += 1;
                Ok(made.to_string())
            });
            text.unwrap()
        };
        let mut unread: Vec<Bytes> = (0..100).map(|_| scrape()).collect();
        assert_eq!((&*unread[1], &*unread[7], &*unread[99]), (&b"2"[..], &b"8"[..], &b"8"[..]));
        unread.clear();
        assert_eq!(scrape(), "9");
    }
}
