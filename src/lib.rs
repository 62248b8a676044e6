//! The daemon: doors, command line, process.
