//! HTTP/1.1, TLS 1.3 records, WebSocket frames and messages as pure functions over bytes.
//!
//! Knows no socket, no clock, no thread, and nothing of Runnity; client sessions and the mock
//! server stand on it. Invariant: every parser takes its input in any split, never panics on what a
//! peer sends, and bounds what it keeps.
//!
//! From the answer to an upgrade to the first message, by a client:
//!
//! ```
//! use startline_protocol::http::{Limits, ResponseReader};
//! use startline_protocol::websocket::{MessageKind, MessageReader, Opcode, Reader, parse_header, write_frame};
//!
//! let bytes = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x01\x03Hel\x80\x02lo";
//!
//! // The head may come in any split; a 101 ends with it, and what follows is the WebSocket's.
//! let mut answer = ResponseReader::new(Limits::default(), false);
//! let (first, second) = bytes.split_at(20);
//! assert!(!answer.feed(first)?.complete);
//! let progress = answer.feed(second)?;
//! assert!(progress.complete && answer.status() == Some(101));
//! assert_eq!(answer.header("Upgrade"), Some("websocket"));
//!
//! // Frames, and the message that they make. What a frame's payload is kept in is the caller's choice.
//! let mut frames = &second[progress.consumed..];
//! let (mut messages, mut text) = (MessageReader::default(), Vec::new());
//! while let Some((header, header_bytes)) = parse_header(frames, Reader::Client)? {
//!     let payload;
//!     (payload, frames) = frames[header_bytes..].split_at(header.payload_len as usize);
//!     messages.begin_frame(&header, 1 << 20)?;
//!     messages.feed(payload)?;
//!     text.extend_from_slice(payload);
//!     if let Some(message) = messages.end_frame(header.fin)? {
//!         assert_eq!((message.kind, message.bytes), (MessageKind::Text, 5));
//!     }
//! }
//! assert_eq!(text, b"Hello");
//!
//! // A client's frames are masked.
//! let mut out = Vec::new();
//! write_frame(&mut out, Opcode::Text, Some([1, 2, 3, 4]), &text);
//! assert_eq!(out.len(), 2 + 4 + 5);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod http;
pub mod matching;
pub mod tls;
pub mod websocket;
