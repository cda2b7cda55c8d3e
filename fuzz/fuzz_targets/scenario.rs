//! A scenario file: compiled, or refused with a place that is in the file.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| checks::input::scenario::source(text));
