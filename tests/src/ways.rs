//! This file names the ways in which the mock server can spoil one tool among its healthy ones.
//! It leaves writing such a tool to the mock server.

/// The ways: arguments of `--fault bad_tool=WAY`.
pub const WAYS: [&str; 21] = [
    "no_name",
    "null_name",
    "empty_name",
    "number_name",
    "control_name",
    "long_name",
    "no_schema",
    "null_schema",
    "array_schema",
    "string_schema",
    "string_type_schema",
    "deep",
    "surrogate",
    "huge",
    "null_tool",
    "string_tool",
    "bool_output_schema",
    "null_description",
    "dup_name",
    "poisoned",
    "tagged",
];
