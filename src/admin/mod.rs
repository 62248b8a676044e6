//! This folder lets the user of this machine look after the running daemon: a small HTTP interface
//! on a Unix socket in the state directory, and the client that the command line uses for it.
//!
//! Who may connect is decided by the operating system: the socket has mode 0600 in a directory of
//! mode 0700, and the peer must be the same user or root. Agents come in by the doors instead.

mod client;
mod explain;
mod pins;
mod routes;
mod server;
mod socket;
mod streams;
#[cfg(test)]
mod tests_socket;

pub use client::{Client, ClientError, Lines};
pub use explain::{Explained, Explanations, Found, Why};
pub use pins::{Approval, Pending, PendingServer, PendingTool};
pub use routes::{Admin, CallAnswer, DaemonFacts, ToolList, router};
pub use server::serve;
pub use socket::{AdminSocket, path_in};
pub use streams::LogLine;

pub use crate::rest::{Connection, Connections, Degraded, Instance, LastError, Problem};
