//! What can go wrong with a session, sorted by whose fault it is.
//!
//! A vocabulary shared by everything that finds, counts or prints failures; it decides nothing and
//! holds no text of a peer. Invariant: a [`Fault`] is a small `Copy` value with a stable kebab-case
//! [`Fault::key`], so failures are counted by kind and never by rendered message. `table` declares
//! every fault, in a row each.

mod advice;
mod row;
mod table;

pub use advice::advice_in;
pub use row::{Blame, Excuse, FaultNames, NamedFault};
use startline_protocol::tls::{PeerAlert, RecordFault};
pub use table::{Fault, TlsFault};

impl Fault {
    /// The least fault in the derived order.
    pub const FIRST: Self = Self::DescriptorsExhausted;

    /// Returns the fault behind an errno of a socket call.
    pub fn from_errno(errno: i32) -> Self {
        match errno {
            libc::EMFILE | libc::ENFILE => Self::DescriptorsExhausted,
            libc::EADDRNOTAVAIL => Self::TuplesExhausted,
            libc::EADDRINUSE => Self::PortTaken,
            libc::EPERM | libc::EACCES => Self::NotPermitted,
            libc::ENOMEM | libc::ENOBUFS => Self::MemoryExhausted,
            libc::ECONNREFUSED => Self::ConnectRefused,
            libc::ENETUNREACH | libc::EHOSTUNREACH => Self::Unreachable,
            libc::ECONNRESET | libc::EPIPE | libc::ECONNABORTED => Self::Reset,
            libc::ETIMEDOUT => Self::KernelTimeout,
            other => Self::Errno(other),
        }
    }
}

impl Fault {
    /// Returns the names in results; what stands in angle brackets at the end of some is filled in
    /// there.
    pub fn keys() -> impl Iterator<Item = &'static str> {
        Self::ROWS.iter().chain(TlsFault::ROWS).map(|row| row.key)
    }

    /// Returns whether a failure can have this name in results, those aside that a scenario gives.
    pub fn is_key(name: &str) -> bool {
        Self::keys().any(|key| match key.split_once('<') {
            Some((fixed, _)) => !fixed.is_empty() && name.len() > fixed.len() && name.starts_with(fixed),
            None => key == name,
        })
    }
}

