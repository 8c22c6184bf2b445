//! Reading a request's body within limits of size and time. The handler of inference calls it.

use std::{pin::Pin, time::Duration};

use bytes::{Buf, Bytes};
use http::{HeaderMap, header};
use http_body::Body;
use http_body_util::BodyExt;

/// Why a body was not read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BodyFault {
    /// It is longer than the limit.
    TooLarge,
    /// It did not arrive in this time.
    TooSlow(Duration),
    /// The connection broke or the framing is wrong.
    Broken,
    /// The requests in flight hold as much memory as they may.
    OverBudget,
}

/// The most that is set aside on the word of a `Content-Length`. Once so much has come, the rest is believed too: a body
/// that grew by and by would be there twice each time.
const FIRST_ALLOCATION: u64 = 1 << 20;

/// How much of a refused body is read, and for how long, so that a client that is still sending reads the answer.
const LINGER_BYTES: usize = 4 << 20;
const LINGER_TIME: Duration = Duration::from_secs(2);

/// Reads a body of at most `limit` bytes within `time`; `charge` is told of every piece, and says whether there is room
/// for it. A body that came in one piece is not copied.
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
    let charged = |piece: &Bytes| if charge(piece.len()) { Ok(()) } else { Err(BodyFault::OverBudget) };
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
    charged(&first)?;
    let Some(second) = next(&mut body).await? else {
        return Ok(first);
    };
    let expected = declared.lower().min(FIRST_ALLOCATION).max((first.len() + second.len()) as u64);
    let declared = usize::try_from(declared.lower()).unwrap_or_default();
    let mut whole = Vec::with_capacity(usize::try_from(expected).unwrap_or_default());
    whole.extend_from_slice(&first);
    let mut piece = Some(second);
    while let Some(bytes) = piece {
        if (whole.len() + bytes.len()) as u64 > limit {
            return Err(BodyFault::TooLarge);
        }
        charged(&bytes)?;
        if whole.len() + bytes.len() > whole.capacity() && declared > whole.len() {
            whole.reserve_exact(declared - whole.len());
        }
        whole.extend_from_slice(&bytes);
        piece = next(&mut body).await?;
    }
    Ok(whole.into())
}

/// The next piece of data; trailers are passed over.
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

/// Reads on for a while and throws away what comes: a client that is told no while it is still sending would otherwise
/// see its connection break before it reads the answer. One that waits for `100 Continue` is not sending.
pub(super) fn linger<B>(headers: &HeaderMap, body: B)
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    if body.is_end_stream() || headers.contains_key(header::EXPECT) {
        return;
    }
    tokio::spawn(async move {
        let drain = async {
            let mut body = Box::pin(body);
            let mut left = LINGER_BYTES;
            while let Some(Ok(frame)) = body.frame().await {
                let came = frame.data_ref().map_or(0, Buf::remaining);
                match left.checked_sub(came) {
                    Some(rest) => left = rest,
                    None => break,
                }
            }
        };
        let _ = tokio::time::timeout(LINGER_TIME, drain).await;
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use http_body::Frame;
    use http_body_util::{Full, StreamBody};

    fn pieces(pieces: &'static [&'static str]) -> impl Body<Data = Bytes, Error = std::convert::Infallible> + Unpin {
        StreamBody::new(stream::iter(pieces.iter().map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes()))))))
    }

    async fn read_all<B: Body + Unpin>(mut body: B, limit: u64) -> Result<Bytes, BodyFault> {
        read(Pin::new(&mut body), limit, Duration::from_secs(60), |_| true).await
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_the_limit_and_not_beyond() {
        for (limit, expected) in [(6, Ok(Bytes::from_static(b"abcdef"))), (5, Err(BodyFault::TooLarge))] {
            assert_eq!(read_all(pieces(&["ab", "", "cd", "ef"]), limit).await, expected);
            assert_eq!(read_all(Full::new(Bytes::from_static(b"abcdef")), limit).await, expected);
        }
        assert_eq!(read_all(pieces(&[]), 5).await, Ok(Bytes::new()));
    }

    #[tokio::test]
    async fn a_body_in_one_piece_is_not_copied() {
        let sent = Bytes::from_static(b"one piece");
        let read = read_all(Full::new(sent.clone()), 64).await.unwrap();
        assert_eq!(read.as_ptr(), sent.as_ptr());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_given_up() {
        let never = StreamBody::new(stream::pending::<Result<Frame<Bytes>, std::convert::Infallible>>());
        assert_eq!(read_all(never, 5).await, Err(BodyFault::TooSlow(Duration::from_secs(60))));
    }
}
