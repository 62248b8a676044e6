//! This program feeds the decoder of lines with bytes that libFuzzer makes up.
//! It leaves what has to hold to `conductor_actors::fuzzing`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| conductor_actors::fuzzing::line_decoder(data));
