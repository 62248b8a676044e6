//! This crate turns settings files into checked values.
