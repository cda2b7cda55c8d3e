//! Frame headers against tungstenite for either side, close payloads and text against the standard library,
//! compressed messages against flate2's reader.

#![no_main]

use checks::protocol::frames;
use libfuzzer_sys::fuzz_target;
use startline_protocol::websocket::Reader;

fuzz_target!(|bytes: &[u8]| {
    frames::header(bytes, Reader::Client);
    frames::header(bytes, Reader::Inflating);
    frames::header(bytes, Reader::Server);
    frames::close(bytes);
    frames::text(bytes);
    frames::inflated(bytes);
});
