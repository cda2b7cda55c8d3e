//! TLS figures by their registered names.
//!
//! Counts nothing itself. Invariant: a number without a name here is shown as it is on the wire.

use std::collections::BTreeMap;

use rustls::{CipherSuite, NamedGroup, ProtocolVersion};

use super::{Ordered, TlsResult};
use crate::measure::TlsCounts;

/// What a result says of TLS; nothing when there was none, and nothing that has to be said of it.
pub(super) fn result(secured: &TlsCounts, insecure: bool) -> Option<TlsResult> {
    (secured.handshakes() > 0 || insecure).then(|| TlsResult {
        insecure,
        full: secured.full,
        resumed: secured.resumed,
        versions: named(&secured.versions, version),
        suites: named(&secured.suites, suite),
        key_exchanges: named(&secured.groups, group),
        tickets: secured.tickets,
        key_updates: secured.key_updates,
    })
}

/// Most frequent first.
fn named(counts: &BTreeMap<u16, u64>, name: fn(u16) -> String) -> Ordered<u64> {
    let mut all: Vec<(String, u64)> = counts.iter().map(|(number, count)| (name(*number), *count)).collect();
    all.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
    Ordered(all)
}

fn version(number: u16) -> String {
    match ProtocolVersion::from(number) {
        ProtocolVersion::TLSv1_3 => "TLS 1.3".to_owned(),
        ProtocolVersion::TLSv1_2 => "TLS 1.2".to_owned(),
        _ => format!("{number:#06x}"),
    }
}

/// The IANA's name.
fn suite(number: u16) -> String {
    // rustls marks the suites of TLS 1.3, which the registry does not.
    CipherSuite::from(number)
        .as_str()
        .map_or_else(|| format!("{number:#06x}"), |name| name.replace("TLS13_", "TLS_"))
}

fn group(number: u16) -> String {
    NamedGroup::from(number).as_str().map_or_else(|| format!("{number:#06x}"), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Handshake;

    #[test]
    fn numbers_have_their_registered_names() {
        let mut secured = TlsCounts::default();
        for resumed in [false, true, true] {
            secured.record(Handshake { resumed, version: 0x0304, suite: 0x1301, group: 0x001d });
        }
        secured.record(Handshake { resumed: false, version: 0x0303, suite: 0xfafa, group: 0 });
        let result = result(&secured, false).expect("there were some");
        assert_eq!((result.full, result.resumed), (2, 2));
        assert_eq!(result.versions.0, [("TLS 1.3".to_owned(), 3), ("TLS 1.2".to_owned(), 1)]);
        assert_eq!(result.suites.0, [("TLS_AES_128_GCM_SHA256".to_owned(), 3), ("0xfafa".to_owned(), 1)]);
        assert_eq!(result.key_exchanges.0, [("X25519".to_owned(), 3)]);
    }

    #[test]
    fn without_tls_there_is_nothing_to_say() {
        assert_eq!(result(&TlsCounts::default(), false), None);
        assert!(result(&TlsCounts::default(), true).expect("that has to be said").insecure);
    }
}
