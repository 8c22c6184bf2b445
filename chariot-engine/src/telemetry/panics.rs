//! [`catch`]: panics that are the fault of data, not of the engine. Code that hands a caller's data to a decoder calls it.

use std::cell::Cell;

thread_local! {
    /// Set while this thread runs code whose panics are caught.
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// Runs code that may panic because of its data. Returns the message of a panic, which is not logged.
///
/// After a panic, do not use values that the code was changing.
///
/// # Errors
/// Returns the message of the panic.
#[cfg(any(feature = "image", feature = "onnx-tract", feature = "text"))]
pub(crate) fn catch<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    let outer = CAUGHT.replace(true);
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
    CAUGHT.set(outer);
    result.map_err(|payload| message(payload.as_ref()))
}

/// Returns `true` if a panic of this thread is caught by [`catch`].
pub(super) fn is_caught() -> bool {
    CAUGHT.get()
}

#[cfg(any(feature = "image", feature = "onnx-tract", feature = "text"))]
fn message(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}

#[cfg(all(test, any(feature = "image", feature = "onnx-tract", feature = "text")))]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_returned_and_the_mark_is_removed() {
        assert_eq!(catch(|| catch(is_caught)), Ok(Ok(true)));
        assert_eq!(catch(|| -> u8 { panic!("value {}", 1) }), Err("value 1".to_owned()));
        assert!(!is_caught());
    }
}
