//! These tests run the real programs from outside: the daemon, its children, its clients.
//! They leave what can be decided without a process to the tests beside the code.

// `cfg(test)` lets helper functions unwrap as tests do.
#[cfg(test)]
mod agents;
#[cfg(test)]
mod asking;
#[cfg(test)]
mod bridge;
#[cfg(test)]
mod calling;
#[cfg(test)]
mod checked;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod confined;
#[cfg(test)]
mod containers;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod crosstalk;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod explain;
#[cfg(test)]
mod extensions;
#[cfg(test)]
mod faithful;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod features;
#[cfg(test)]
mod floor;
#[cfg(test)]
mod handover;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod hearing;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod importing;
#[cfg(test)]
mod isolation;
#[cfg(test)]
mod lines;
#[cfg(test)]
mod listing;
#[cfg(test)]
mod logging;
#[cfg(test)]
mod matrix;
#[cfg(test)]
mod mock_contract;
#[cfg(test)]
mod naming;
#[cfg(test)]
mod noticing;
#[cfg(test)]
mod operating;
#[cfg(test)]
mod orphans;
#[cfg(test)]
mod pins;
#[cfg(test)]
mod pool;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod remote;
#[cfg(test)]
mod rest;
#[cfg(test)]
mod results;
#[cfg(test)]
mod resuming;
#[cfg(test)]
mod rug_pulls;
#[cfg(test)]
mod search;
#[cfg(test)]
mod secrecy;
#[cfg(test)]
mod service_manager;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod sharing;
#[cfg(test)]
mod shutdown;
#[cfg(test)]
mod sockets;
#[cfg(test)]
mod stdio_door;
#[cfg(test)]
mod steady;
#[cfg(test)]
mod tasks;
#[cfg(test)]
mod tidy;
#[cfg(test)]
mod unix_http;
#[cfg(test)]
mod views;
#[cfg(test)]
mod visits;
#[cfg(test)]
mod world;
