//! How a peer can break RFC 6455 or 7692, and the close code that says so.
//!
//! Names only; who finds one is the readers' business. Invariant: names are those of results and do
//! not change.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a peer broke RFC 6455 or 7692. Each maps to the close code that ends the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Violation {
    /// Close payload of one byte, or a code that may not be on the wire (7.4).
    BadClose,
    /// A compressed message that is not deflate's, or not whole (RFC 7692, 7.2.2). Close code 1007.
    BadDeflate,
    /// Text or close reason is not UTF-8 (8.1). Close code 1007.
    BadUtf8,
    /// A control frame without FIN (5.5).
    ControlFragmented,
    /// A control frame over 125 bytes (5.5).
    ControlTooLong,
    /// A new data frame while a fragmented message is open (5.4).
    ExpectedContinuation,
    /// A compressed message that inflates to more than the reader's limit. Close code 1009.
    InflatedTooLong,
    /// A length not in its shortest form, or over 63 bits (5.2).
    LengthEncoding,
    /// A frame masked by a server, or not masked by a client (5.1).
    MaskBit,
    /// A message over the reader's limit. Close code 1009.
    MessageTooLong,
    /// A reserved opcode (5.2).
    ReservedOpcode,
    /// An RSV bit without an extension (5.2).
    ReservedBit,
    /// A continuation with no message open (5.4).
    UnexpectedContinuation,
}

impl Violation {
    /// The code to close with: 1002, 1007 or 1009 (section 7.4.1).
    pub fn close_code(self) -> u16 {
        match self {
            Self::BadDeflate | Self::BadUtf8 => 1007,
            Self::InflatedTooLong | Self::MessageTooLong => 1009,
            _ => 1002,
        }
    }
}

impl std::error::Error for Violation {}

impl fmt::Display for Violation {
    /// The kebab-case name used in results.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadClose => "bad-close",
            Self::BadDeflate => "bad-deflate",
            Self::BadUtf8 => "bad-utf8",
            Self::ControlFragmented => "control-fragmented",
            Self::ControlTooLong => "control-too-long",
            Self::ExpectedContinuation => "expected-continuation",
            Self::InflatedTooLong => "inflated-too-long",
            Self::LengthEncoding => "length-encoding",
            Self::MaskBit => "mask-bit",
            Self::MessageTooLong => "message-too-long",
            Self::ReservedOpcode => "reserved-opcode",
            Self::ReservedBit => "reserved-bit",
            Self::UnexpectedContinuation => "unexpected-continuation",
        })
    }
}
