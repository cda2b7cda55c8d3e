//! What can go wrong with a session, sorted by whose fault it is.
//!
//! A vocabulary shared by everything that finds, counts or prints failures; it decides nothing and
//! holds no text of a peer. Invariant: a [`Fault`] is a small `Copy` value with a stable kebab-case
//! [`Fault::key`], so failures are counted by kind and never by rendered message.

mod tls;

use std::fmt;

use startline_protocol::websocket::Violation;
pub use tls::TlsFault;

/// Who has to act for a failure to go away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Blame {
    /// This box ran into a limit of its own.
    Box,
    /// Packets did not get through, as far as can be told from here.
    Network,
    /// The servers answered, and the answer was wrong, late or a refusal.
    Server,
    /// The scenario or its settings ask for something that cannot be done.
    Scenario,
}

impl Blame {
    /// The name in results: `box`, `network`, `server` or `scenario`.
    pub fn key(self) -> &'static str {
        match self {
            Self::Box => "box",
            Self::Network => "network",
            Self::Server => "server",
            Self::Scenario => "scenario",
        }
    }
}

/// One kind of failure. Which step it struck is kept beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    // This box.
    /// EMFILE or ENFILE: no descriptor left.
    DescriptorsExhausted,
    /// EADDRNOTAVAIL from connect: every port of the source address to this target is in use.
    TuplesExhausted,
    /// EADDRINUSE: the source port is taken.
    PortTaken,
    /// EADDRNOTAVAIL from bind: the source address is not, or no longer, one of this box's.
    SourceNotLocal,
    /// EINVAL from connect with a source address: nothing goes from it to this target.
    SourceUnusable,
    /// ENOMEM or ENOBUFS.
    MemoryExhausted,
    /// The one-time ticket expired because this box was late to use it.
    TicketAgedHere,
    /// Most of the step's time went by before one of the shared HTTP connections was free.
    HttpConnectionsBusy,

    // The network.
    /// ECONNREFUSED: nothing listens there.
    ConnectRefused,
    /// ENETUNREACH or EHOSTUNREACH.
    Unreachable,
    /// ECONNRESET or EPIPE outside an open WebSocket.
    Reset,
    /// ETIMEDOUT from the kernel: retransmissions went unanswered.
    KernelTimeout,
    /// The connection was not up within the step's timeout: nothing answered its SYNs.
    ConnectTimeout,
    /// Another errno.
    Errno(i32),

    // The servers.
    /// The step was not over within its timeout.
    StepTimeout,
    /// The peer closed in the middle of the step.
    ClosedEarly,
    /// An HTTP status that the step does not expect, with no name in the scenario.
    HttpStatus(u16),
    /// An error that the scenario names; the index is into `Scenario::error_names`.
    Named(u8),
    /// The response is not HTTP/1.x.
    HttpMalformed,
    /// The response head exceeds the limit.
    HttpHeadTooLarge,
    /// The body exceeds the limit where a value has to be taken from it.
    BodyTooLarge,
    /// The body ended before its stated length.
    BodyTruncated,
    /// A value is wanted and the body is not JSON.
    BodyNotJson,
    /// A wanted value is not in the body; the index is into `Scenario::value_names`.
    ValueMissing(u8),
    /// A taken value cannot be used where it is needed (control characters, over the length cap).
    ValueUnusable(u8),
    /// The upgrade was answered with this status instead of 101.
    UpgradeRefused(u16),
    /// The 101 lacks the upgrade headers or its accept key does not fit ours.
    UpgradeInvalid,
    /// The 101 chooses another subprotocol than the one offered, or none.
    SubprotocolRefused,
    /// The peer broke RFC 6455.
    Violation(Violation),
    /// An error message whose code the scenario does not name.
    ErrorMessage,
    /// The peer does not read: what we have to send piles up.
    SendBacklog,
    /// A text message is not JSON, or lacks what the scenario must find in it.
    MessageMalformed,
    /// A message that should have been the PING's echo is another.
    ReplyMismatch,
    /// The peer sent a close frame with this code before we did (1005: a close frame without one).
    Closed(u16),
    /// The connection ended without a close frame (RFC 6455's 1006).
    Cut,

    // Whoever is to blame for what goes wrong with TLS.
    /// TLS: the handshake, the certificate, a record, an alert.
    Tls(TlsFault),

    // The scenario.
    /// The URL taken from an answer is not a URL.
    UrlInvalid,
    /// The URL's host is not the target's and no `--allow-host` names it.
    HostNotAllowed,
}

