//! This file waits for a value, within a stated limit.
//! It never waits for an event: what was true before one looked counts too.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep};

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// Looks again and again until `look` finds a value; returns it.
///
/// # Errors
///
/// Says `what` was waited for if it is not there within `limit`.
pub async fn until<T>(
    what: &str,
    limit: Duration,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> Result<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(value) = look().await {
            return Ok(value);
        }
        if Instant::now() >= end {
            bail!("{what}: not within {limit:?}");
        }
        sleep(PAUSE).await;
    }
}

/// Looks for `span` and fails as soon as `look` finds a value; for what must not happen.
///
/// # Errors
///
/// Says `what` happened.
pub async fn never<T: std::fmt::Debug>(
    what: &str,
    span: Duration,
    look: impl AsyncFnMut() -> Option<T>,
) -> Result<()> {
    match until(what, span, look).await {
        Ok(value) => bail!("{what}: happened: {value:?}"),
        Err(_) => Ok(()),
    }
}
