//! This folder is where agents come in: one MCP server over raw messages, and the doors to it.
//!
//! ```text
//!  HTTP ──▶ gate ──▶ route ──▶ body ─┐                       ┌─▶ System (calls, catalogue, board)
//!           Host      scope    bytes │   classify   service ─┤
//!           Origin                   ├─▶ era, method ──▶     └─▶ reply: codes, statuses, wording
//!  stdio ─▶ lines ───────────────────┤                             │
//!  Unix  ─▶ lines ───────────────────┘   ◀── one line of JSON ─────┘
//! ```
//!
//! What a caller sends is taken apart one level deep and never decoded further; what a server
//! answers leaves as the bytes it came in, unless caller and server speak revisions of different
//! kinds. Each request is served by the rules of its own revision (`classify`): one connection may
//! carry both kinds.
//!
//! Only `reply` knows JSON-RPC codes and HTTP statuses. The doors know neither processes nor
//! restart rules, and hold no lock: sessions live in a concurrent table, connections own their
//! state.

mod asked;
mod batch;
mod calling;
mod classify;
pub mod dialogue;
mod era;
mod fronts;
mod greeting;
mod hearing;
mod herald;
pub mod http;
mod lines;
mod listen;
mod mirrored;
mod reply;
mod room;
mod seen;
mod service;
pub mod stdio;
pub mod stream;
mod talking;
mod tasks;
pub mod unix;

#[cfg(test)]
mod fixture;

pub use service::Service;
