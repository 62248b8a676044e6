//! The daemon: doors, command line, process.
//!
//! It leaves settings to `conductor-config` and the running system to `conductor-actors`.

pub mod admin;
pub mod cli;
mod credentials;
mod daemon;
mod doctor;
pub mod door;
pub mod exit;
mod handover;
mod heap;
pub mod import;
pub mod reload;
pub mod rest;
pub mod sample_server;
mod service_manager;
mod shut_off;
mod shutdown;
pub mod socket;
mod telemetry;
