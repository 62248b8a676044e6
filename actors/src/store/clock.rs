//! The wall clock as a value that is handed in, so that tests can pin it.
//! Durations within one run are not measured with it: it can be set back.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the wall-clock time. Cheap to clone.
#[derive(Clone)]
pub struct WallClock(Arc<dyn Fn() -> u64 + Send + Sync>);

impl WallClock {
    /// The clock of the machine. A time before 1970 reads as 1970.
    pub fn system() -> Self {
        Self::new(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
        })
    }

    /// A clock that reads `unix_nanos`, in nanoseconds since 1970.
    pub fn new(unix_nanos: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(unix_nanos))
    }

    /// Nanoseconds since 1970.
    pub fn unix_nanos(&self) -> u64 {
        (self.0)()
    }

    /// Milliseconds since 1970, as databases store them.
    pub fn unix_millis(&self) -> i64 {
        i64::try_from(self.unix_nanos() / 1_000_000).unwrap_or(i64::MAX)
    }
}

impl fmt::Debug for WallClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WallClock({})", self.unix_nanos())
    }
}
