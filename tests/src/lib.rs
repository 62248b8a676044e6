//! This crate helps the end-to-end tests.
