//! Logs that servers write, in any pieces; the first line is a format of access logs, too.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| checks::input::log_lines::log(bytes));
