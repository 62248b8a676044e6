//! This file reads the body of a request, so long and no longer.
//!
//! It leaves what the bytes say to `post`.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body;
use tokio::time::timeout;

use crate::door::reply::Problem;

/// Reads up to `max` bytes within `limit`. A body that came in one piece is not copied.
///
/// # Errors
/// If it is longer, slower, or broken off.
pub(super) async fn read<B>(body: B, max: u64, limit: Duration) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes> + Unpin,
{
    let announced = body.size_hint().lower();
    if announced > max {
        return Err(Problem::BodyTooLarge);
    }
    timeout(limit, collect(body, max)).await.unwrap_or(Err(Problem::BodyTimeout))
}

async fn collect<B>(mut body: B, max: u64) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Problem::BodyBroken)?.into_data() else { continue };
        let length = first.len() + all.len() + data.len();
        if u64::try_from(length).unwrap_or(u64::MAX) > max {
            return Err(Problem::BodyTooLarge);
        }
        if first.is_empty() && all.is_empty() {
            first = data;
            continue;
        }
        if all.is_empty() {
            let rest = body.size_hint().lower().min(max);
            all.reserve(first.len() + data.len() + usize::try_from(rest).unwrap_or(0));
            all.extend_from_slice(&std::mem::take(&mut first));
        }
        all.extend_from_slice(&data);
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}
