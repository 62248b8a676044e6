//! This folder is the doors on Unix sockets: one socket a server, one a workspace, and those that
//! the settings name. Whoever can reach a socket file may call what is behind it, and nothing else.
//!
//! ```text
//!  settings ─▶ wanted ─▶ doors ──opens, keeps, closes──▶ crate::socket
//!                          │
//!                          └─▶ accept ─▶ credentials of the peer ─▶ speech ─┬─▶ door::stream
//!                                                                   └─▶ door::http
//! ```
//!
//! A socket belongs to the daemon, not to a life of its server: it stays, with its inode and its
//! connections, while the server is restarted behind it.

mod accept;
mod doors;
mod gone;
mod speech;
mod wanted;

pub use doors::{NotOpened, OpenSockets, Opened, ServerSocket, UnixDoors};
pub use wanted::Wanted;
