//! This test counts what a call costs in memory taken, from door to server and back, in one process.
//! The counts do not depend on how busy a machine is; times are left to `conductor-bench`.

#[cfg(test)]
mod client;
#[cfg(test)]
mod counts;

#[cfg(test)]
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

/// Counts everything that this program takes. The client that is part of it takes nothing.
#[cfg(test)]
#[global_allocator]
static ALLOCATOR: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;
