//! This folder brings each call to the server it is for.
//!
//! ```text
//!  RouterHandle::call ──(admission, permit)──▶ Dispatch ──▶ route Up ──▶ lane of that server
//!        ▲                                        │   route coming: parked until it is up
//!        │                                        └─▶ route down: refused with the outage
//!        └──────────────── reply port, straight from the server's lane ─────────────────┘
//! ```
//!
//! A call to a server that is not shared goes to the instance that runs for its caller (`tenancy` says
//! which), or waits for it in `berths` once the server itself is up.
//!
//! The actor passes the caller's reply port on and forgets the call: no handler waits, and an
//! answer never passes through its mailbox. The permit for the total number of calls stays with
//! the waiting caller and returns however the wait ends. It knows neither tool schemas nor tokens;
//! that a caller was let in is proved by the `Admission` it asks for.

mod actor;
mod audit;
mod berths;
mod handle;
mod retry;
mod routes;
mod tenancy;
#[cfg(test)]
mod tests_berths;
#[cfg(test)]
mod tests_calls;
#[cfg(test)]
mod tests_routes;
mod waiting;

pub(crate) use actor::RouterActor;
pub(crate) use handle::RouterHandle;
pub(crate) use tenancy::Tenancy;
