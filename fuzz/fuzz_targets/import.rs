//! A JMeter plan or a browser's recording: imported, or refused by file and line.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| checks::input::import::file(text));
