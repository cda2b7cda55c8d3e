//! Responses: alike at every split, heads as httparse reads them, bodies as the head frames them.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| checks::protocol::http::response(bytes));
