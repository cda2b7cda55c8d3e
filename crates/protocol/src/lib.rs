//! HTTP/1.1, TLS 1.3 records, WebSocket frames and JSON messages as pure functions over bytes.
//!
//! Knows no socket, no clock, no thread, and nothing of Runnity; client sessions and the mock server's
//! server side both stand on it. Invariant: every parser takes its input in any split, never
//! panics on what a peer sends, and bounds what it keeps.

pub mod http;
pub mod scan;
pub mod tls;
pub mod websocket;
