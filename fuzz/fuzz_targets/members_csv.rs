//! A members file: read, or refused by file and line; without quotes, as a naive reader reads it.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| checks::input::members::file(bytes));
