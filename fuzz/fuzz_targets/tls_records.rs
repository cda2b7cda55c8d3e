//! Records of TLS 1.3: any bytes, and records that are sealed well around any content, opened or refused by name.

#![no_main]

// Stands alone; most of it is for the property tests.
#[allow(dead_code)]
#[path = "../../tests/tls_properties/checks.rs"]
mod checks;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| checks::records(bytes));
