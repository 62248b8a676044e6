//! These tests run the real programs from outside: the daemon, its children, its clients.
//! They leave what can be decided without a process to the tests beside the code.

// `cfg(test)` lets helper functions unwrap as tests do.
#[cfg(test)]
mod harness;
#[cfg(test)]
mod mock_contract;
