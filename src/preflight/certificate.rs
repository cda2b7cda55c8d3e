//! Checks the certificate that each address showed: its names, who signed it, and how long it is
//! valid.
//!
//! The handshake finds whether it is trusted; this file reads dates and names. Invariant: bytes
//! that are not a certificate are reported, never a panic.

use std::net::SocketAddr;

use jiff::Timestamp;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::format::{clean, listed};
use crate::checks::{Check, Figure, Fix, Verdict};
use crate::fault::TlsFault;

/// A certificate with fewer days left is warned of: a test that is postponed by a week should not
/// need another one.
const DAYS_MIN: i64 = 14;
const DAY_S: i64 = 86_400;

const ID: &str = "certificate";
const TITLE: &str = "certificate";

/// What a certificate says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// DNS names and addresses that it is for.
    pub names: Vec<String>,
    /// Who signed it.
    pub issuer: String,
    /// Its last second.
    pub not_after: Timestamp,
}

/// What an address showed.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The address.
    pub address: SocketAddr,
    /// The server's own certificate, if it came so far.
    pub certificate: Option<Certificate>,
    /// Why the handshake failed: its kind, and what was seen.
    pub refused: Option<(TlsFault, String)>,
}

impl Certificate {
    /// Reads a DER certificate; `None` if the bytes are not one.
    pub fn read(der: &[u8]) -> Option<Self> {
        let (_, read) = X509Certificate::from_der(der).ok()?;
        let names = read.subject_alternative_name().ok().flatten();
        let names = names.map(|names| names.value.general_names.iter().filter_map(name).collect());
        Some(Self {
            names: names.unwrap_or_default(),
            issuer: clean(&read.issuer().to_string()),
            not_after: Timestamp::from_second(read.validity().not_after.timestamp()).ok()?,
        })
    }

    /// Whole days left; negative once it has ended.
    fn days_left(&self, now: Timestamp) -> i64 {
        self.not_after.duration_since(now).as_secs().div_euclid(DAY_S)
    }
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(clean(name)),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|octets| std::net::Ipv4Addr::from(octets).to_string()),
            16 => {
                <[u8; 16]>::try_from(*bytes).ok().map(|octets| std::net::Ipv6Addr::from(octets).to_string())
            }
            _ => None,
        },
        _ => None,
    }
}

/// The check, if it was not made.
pub fn skipped(host: &str, cause: &str) -> Check {
    Check::skipped(ID, TITLE, need(host, false), cause)
}

fn need(host: &str, is_insecure: bool) -> Figure {
    let trusted = if is_insecure { "any (--insecure)" } else { "trusted" };
    Figure::words(format!("{trusted}, for {host}, {DAYS_MIN} days or more left"))
}

/// Judges what the addresses showed.
pub fn check(host: &str, shown: &[Shown], is_insecure: bool, now: Timestamp) -> Check {
    let soonest = shown.iter().filter_map(|one| one.certificate.as_ref()).min_by_key(|one| one.not_after);
    let days = soonest.map(|one| one.days_left(now));
    let reading = match (soonest, days) {
        (Some(one), Some(days)) => {
            let end = one.not_after.strftime("%F");
            let text = format!("{} (until {end}), by {}", lasts(days), one.issuer);
            match u64::try_from(days) {
                Ok(left) => Figure::new(left, "days left", text),
                Err(_) => Figure::words(text),
            }
        }
        _ => Figure::words("no certificate"),
    };
    let check = Check::ok(ID, TITLE, reading, need(host, is_insecure));
    let refused: Vec<(SocketAddr, &(TlsFault, String))> =
        shown.iter().filter_map(|one| Some((one.address, one.refused.as_ref()?))).collect();
    if let Some((_, (first, _))) = refused.first() {
        let why: Vec<String> = refused
            .iter()
            .map(|(address, (fault, evidence))| match clean(evidence) {
                evidence if evidence.is_empty() => format!("{address}: {}", fault.key()),
                evidence => format!("{address}: {} ({evidence})", fault.key()),
            })
            .collect();
        return check.but(Verdict::Fail, listed(&why), vec![Fix::advice(first.advice())]);
    }
    if is_insecure {
        let names = soonest.map(|one| listed(&one.names)).unwrap_or_default();
        return check.but(
            Verdict::Warn,
            format!("--insecure accepts any certificate; this one is for {names}"),
            vec![Fix::advice("give the CA that signed it with --ca FILE instead")],
        );
    }
    match days {
        Some(days) if days < DAYS_MIN => check.but(
            Verdict::Warn,
            format!("it expires in {}: a test that is postponed may need another one", plural(days, "day")),
            vec![Fix::advice("renew it now, and run preflight again")],
        ),
        Some(_) => check,
        None => check.but(
            Verdict::Unknown,
            "its certificate cannot be read, though the handshake succeeded",
            Vec::new(),
        ),
    }
}

/// Returns whether any address spoke TLS; otherwise nothing could be asked over https.
pub fn is_tls(shown: &[Shown]) -> bool {
    let silent = |fault: TlsFault| {
        matches!(
            fault,
            TlsFault::NotTls
                | TlsFault::HandshakeTimeout
                | TlsFault::HandshakeClosed
                | TlsFault::HandshakeReset
        )
    };
    shown
        .iter()
        .any(|one| one.certificate.is_some() || one.refused.as_ref().is_none_or(|(fault, _)| !silent(*fault)))
}

