//! Reading a request body within limits of size and time. The handlers call it.

use std::{future::poll_fn, pin::Pin, task::Poll, time::Duration};

use bytes::{Buf, Bytes};
use http::{HeaderMap, header};
use http_body::Body;
use http_body_util::BodyExt;

use super::lingering::Lingering;

/// The reason why a body was not read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BodyFault {
    /// The body exceeds the size limit.
    TooLarge,
    /// The body was not received within this time.
    TooSlow(Duration),
    /// The connection was lost, or the framing is invalid.
    Broken,
    /// The memory budget of the requests in flight is exhausted.
    OverBudget,
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

/// The largest buffer allocated on the strength of a `Content-Length` alone, in bytes. Once this much has arrived, the rest
/// is allocated at once, because a buffer that grows step by step is copied at each step.
const FIRST_ALLOCATION: u64 = 1 << 20;

/// Reads a body of at most `limit` bytes within `time`. `charge` is called for every chunk and returns `false` if the memory
/// budget is exhausted. A body of one chunk is not copied.
pub(super) async fn read<B>(
    body: Pin<&mut B>,
    limit: u64,
    time: Duration,
    charge: impl Fn(usize) -> bool,
) -> Result<Bytes, BodyFault>
where
    B: Body,
{
    match tokio::time::timeout(time, collect(body, limit, charge)).await {
        Ok(result) => result,
        Err(_) => Err(BodyFault::TooSlow(time)),
    }
}

async fn collect<B: Body>(
    mut body: Pin<&mut B>,
    limit: u64,
    charge: impl Fn(usize) -> bool,
) -> Result<Bytes, BodyFault> {
    let charge = |chunk: &Bytes| if charge(chunk.len()) { Ok(()) } else { Err(BodyFault::OverBudget) };
    let declared = body.size_hint();
    if declared.lower() > limit {
        return Err(BodyFault::TooLarge);
    }
    let Some(first) = next(&mut body).await? else {
        return Ok(Bytes::new());
    };
    if first.len() as u64 > limit {
        return Err(BodyFault::TooLarge);
    }
    charge(&first)?;
    let Some(second) = next(&mut body).await? else {
        return Ok(first);
    };
    let capacity = declared.lower().min(FIRST_ALLOCATION).max((first.len() + second.len()) as u64);
    let declared = usize::try_from(declared.lower()).unwrap_or_default();
    let mut buffer = Vec::with_capacity(usize::try_from(capacity).unwrap_or_default());
    buffer.extend_from_slice(&first);
    let mut chunk = Some(second);
    while let Some(bytes) = chunk {
        if (buffer.len() + bytes.len()) as u64 > limit {
            return Err(BodyFault::TooLarge);
        }
        charge(&bytes)?;
        if buffer.len() + bytes.len() > buffer.capacity() && declared > buffer.len() {
            buffer.reserve_exact(declared - buffer.len());
        }
        buffer.extend_from_slice(&bytes);
        chunk = next(&mut body).await?;
    }
    Ok(buffer.into())
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
        read(Pin::new(&mut body), limit, Duration::from_secs(60), |_| true).await
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
