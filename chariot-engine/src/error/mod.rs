//! The errors of the SDK, each with what its caller may read of it. Every room uses them.
//!
//! [`Error`] is what an author's `load` and `infer` return: `?` takes anything into it. Whose fault an error is decides
//! what a caller sees. Only a [`Rejection`] (made by [`reject!`](crate::reject) or [`Error::rejected`]) is the caller's:
//! a 400 with its text. Everything else is a 500 whose text stays in the log.

mod message;

use std::{error::Error as StdError, fmt};

#[allow(unused_imports, reason = "every room moves to it")]
pub(crate) use message::{Expected, put_causes_on_lines, quoted, quoted_up_to, shortened};

/// Any error, boxed.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// `Result` with the SDK's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Whose fault an [`Error`] is, and so which status the caller gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The caller's fault: 400, and the caller reads the text.
    Rejected,
    /// The model's fault: 500, and the text stays in the log.
    Failed,
    /// Nobody's fault and not for long: 503, and the caller reads the text.
    Unavailable,
    /// The deadline passed: 504.
    TimedOut,
    /// The caller has gone: nobody reads an answer.
    Cancelled,
}

/// What went wrong in `load`, in `infer` or with one item.
///
/// Like `anyhow::Error` it is not itself a [`std::error::Error`], so that `?` takes any error into it. Such an error is
/// a 500, and its text and all its causes are logged and never sent. For a fault of the caller use
/// [`reject!`](crate::reject) or [`Error::rejected`].
///
/// ```
/// use chariot_engine::{Error, ErrorKind, Result, reject};
///
/// fn parse(text: &str) -> Result<u32> {
///     if text.is_empty() {
///         reject!("a number is expected, nothing came");
///     }
///     Ok(text.parse()?)
/// }
///
/// assert_eq!(parse("7").unwrap(), 7);
/// assert_eq!(parse("").unwrap_err().kind(), ErrorKind::Rejected);
/// let failed: Error = parse("x").unwrap_err();
/// assert_eq!(failed.kind(), ErrorKind::Failed);
/// assert_eq!(failed.public_message(), None);
/// ```
pub struct Error {
    kind: ErrorKind,
    /// Where in the request, outermost last: read by the caller.
    places: Vec<String>,
    /// What was being done, outermost last: for the log.
    context: Vec<String>,
    inner: BoxError,
}

/// The caller's fault: 400, and the caller reads the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection(String);

impl Rejection {
    /// A fault of the caller: say what was expected, what came, and where.
    pub fn new(text: impl Into<String>) -> Self {
        Rejection(text.into())
    }

    /// The same fault, with the place in the request before its text: `input 'a': ...`.
    #[must_use]
    pub fn at(self, place: impl fmt::Display) -> Self {
        Rejection(format!("{place}: {}", self.0))
    }

    /// One rejection of many faults, which names the first ten and counts the others.
    pub(crate) fn all(faults: &[String]) -> Result<(), Rejection> {
        const NAMED: usize = 10;
        match faults.len() {
            0 => Ok(()),
            n if n <= NAMED => Err(Rejection(faults.join("; "))),
            n => Err(Rejection(format!("{}; and {} more", faults[..NAMED].join("; "), n - NAMED))),
        }
    }

    /// What the caller reads.
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Rejection {}

/// A reason of the other kinds, found again by [`Error::from`] wherever it stands in a chain of causes.
#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error("{0}")]
    Unavailable(String),
    #[error("{0}")]
    Unwritable(String),
    #[error("the deadline has passed")]
    TimedOut,
    #[error("the caller has gone")]
    Cancelled,
}

impl<E: Into<BoxError>> From<E> for Error {
    fn from(error: E) -> Self {
        let inner = error.into();
        let mut kind = ErrorKind::Failed;
        let mut cause: Option<&(dyn StdError + 'static)> = Some(&*inner);
        while let Some(error) = cause {
            if error.is::<Rejection>() {
                kind = ErrorKind::Rejected;
            } else if let Some(reason) = error.downcast_ref::<Reason>() {
                kind = match reason {
                    Reason::Unavailable(_) => ErrorKind::Unavailable,
                    Reason::Unwritable(_) => ErrorKind::Failed,
                    Reason::TimedOut => ErrorKind::TimedOut,
                    Reason::Cancelled => ErrorKind::Cancelled,
                };
            }
            cause = error.source();
        }
        Error { kind, places: vec![], context: vec![], inner }
    }
}

impl Error {
    /// A fault of the caller: 400, and the caller reads `text`. [`reject!`](crate::reject) is the short form.
    pub fn rejected(text: impl fmt::Display) -> Self {
        Rejection(text.to_string()).into()
    }

    /// Something that this engine needs is not there just now: 503, and the caller reads `text`.
    pub fn unavailable(text: impl fmt::Display) -> Self {
        Reason::Unavailable(text.to_string()).into()
    }

    /// The model answered what the caller's form of the response cannot hold. It is the model's fault, and the caller
    /// reads it all the same: another form would hold it.
    pub(crate) fn unwritable(text: impl fmt::Display) -> Self {
        Reason::Unwritable(text.to_string()).into()
    }

    pub(crate) fn timed_out() -> Self {
        Reason::TimedOut.into()
    }

