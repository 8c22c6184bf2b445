//! Reading a request body within limits of size and time. The handlers call it.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::atomic::{AtomicU64, Ordering},
    task::Poll,
    time::Duration,
};

use bytes::{Buf, Bytes};
use futures_util::future::poll_immediate;
use http::{HeaderMap, header};
use http_body::Body;
use http_body_util::BodyExt;

use super::{lingering::Lingering, pace};
use crate::inflight::{OverLimit, PaceLimit};

/// The reason why a body was not read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BodyFault {
    /// The body exceeds the size limit.
    TooLarge,
    /// The body was not received within this time.
    TooSlow(Duration),
    /// The connection was lost, or the framing is invalid.
    Broken,
    /// The request exceeds a memory limit.
    OverLimit(OverLimit),
    /// The engine has stopped in the meantime.
    Stopped,
}

/// The message for a body that ends before its declared length or its last chunk.
pub(super) const INCOMPLETE: &str = "request body is incomplete";

/// Returns the message for a body that exceeds the size limit.
pub(super) fn too_large(limit: u64) -> String {
    format!("request body exceeds the limit of {}", size(limit))
}

/// Returns a number of bytes in the largest unit that shows it exactly.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = UNITS.iter().find(|(size, _)| bytes > 0 && bytes.is_multiple_of(*size));
    let (count, unit) = unit.map_or((bytes, "bytes"), |(size, unit)| (bytes / size, *unit));
    format!("{count} {unit}")
}

/// Returns the message for a body that was not received in time.
pub(super) fn too_slow(time: Duration) -> String {
    format!("request body was not received within {}", humantime::format_duration(time))
}

/// The body of a request until somebody reads it.
pub(super) struct UnreadBody<B>(Option<B>);

impl<B> UnreadBody<B>
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    pub(super) fn new(body: B) -> Self {
        UnreadBody(Some(body))
    }

    /// Returns the number of bytes that the body has at least.
    pub(super) fn declared(&self) -> u64 {
        self.0.as_ref().map_or(0, |body| body.size_hint().lower())
    }

    /// Returns the body; `None` if it was taken before.
    pub(super) fn take_whole(&mut self) -> Option<B> {
        self.0.take()
    }

    /// Returns the body for reading; `None` if it was taken before.
    pub(super) fn take(&mut self) -> Option<Pin<Box<B>>> {
        self.0.take().map(Box::pin)
    }

    /// Receives and discards the body of a request that is refused by its head, see [`linger`].
    pub(super) fn linger(&mut self, headers: &HeaderMap) {
        if let Some(body) = self.0.take() {
            linger(headers, body);
        }
    }
}

/// Reads a body of at most `limit` bytes at a pace. `charge` is called before memory is taken and returns the limit that the
/// memory exceeds. A body of one chunk is not copied.
pub(super) async fn read<B>(
    body: Pin<&mut B>,
    limit: u64,
    pace: PaceLimit,
    refusals: impl Fn() -> u64,
    charge: impl Fn(usize) -> Result<(), OverLimit>,
) -> Result<Bytes, BodyFault>
where
    B: Body,
{
    let received = AtomicU64::new(0);
    let collected = pin!(collect(body, limit, &received, |bytes| charge(bytes).map_err(BodyFault::OverLimit)));
    let read = pace::within(pace, || received.load(Ordering::Relaxed), refusals, collected).await;
    read.unwrap_or(Err(BodyFault::TooSlow(pace.timeout)))
}

async fn collect<B: Body>(
    mut body: Pin<&mut B>,
    limit: u64,
    received: &AtomicU64,
    charge: impl Fn(usize) -> Result<(), BodyFault>,
) -> Result<Bytes, BodyFault> {
    let declared = body.size_hint().lower();
    if declared > limit {
        return Err(BodyFault::TooLarge);
    }
    let Some(first) = next(&mut body).await? else {
        return Ok(Bytes::new());
    };
    if first.len() as u64 > limit {
        return Err(BodyFault::TooLarge);
    }
    received.store(first.len() as u64, Ordering::Relaxed);
    charge(first.len())?;
    if body.is_end_stream() {
        return Ok(first);
    }
    // A chunk can be a small part of a large buffer, so it does not wait for the rest unless that is there.
    let mut rest = match poll_immediate(pin!(next(&mut body))).await {
        Some(Ok(None)) => return Ok(first),
        Some(rest) => rest?,
        None => None,
    };
    let declared = usize::try_from(declared).unwrap_or_default();
    let mut charged = first.len();
    let mut buffer = Vec::new();
    let mut chunk = Some(first);
    while let Some(bytes) = chunk {
        let length = buffer.len() + bytes.len();
        if length as u64 > limit {
            return Err(BodyFault::TooLarge);
        }
        received.store(length as u64, Ordering::Relaxed);
        if length > buffer.capacity() {
            let capacity = capacity(length, declared).min(usize::try_from(limit).unwrap_or(usize::MAX));
            charge(capacity.saturating_sub(charged))?;
            charged = charged.max(capacity);
            buffer.reserve_exact(capacity - buffer.len());
        }
        buffer.extend_from_slice(&bytes);
        drop(bytes);
        chunk = match rest.take() {
            Some(rest) => Some(rest),
            None => next(&mut body).await?,
        };
    }
    Ok(buffer.into())
}

