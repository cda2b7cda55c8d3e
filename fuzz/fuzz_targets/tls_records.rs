//! Records of TLS 1.3: any bytes, and records that are sealed well around any content, opened or refused by name.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| checks::tls::records(bytes));
