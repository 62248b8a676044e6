//! This crate holds the running system.