impl Fault {
    /// Who has to act.
    pub fn blame(self) -> Blame {
        use Fault::*;
        match self {
            DescriptorsExhausted | TuplesExhausted | PortTaken | SourceNotLocal | SourceUnusable
            | MemoryExhausted | TicketAgedHere | HttpConnectionsBusy => Blame::Box,
            ConnectRefused | Unreachable | Reset | KernelTimeout | ConnectTimeout | Errno(_) => {
                Blame::Network
            }
            UrlInvalid | HostNotAllowed => Blame::Scenario,
            Tls(fault) => fault.blame(),
            _ => Blame::Server,
        }
    }

    /// The fault behind an errno of a socket call.
    pub fn from_errno(errno: i32) -> Self {
        match errno {
            libc::EMFILE | libc::ENFILE => Self::DescriptorsExhausted,
            libc::EADDRNOTAVAIL => Self::TuplesExhausted,
            libc::EADDRINUSE => Self::PortTaken,
            libc::ENOMEM | libc::ENOBUFS => Self::MemoryExhausted,
            libc::ECONNREFUSED => Self::ConnectRefused,
            libc::ENETUNREACH | libc::EHOSTUNREACH => Self::Unreachable,
            libc::ECONNRESET | libc::EPIPE | libc::ECONNABORTED => Self::Reset,
            libc::ETIMEDOUT => Self::KernelTimeout,
            other => Self::Errno(other),
        }
    }

    /// The stable kebab-case name under which this kind is counted. `names` resolves the indices of
    /// [`Fault::Named`], [`Fault::ValueMissing`] and [`Fault::ValueUnusable`].
    pub fn key(self, names: &dyn FaultNames) -> String {
        use Fault::*;
        match self {
            DescriptorsExhausted => "descriptors-exhausted".into(),
            TuplesExhausted => "tuples-exhausted".into(),
            PortTaken => "port-taken".into(),
            SourceNotLocal => "source-not-local".into(),
            SourceUnusable => "source-unusable".into(),
            MemoryExhausted => "memory-exhausted".into(),
            TicketAgedHere => "ticket-aged-here".into(),
            HttpConnectionsBusy => "http-connections-busy".into(),
            ConnectRefused => "connect-refused".into(),
            Unreachable => "unreachable".into(),
            Reset => "reset".into(),
            KernelTimeout => "kernel-timeout".into(),
            ConnectTimeout => "connect-timeout".into(),
            Errno(errno) => format!("errno-{errno}"),
            StepTimeout => "timeout".into(),
            ClosedEarly => "closed-early".into(),
            HttpStatus(status) => format!("http-{status}"),
            Named(index) => names.error_name(index).to_owned(),
            HttpMalformed => "http-malformed".into(),
            HttpHeadTooLarge => "http-head-too-large".into(),
            BodyTooLarge => "body-too-large".into(),
            BodyTruncated => "body-truncated".into(),
            BodyNotJson => "body-not-json".into(),
            ValueMissing(index) => format!("value-missing:{}", names.value_name(index)),
            ValueUnusable(index) => format!("value-unusable:{}", names.value_name(index)),
            UpgradeRefused(status) => format!("upgrade-refused-{status}"),
            UpgradeInvalid => "upgrade-invalid".into(),
            SubprotocolRefused => "subprotocol-refused".into(),
            Violation(violation) => format!("violation:{violation}"),
            ErrorMessage => "error-message".into(),
            SendBacklog => "send-backlog".into(),
            MessageMalformed => "message-malformed".into(),
            ReplyMismatch => "reply-mismatch".into(),
            Closed(code) => format!("closed-{code}"),
            Cut => "closed-1006".into(),
            UrlInvalid => "url-invalid".into(),
            HostNotAllowed => "ws-host-not-allowed".into(),
            Tls(fault) => fault.key(),
        }
    }
}

/// Resolves the indices that some faults carry into names of the scenario.
pub trait FaultNames {
    /// The name of the scenario's error `index`.
    fn error_name(&self, index: u8) -> &str;
    /// The name of the scenario's taken value `index`.
    fn value_name(&self, index: u8) -> &str;
}

impl fmt::Display for Blame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

#[cfg(test)]
mod tests {
    use Fault::*;
    use startline_protocol::tls::{PeerAlert, RecordFault};
    use startline_protocol::websocket::Violation as Rule;

    use super::*;

    struct Names;

    impl FaultNames for Names {
        fn error_name(&self, _: u8) -> &str {
            "a name of the scenario's"
        }
        fn value_name(&self, _: u8) -> &str {
            "<value>"
        }
    }

