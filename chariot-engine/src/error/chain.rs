//! [`Error`]: any error with its causes, its kind, its location in the request, and context for the log.

use std::{error::Error as StdError, fmt};

use super::rejection::Rejection;

/// A boxed error of any type.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// `Result` with the SDK's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The kind of an [`Error`], which decides the status that the caller receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A fault in the request: 400. The caller reads the text.
    Rejected,
    /// A fault in the model: 500. The text stays in the log.
    Failed,
    /// A request that takes more memory than one request can hold: 413. The caller reads the text.
    TooLarge,
    /// A temporary condition: 503. The caller reads the text.
    Unavailable,
    /// A deadline that passed: 504.
    TimedOut,
    /// A caller that has disconnected: nobody reads the response.
    Cancelled,
}

/// An error of `load`, of `infer`, or of one item.
///
/// Like `anyhow::Error` it does not implement [`std::error::Error`] itself, so that `?` converts any error into it. An
/// error converted this way is a 500: its text and its causes are logged and never sent to the caller. For a fault in
/// the request use [`reject!`](crate::reject) or [`Error::rejected`].
///
/// ```
/// use chariot_engine::{Error, ErrorKind, Result, reject};
///
/// fn parse(text: &str) -> Result<u32> {
///     if text.is_empty() {
///         reject!("expected a number, got an empty string");
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
    /// The locations in the request, outermost last. The caller reads them.
    locations: Vec<String>,
    /// The operations that were in progress, outermost last. For the log only.
    context: Vec<String>,
    inner: BoxError,
}

/// The typed cause of an error that is not a rejection. [`Error::from`] finds it anywhere in a chain of causes.
#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error("expected a request that takes at most {0} bytes of memory with its response, got one that takes more")]
    TooLarge(u64),
    #[error("{0}")]
    Unavailable(String),
    #[error("{0}")]
    Unwritable(String),
    #[error("the deadline has passed")]
    TimedOut,
    #[error("the caller has disconnected")]
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
                    Reason::TooLarge(_) => ErrorKind::TooLarge,
                    Reason::Unavailable(_) => ErrorKind::Unavailable,
                    Reason::Unwritable(_) => ErrorKind::Failed,
                    Reason::TimedOut => ErrorKind::TimedOut,
                    Reason::Cancelled => ErrorKind::Cancelled,
                };
            }
            cause = error.source();
        }
        Error { kind, locations: vec![], context: vec![], inner }
    }
}

impl Error {
    /// Creates an error for a fault in the request: 400 with this text. [`reject!`](crate::reject) is the short form.
    pub fn rejected(text: impl fmt::Display) -> Self {
        Rejection::new(text.to_string()).into()
    }

    /// Creates an error for a resource that is temporarily unavailable: 503 with this text.
    pub fn unavailable(text: impl fmt::Display) -> Self {
        Reason::Unavailable(text.to_string()).into()
    }

    /// Creates an error for a request that takes more than this number of bytes.
    pub(crate) fn too_large(limit: u64) -> Self {
        Reason::TooLarge(limit).into()
    }

    /// Creates an error for an output that the caller's response format cannot represent. It is the model's fault, but
    /// the caller reads the text: another format could represent the output.
    pub(crate) fn unwritable(text: impl fmt::Display) -> Self {
        Reason::Unwritable(text.to_string()).into()
    }

    /// Returns `true` if the error is about an output that the caller's response format cannot represent.
    pub(crate) fn is_unwritable(&self) -> bool {
        self.kind == ErrorKind::Failed && matches!(self.reason().downcast_ref(), Some(Reason::Unwritable(_)))
    }

    pub(crate) fn timed_out() -> Self {
        Reason::TimedOut.into()
    }

    pub(crate) fn cancelled() -> Self {
        Reason::Cancelled.into()
    }

    /// Returns the kind of the error.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Adds the location of the fault in the request (`input 'a'`). The caller reads it.
    #[must_use]
    pub fn at(mut self, location: impl fmt::Display) -> Self {
        self.locations.push(location.to_string());
        self
    }

    /// Returns `true` if a location in the request has been added.
    pub(crate) fn has_location(&self) -> bool {
        !self.locations.is_empty()
    }

    /// Adds the operation that was in progress (`reading the weights`). Only the log shows it.
    #[must_use]
    pub fn context(mut self, operation: impl fmt::Display) -> Self {
        self.context.push(operation.to_string());
        self
    }

    /// Returns the text that the caller may read: location and reason of every kind but [`ErrorKind::Failed`].
    ///
    /// For a failure it returns `None`, except for an output that contains a number that JSON cannot represent.
    pub fn public_message(&self) -> Option<String> {
        if self.kind == ErrorKind::Failed && !self.is_unwritable() {
            return None;
        }
        let mut text = self.reason().to_string();
        for location in &self.locations {
            text = format!("{location}: {text}");
        }
        Some(text)
    }

    /// Returns the typed cause that decided the kind, without wrappers such as anyhow's context, which are for the log.
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

    /// Returns the wrapped error, without location and context.
    pub fn inner(&self) -> &(dyn StdError + 'static) {
        &*self.inner
    }

    /// Returns the cause of the wrapped error, like [`std::error::Error::source`].
    pub fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner.source()
    }

    /// Returns the whole chain on one line, for the log: context, location, error and all its causes.
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
                text = format!("{text}{}{}", super::message::cause_separator(), one_line(&next));
                last = next;
            }
            cause = error.source();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for prefix in self.context.iter().chain(&self.locations).rev() {
            write!(f, "{prefix}: ")?;
        }
        write!(f, "{}", self.inner)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error").field("kind", &self.kind).field("error", &self.log_message()).finish()
    }
}

/// Adds `.context("...")` to `Result` and `Option`.
///
/// The context says for the log what was in progress. The kind of the error does not change; a `None` becomes a failure.
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
    /// Adds the operation that was in progress. Only the log shows it.
    ///
    /// # Errors
    /// Returns the original error with the context, or for a `None` a failure with this text.
    fn context(self, operation: impl fmt::Display) -> Result<T>;
}

impl<T, E: Into<Error>> Context<T> for std::result::Result<T, E> {
    fn context(self, operation: impl fmt::Display) -> Result<T> {
        self.map_err(|error| error.into().context(operation))
    }
}

impl<T> Context<T> for Option<T> {
    fn context(self, operation: impl fmt::Display) -> Result<T> {
        self.ok_or_else(|| Error::from(operation.to_string()))
    }
}

/// Rejects the request: returns from the function with a 400 whose text the caller reads.
///
/// Accepts the arguments of `format!`. Write the text as `expected X, got Y`; the SDK adds the name of the input.
///
/// ```
/// use chariot_engine::{Result, reject};
///
/// fn check(width: u32) -> Result<()> {
///     if width < 8 {
///         reject!("expected an image at least 8 pixels wide, got one {width} pixels wide");
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
    fn a_failure_is_logged_in_full_on_one_line_and_never_sent() {
        let error = Error::from(std::io::Error::other("disk\nbroken")).context("loading");
        assert_eq!((error.kind(), error.public_message()), (ErrorKind::Failed, None));
        assert_eq!(error.log_message(), "loading: disk | broken");
    }
}
