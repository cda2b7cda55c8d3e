//! The TLS record layer against rustls, record by record, and against a sealer that keeps no rule.

mod faults;
mod mutations;
mod peers;
mod sessions;

use startline_protocol::tls::Suite;

/// Every suite of TLS 1.3 that rustls speaks.
pub const SUITES: [Suite; 3] =
    [Suite::Aes128GcmSha256, Suite::Aes256GcmSha384, Suite::Chacha20Poly1305Sha256];