    /// One of each.
    const EVERY: [Fault; 37] = [
        DescriptorsExhausted,
        TuplesExhausted,
        PortTaken,
        SourceNotLocal,
        SourceUnusable,
        MemoryExhausted,
        TicketAgedHere,
        HttpConnectionsBusy,
        ConnectRefused,
        Unreachable,
        Reset,
        KernelTimeout,
        ConnectTimeout,
        Errno(5),
        StepTimeout,
        ClosedEarly,
        HttpStatus(418),
        Named(0),
        HttpMalformed,
        HttpHeadTooLarge,
        BodyTooLarge,
        BodyTruncated,
        BodyNotJson,
        ValueMissing(0),
        ValueUnusable(0),
        UpgradeRefused(418),
        UpgradeInvalid,
        SubprotocolRefused,
        Violation(Rule::MaskBit),
        ErrorMessage,
        SendBacklog,
        MessageMalformed,
        ReplyMismatch,
        Closed(1000),
        Cut,
        UrlInvalid,
        HostNotAllowed,
    ];

    /// One of each of TLS's.
    const EVERY_OF_TLS: [TlsFault; 17] = [
        TlsFault::Untrusted,
        TlsFault::WrongName,
        TlsFault::OfferTooNarrow,
        TlsFault::Expired,
        TlsFault::CertificateInvalid,
        TlsFault::Version,
        TlsFault::NoCommonSuite,
        TlsFault::HandshakeTimeout,
        TlsFault::HandshakeClosed,
        TlsFault::NotTls,
        TlsFault::HandshakeInvalid,
        TlsFault::Alert(PeerAlert(80)),
        TlsFault::Alert(PeerAlert(112)),
        TlsFault::Alert(PeerAlert(116)),
        TlsFault::Record(RecordFault::BadRecordMac),
        TlsFault::HandshakeReset,
        TlsFault::Extraction,
    ];

    #[test]
    fn the_manual_has_every_name_with_who_is_to_blame() {
        let manual = include_str!("../../docs/failures.md");
        for fault in EVERY.into_iter().chain(EVERY_OF_TLS.map(Tls)) {
            let key = fault.key(&Names);
            let general = match fault {
                Errno(_) => "`errno-<n>`".to_owned(),
                HttpStatus(_) => "`http-<status>`".to_owned(),
                UpgradeRefused(_) => "`upgrade-refused-<status>`".to_owned(),
                Closed(_) => "`closed-<code>`".to_owned(),
                Violation(_) => "`violation:<rule>`".to_owned(),
                Tls(TlsFault::Alert(PeerAlert(80))) => "`tls-alert:<name>`".to_owned(),
                Tls(TlsFault::Record(_)) => "`tls-record:<fault>`".to_owned(),
                Named(_) => key,
                _ => format!("`{key}`"),
            };
            let row = format!("| {general} | {} |", fault.blame());
            assert!(manual.contains(&row), "{row} is not in docs/failures.md");
        }
    }

    /// A new fault of TLS does not compile here until it is among [`EVERY_OF_TLS`], by which the manual is checked.
    #[test]
    fn every_fault_of_tls_is_checked_against_the_manual() {
        let place = |fault: TlsFault| match fault {
            TlsFault::Untrusted => 0,
            TlsFault::WrongName => 1,
            TlsFault::OfferTooNarrow => 2,
            TlsFault::Expired => 3,
            TlsFault::CertificateInvalid => 4,
            TlsFault::Version => 5,
            TlsFault::NoCommonSuite => 6,
            TlsFault::HandshakeTimeout => 7,
            TlsFault::HandshakeClosed => 8,
            TlsFault::NotTls => 9,
            TlsFault::HandshakeInvalid => 10,
            TlsFault::Alert(_) => 11,
            TlsFault::Record(_) => 14,
            TlsFault::HandshakeReset => 15,
            TlsFault::Extraction => 16,
        };
        for fault in EVERY_OF_TLS {
            assert_eq!(place(EVERY_OF_TLS[place(fault)]), place(fault), "{fault:?}");
        }
    }

    #[test]
    fn the_manual_has_every_fault_of_a_record() {
        use RecordFault::*;
        let manual = include_str!("../../docs/failures.md");
        for fault in [
            BadRecordMac,
            DecodeError,
            IllegalParameter,
            RecordOverflow,
            SequenceExhausted,
            UnexpectedMessage,
        ] {
            assert!(manual.contains(&format!("`{fault}`")), "{fault}");
        }
    }

    #[test]
    fn the_manual_has_every_rule_of_rfc_6455() {
        use startline_protocol::websocket::Violation::*;
        let manual = include_str!("../../docs/failures.md");
        for violation in [
            BadClose,
            BadUtf8,
            ControlFragmented,
            ControlTooLong,
            ExpectedContinuation,
            LengthEncoding,
            MaskBit,
            MessageTooLong,
            ReservedOpcode,
            ReservedBit,
            UnexpectedContinuation,
        ] {
            assert!(manual.contains(&format!("`{violation}`")), "{violation}");
        }
    }
}
