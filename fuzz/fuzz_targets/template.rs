//! Templates against a naive reading of the same text.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| checks::input::template::text(text));
