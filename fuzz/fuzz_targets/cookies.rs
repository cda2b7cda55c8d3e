//! Set-Cookie fields, one a line, into a jar that stays bounded and harmless.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| checks::input::cookies::fields(text.lines()));