fn lasts(days: i64) -> String {
    match days {
        ..0 => format!("expired {} ago", plural(-days, "day")),
        _ => format!("{} left", plural(days, "day")),
    }
}

fn plural(count: i64, what: &str) -> String {
    if count == 1 { format!("{count} {what}") } else { format!("{count} {what}s") }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};

    use super::*;

    fn made(names: &[&str], year_of_end: i32) -> Vec<u8> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.distinguished_name.push(DnType::CommonName, "A \x1b CA");
        params.not_after = date_time_ymd(year_of_end, 3, 4);
        let key = KeyPair::generate().expect("a key");
        params.self_signed(&key).expect("a certificate").der().to_vec()
    }

    fn shown(certificate: Option<Certificate>, refused: Option<(TlsFault, &str)>) -> Shown {
        let refused = refused.map(|(fault, evidence)| (fault, evidence.to_owned()));
        Shown { address: ([10, 0, 0, 1], 443).into(), certificate, refused }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn ending(year: i32) -> Certificate {
        Certificate::read(&made(&["runnity.example", "10.0.0.1"], year)).expect("it reads")
    }

    #[test]
    fn names_issuer_and_end_are_read() {
        let read = ending(2030);
        assert_eq!(read.names, ["runnity.example", "10.0.0.1"]);
        assert!(read.issuer.contains("CN=A CA"), "{}", read.issuer);
        assert_eq!(read.not_after, at("2030-03-04T00:00:00Z"));
        assert_eq!(Certificate::read(b"hello"), None);
        assert_eq!(Certificate::read(&made(&["x"], 2030)[..80]), None);
    }

    #[test]
    fn days_left_decide() {
        let judged = |now| check("runnity.example", &[shown(Some(ending(2030)), None)], false, at(now));
        let fine = judged("2030-01-04T00:00:00Z");
        assert_eq!((fine.verdict, fine.reading.value), (Verdict::Ok, Some(59)));
        assert!(
            fine.reading.text.starts_with("59 days left (until 2030-03-04), by "),
            "{}",
            fine.reading.text
        );
        assert_eq!(judged("2030-02-18T00:00:00Z").verdict, Verdict::Ok);
        let close = judged("2030-02-18T00:00:01Z");
        assert_eq!(close.verdict, Verdict::Warn);
        assert!(close.why.expect("a reason").starts_with("it expires in 13 days"));
    }

    #[test]
    fn a_refusal_says_what_was_wrong_and_what_to_do() {
        let refused = Some((TlsFault::Expired, "certificate expired"));
        let check = check("x", &[shown(Some(ending(2020)), refused)], false, at("2020-03-14T01:00:00Z"));
        assert_eq!(check.verdict, Verdict::Fail);
        assert!(check.reading.text.starts_with("expired 11 days ago"), "{}", check.reading.text);
        assert_eq!(check.why.as_deref(), Some("10.0.0.1:443: tls-expired (certificate expired)"));
        assert!(check.fixes[0].text.starts_with("Renew the server's certificate"));
        let plain = [shown(None, Some((TlsFault::NotTls, "HTTP/1.1 400")))];
        assert_eq!(
            super::check("x", &plain, false, at("2020-03-14T01:00:00Z")).reading.text,
            "no certificate"
        );
    }

    #[test]
    fn a_fault_without_evidence_is_named_alone() {
        let refused = Some((TlsFault::HandshakeInvalid, ""));
        let check = check("x", &[shown(None, refused)], false, at("2020-03-14T01:00:00Z"));
        assert_eq!(check.why, Some(format!("10.0.0.1:443: {}", TlsFault::HandshakeInvalid.key())));
    }

    #[test]
    fn what_speaks_no_tls_was_not_asked() {
        let refused = |fault| [shown(None, Some((fault, "x")))];
        assert!(!is_tls(&refused(TlsFault::NotTls)));
        assert!(!is_tls(&refused(TlsFault::HandshakeClosed)));
        assert!(is_tls(&refused(TlsFault::Version)));
        assert!(is_tls(&[shown(Some(ending(2030)), Some((TlsFault::WrongName, "for b")))]));
        assert!(is_tls(&[shown(Some(ending(2030)), None)]));
    }

    #[test]
    fn one_of_several_addresses_is_enough_to_fail() {
        let fine = shown(Some(ending(2030)), None);
        let wrong = shown(Some(ending(2031)), Some((TlsFault::WrongName, "for b")));
        let check = check("x", &[fine, wrong], false, at("2029-01-01T00:00:00Z"));
        assert_eq!(check.verdict, Verdict::Fail);
        assert!(check.reading.text.contains("2030-03-04"), "the one that ends first is shown");
    }

    #[test]
    fn anything_goes_is_warned_of() {
        let check = check("x", &[shown(Some(ending(2030)), None)], true, at("2029-01-01T00:00:00Z"));
        assert_eq!(check.verdict, Verdict::Warn);
        assert!(check.why.expect("a reason").ends_with("this one is for runnity.example, 10.0.0.1"));
    }
}