/// Returns the size of a buffer for a body of which `length` bytes have arrived. A buffer that grows is copied, so the
/// declared length is trusted once a quarter of it has arrived; before, a few bytes would reserve the memory of many.
fn capacity(length: usize, declared: usize) -> usize {
    const SMALLEST: usize = 1 << 10;
    if length >= declared / 4 && declared > 0 { declared.max(length) } else { length.saturating_mul(2).max(SMALLEST) }
}

/// Returns the next chunk of data. Skips trailers.
async fn next<B: Body>(body: &mut Pin<&mut B>) -> Result<Option<Bytes>, BodyFault> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| BodyFault::Broken)?;
        if let Ok(mut data) = frame.into_data()
            && data.has_remaining()
        {
            return Ok(Some(data.copy_to_bytes(data.remaining())));
        }
    }
    Ok(None)
}

/// Receives and discards the rest of the body of a refused request, in the background and within the limits of
/// [`Lingering`]. Otherwise, a client that is still sending would see a broken connection instead of the response.
///
/// In HTTP/2, dropping the body resets the stream after the response, without an error. Clients may take that for a failure
/// while they are sending (curl 7.88 does), so they are listened to as well. A client that waits for `100 Continue` is not
/// sending.
pub(super) fn linger<B>(headers: &HeaderMap, body: B)
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    if body.is_end_stream() || headers.contains_key(header::EXPECT) {
        return;
    }
    let Some(mut lingering) = Lingering::start() else { return };
    tokio::spawn(async move {
        let mut body = Box::pin(body);
        poll_fn(|cx| {
            loop {
                match body.as_mut().poll_frame(cx) {
                    Poll::Ready(Some(Ok(frame))) => lingering.received(frame.data_ref().map_or(0, Buf::remaining)),
                    Poll::Ready(_) => return Poll::Ready(()),
                    Poll::Pending => return lingering.poll_over(cx),
                }
            }
        })
        .await;
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use http_body::Frame;
    use http_body_util::{Full, StreamBody};

    fn chunks(chunks: &'static [&'static str]) -> impl Body<Data = Bytes, Error = std::convert::Infallible> + Unpin {
        StreamBody::new(stream::iter(chunks.iter().map(|chunk| Ok(Frame::data(Bytes::from_static(chunk.as_bytes()))))))
    }

    async fn read_all<B: Body + Unpin>(mut body: B, limit: u64) -> Result<Bytes, BodyFault> {
        let pace = PaceLimit::new(Duration::from_secs(60), 1);
        read(Pin::new(&mut body), limit, pace, || 0, |_| Ok(())).await
    }

    #[tokio::test]
    async fn memory_is_charged_as_the_body_grows_whatever_length_it_declares() {
        use std::cell::Cell;
        for (length, declared, expected) in
            [(1, 0, 1024), (600, 0, 1200), (1, 1 << 30, 1024), (256, 1000, 1000), (2000, 1000, 2000)]
        {
            assert_eq!(capacity(length, declared), expected, "{length} of {declared}");
        }
        let charged = Cell::new(0);
        let charge = |bytes| {
            charged.set(charged.get() + bytes);
            if charged.get() <= 1024 { Ok(()) } else { Err(OverLimit::Budget) }
        };
        let pace = PaceLimit::new(Duration::from_secs(60), 1);
        let small = read(pin!(chunks(&["ab", "cd"])), 1 << 20, pace, || 0, charge).await;
        assert_eq!((small, charged.get()), (Ok(Bytes::from_static(b"abcd")), 1024));
        charged.set(1);
        let large = read(pin!(chunks(&["ab", "cd"])), 1 << 20, pace, || 0, charge).await;
        assert_eq!(large, Err(BodyFault::OverLimit(OverLimit::Budget)));
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_the_limit_and_not_beyond() {
        for (limit, expected) in [(6, Ok(Bytes::from_static(b"abcdef"))), (5, Err(BodyFault::TooLarge))] {
            assert_eq!(read_all(chunks(&["ab", "", "cd", "ef"]), limit).await, expected);
            assert_eq!(read_all(Full::new(Bytes::from_static(b"abcdef")), limit).await, expected);
        }
        assert_eq!(read_all(chunks(&[]), 5).await, Ok(Bytes::new()));
    }

    #[tokio::test]
    async fn a_body_in_one_chunk_is_not_copied() {
        let sent = Bytes::from_static(b"one chunk");
        let read = read_all(Full::new(sent.clone()), 64).await.unwrap();
        assert_eq!(read.as_ptr(), sent.as_ptr());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_arrive_times_out() {
        let never = StreamBody::new(stream::pending::<Result<Frame<Bytes>, std::convert::Infallible>>());
        assert_eq!(read_all(never, 5).await, Err(BodyFault::TooSlow(Duration::from_secs(60))));
    }
}