    pub(crate) fn cancelled() -> Self {
        Reason::Cancelled.into()
    }

    /// Whose fault it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Names the place in the request that is at fault (`input 'a'`). The caller reads it.
    #[must_use]
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.places.push(place.to_string());
        self
    }

    /// Whether a place in the request has been named.
    pub(crate) fn has_location(&self) -> bool {
        !self.places.is_empty()
    }

    /// Says what was being done (`reading the weights`). It is for the log: no caller reads it.
    #[must_use]
    pub fn context(mut self, what: impl fmt::Display) -> Self {
        self.context.push(what.to_string());
        self
    }

    /// What a caller may read: the place and the reason of a rejection or of an unavailability. Of a failure nothing, but
    /// that an answer holds a number which JSON cannot hold.
    pub fn public_message(&self) -> Option<String> {
        let reason = self.reason();
        let is_told = self.kind != ErrorKind::Failed || matches!(reason.downcast_ref(), Some(Reason::Unwritable(_)));
        if !is_told {
            return None;
        }
        let mut text = reason.to_string();
        for place in &self.places {
            text = format!("{place}: {text}");
        }
        Some(text)
    }

    /// The typed cause that decided the kind; what wraps it (anyhow's context, say) is for the log.
    fn reason(&self) -> &(dyn StdError + 'static) {
        let mut found: &(dyn StdError + 'static) = &*self.inner;
        let mut cause: Option<&(dyn StdError + 'static)> = Some(found);
        while let Some(error) = cause {
            if error.is::<Rejection>() || error.is::<Reason>() {
                found = error;
            }
            cause = error.source();
        }
        found
    }

    /// Returns the wrapped error, without place and context.
    pub fn inner(&self) -> &(dyn StdError + 'static) {
        &*self.inner
    }

    /// Returns the cause of the wrapped error, like [`std::error::Error::source`].
    pub fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner.source()
    }

    /// The whole chain on one line, for the log: context, place, error and all its causes.
    pub fn log_message(&self) -> String {
        let one_line =
            |text: &str| text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" | ");
        let mut last = self.to_string();
        let mut text = one_line(&last);
        let mut cause = self.inner.source();
        while let Some(error) = cause {
            let next = error.to_string();
            // Many errors print their cause as part of themselves.
            if !last.ends_with(&next) {
                text = format!("{text}{}{}", message::cause_separator(), one_line(&next));
                last = next;
            }
            cause = error.source();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for what in self.context.iter().chain(&self.places).rev() {
            write!(f, "{what}: ")?;
        }
        write!(f, "{}", self.inner)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error").field("kind", &self.kind).field("error", &self.log_message()).finish()
    }
}

/// `.context("...")` on a `Result` or an `Option`: says for the log what was being done. What kind of error it is stays
/// as it was; a `None` is a failure.
///
/// ```
/// use chariot_engine::{Context, Result};
///
/// fn read() -> Result<String> {
///     std::fs::read_to_string("no such file").context("reading the vocabulary")
/// }
/// assert!(read().unwrap_err().to_string().starts_with("reading the vocabulary: "));
/// ```
pub trait Context<T> {
    /// Says for the log what was being done.
    ///
    /// # Errors
    /// The error that was there, or for a `None` a failure with this text.
    fn context(self, what: impl fmt::Display) -> Result<T>;
}

impl<T, E: Into<Error>> Context<T> for std::result::Result<T, E> {
    fn context(self, what: impl fmt::Display) -> Result<T> {
        self.map_err(|error| error.into().context(what))
    }
}

impl<T> Context<T> for Option<T> {
    fn context(self, what: impl fmt::Display) -> Result<T> {
        self.ok_or_else(|| Error::from(what.to_string()))
    }
}

/// Refuses what the caller sent: returns from the function with a 400 whose text the caller reads.
///
/// It takes what `format!` takes. Say what was expected and what came; the SDK adds the input's name.
///
/// ```
/// use chariot_engine::{Result, reject};
///
/// fn check(width: u32) -> Result<()> {
///     if width < 8 {
///         reject!("an image at least 8 pixels wide is expected, one of {width} came");
///     }
///     Ok(())
/// }
/// assert!(check(2).is_err());
/// ```
#[macro_export]
macro_rules! reject {
    ($($text:tt)*) => {
        return ::core::result::Result::Err($crate::Error::rejected(::core::format_args!($($text)*)))
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] Rejection);

    #[test]
    fn a_rejection_is_found_within_a_chain_and_its_wrapping_stays_in_the_log() {
        let error = Error::from(Outer(Rejection::new("too small"))).at("input 'a'").context("resizing");
        assert_eq!(error.kind(), ErrorKind::Rejected);
        assert_eq!(error.public_message().as_deref(), Some("input 'a': too small"));
        assert_eq!(error.log_message(), "input 'a': resizing: outer: too small");
    }

    #[test]
    fn a_failure_says_nothing_to_the_caller_and_everything_on_one_line_to_the_log() {
        let error = Error::from(std::io::Error::other("disk\nbroken")).context("loading");
        assert_eq!((error.kind(), error.public_message()), (ErrorKind::Failed, None));
        assert_eq!(error.log_message(), "loading: disk | broken");
    }
}
