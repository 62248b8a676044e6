//! This module is the mock server: arguments, input loop, protocol, tools and faults, a file each.
//! It leaves the choice of faults to the command line and the verdict to the test.

pub(crate) mod args;
mod asking;
mod call_faults;
mod calls;
mod catalogue;
mod fault;
mod journal;
mod library;
mod malformed;
mod output;
pub(crate) mod process;
mod protocol;
mod serve;
mod shared;
mod startup;
mod tasks;
mod tells;

pub(crate) use serve::run;