impl From<RecordFault> for TlsFault {
    fn from(fault: RecordFault) -> Self {
        match fault {
            // Kept by number, so that each alert has the name that RFC 8446, section 6, gives it.
            RecordFault::PeerAlert(PeerAlert(116)) => Self::ClientCertificate,
            RecordFault::PeerAlert(alert) => Self::Alert(alert),
            other => Self::Record(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::lang::Lang;
    use Fault::*;
    use startline_protocol::tls::{PeerAlert, RecordFault};
    use startline_protocol::websocket::Violation as Rule;

    use super::row::Row;
    use super::*;

    const MANUAL: &str = include_str!("../../docs/failures.md");

    struct Names;

    impl FaultNames for Names {
        fn error_name(&self, _: u8) -> &str {
            "POOL_EXHAUSTED"
        }
        fn value_name(&self, _: u8) -> &str {
            "token"
        }
    }

    fn rows() -> impl Iterator<Item = &'static Row> {
        Fault::ROWS.iter().chain(TlsFault::ROWS).chain(advice::OTHERS)
    }

    #[test]
    fn preflight_is_named_where_it_can_ask_about_the_members() {
        let refused = Named(NamedFault { name: 0, blame: Blame::Scenario });
        assert!(refused.advice_in_scenario(true, true).contains("preflight"));
        assert!(!refused.advice_in_scenario(false, true).contains("preflight"));
        assert_eq!(Reset.advice_in_scenario(true, true), Reset.advice());
        for refused in [HttpStatus(401), UpgradeRefused(403)] {
            assert!(refused.advice_in_scenario(false, true).contains("cookies = true"));
            assert_eq!(refused.advice_in_scenario(false, false), refused.advice());
        }
    }

    #[test]
    fn the_manual_has_every_name_with_its_blame() {
        for row in rows() {
            let start = format!("| `{}` | {} |", row.key, row.blame);
            assert!(MANUAL.contains(&start), "{start} is not in docs/failures.md");
        }
    }

    #[test]
    fn the_manual_has_no_name_that_is_not_in_the_table() {
        let names = MANUAL.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
        let known: Vec<&str> = names.map(|(name, _)| name).collect();
        assert!(known.len() > 50, "{known:?}");
        for name in known {
            assert!(rows().any(|row| row.key == name), "`{name}` is in docs/failures.md only");
        }
    }

    #[test]
    fn a_key_has_its_detail_in_it() {
        for (fault, key) in [
            (Reset, "reset"),
            (Cut, "closed-1006"),
            (Errno(5), "errno-5"),
            (HttpStatus(418), "http-418"),
            (HttpStatus(401), "http-401"),
            (Named(NamedFault { name: 0, blame: Blame::Scenario }), "POOL_EXHAUSTED"),
            (ValueMissing(0), "value-missing:token"),
            (ValueUnusable(0), "value-unusable:token"),
            (UpgradeRefused(502), "upgrade-refused-502"),
            (Violation(Rule::MaskBit), "violation:mask-bit"),
            (Closed(1008), "closed-1008"),
            (Tls(TlsFault::Expired), "tls-expired"),
            (Tls(TlsFault::Alert(PeerAlert(80))), "tls-alert:internal-error"),
            (Tls(TlsFault::Alert(PeerAlert(112))), "tls-alert:unrecognized-name"),
            (Tls(TlsFault::ClientCertificate), "tls-client-certificate"),
            (Tls(TlsFault::Record(RecordFault::BadRecordMac)), "tls-record:bad-record-mac"),
        ] {
            assert_eq!(fault.key(&Names), key);
        }
    }

    #[test]
    fn names_for_special_values_are_what_the_values_print() {
        for number in 0..=u8::MAX {
            let alert = PeerAlert(number);
            assert_eq!(TlsFault::Alert(alert).key(), format!("tls-alert:{alert}"));
        }
    }

    /// Verdicts take both out of a result; what were in both would be taken out twice.
    #[test]
    fn what_this_machine_is_blamed_for_needs_no_excuse() {
        for row in rows() {
            assert!(row.blame != Blame::Machine || row.excuses.is_empty(), "{}", row.key);
        }
    }

    #[test]
    fn advice_is_one_or_more_whole_sentences() {
        for row in rows() {
            assert!(row.advice.ends_with('.') && !row.advice.contains("  "), "{}", row.advice);
        }
    }

    /// Advice is found by its English.
    #[test]
    fn alike_advice_is_alike_in_every_language() {
        for row in rows() {
            assert!(row.korean.ends_with('.') && !row.korean.contains("  "), "{}", row.korean);
            assert_eq!(advice_in(Lang::Ko, row.advice), row.korean, "{}", row.key);
            assert_eq!(advice_in(Lang::En, row.advice), row.advice);
        }
        assert_eq!(advice_in(Lang::Ko, "of another release"), "of another release");
    }

    #[test]
    fn the_first_fault_is_the_least() {
        assert!(
            [Errno(i32::MIN), HttpStatus(0), ReplyMismatch, Tls(TlsFault::Untrusted)]
                .iter()
                .all(|it| *it > Fault::FIRST)
        );
        assert_eq!(Fault::ROWS[0].key, Fault::FIRST.key(&Names));
    }

    #[test]
    fn the_manual_has_every_fault_of_a_record() {
        use RecordFault::*;
        for fault in [
            BadRecordMac,
            DecodeError,
            IllegalParameter,
            RecordOverflow,
            SequenceExhausted,
            UnexpectedMessage,
        ] {
            assert!(MANUAL.contains(&format!("`{fault}`")), "{fault}");
        }
    }

    #[test]
    fn the_manual_has_every_rule_of_rfc_6455() {
        use startline_protocol::websocket::Violation::*;
        for violation in [
            BadClose,
            BadDeflate,
            BadUtf8,
            ControlFragmented,
            ControlTooLong,
            ExpectedContinuation,
            InflatedTooLong,
            LengthEncoding,
            MaskBit,
            MessageTooLong,
            ReservedOpcode,
            ReservedBit,
            UnexpectedContinuation,
        ] {
            assert!(MANUAL.contains(&format!("`{violation}`")), "{violation}");
        }
    }
}
