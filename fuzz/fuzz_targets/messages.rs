//! Records: the same kind and values at every split, and those that serde_json finds.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| checks::protocol::messages::message(bytes));
