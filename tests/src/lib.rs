//! This crate looks at mcp-conductor from outside: it boots the real binary and speaks raw JSON with it.
//! It knows nothing of the product's insides; what must hold is said by the tests in `e2e/`.

pub mod client;
pub mod daemon;
pub mod journal;
pub mod rest;
pub mod sandbox;
pub mod wait;
pub mod ways;
