//! Advice on a look-up that failed.
//!
//! Decides by the error's type and status, never by its words.

use super::agent;
use super::challenge::Unexpected;
use crate::engine;

/// Returns an error of a look-up in words, without the library's own for their kind.
pub fn told(error: &anyhow::Error) -> String {
    let mut words = Vec::new();
    for cause in error.chain() {
        match cause.downcast_ref::<ureq::Error>() {
            Some(error) => {
                words.push(agent::said(error));
                break;
            }
            None => words.push(cause.to_string()),
        }
    }
    words.join(": ")
}

/// Returns what to do about a look-up that failed.
pub fn hint(error: &anyhow::Error) -> &'static str {
    let of_tls = error.chain().find_map(|cause| match cause.downcast_ref::<ureq::Error>()? {
        ureq::Error::Io(error) => error.get_ref()?.downcast_ref::<rustls::Error>(),
        _ => None,
    });
    match of_tls {
        Some(error) => engine::tls_fault_of(error).advice(),
        None if may_work_later(error) => SERVERS_FAIL,
        None if answered(error).is_some_and(|status| (300..400).contains(&status)) => LEADS_ELSEWHERE,
        None if was_answered(error) => {
            "the target answers: check that --members and --challenge are on it, and that the scenario is its own"
        }
        None => "check that the target is up and its port right; curl -v shows what answers there",
    }
}

/// Advice on servers that answer with an error of their own.
pub const SERVERS_FAIL: &str = "the servers answer, but fail: see their logs";
/// Advice on a redirect.
pub const LEADS_ELSEWHERE: &str =
    "the target leads elsewhere: give --target the URL of the servers themselves";

/// The answer's status, if that is what is wrong.
fn answered(error: &anyhow::Error) -> Option<u16> {
    error.downcast_ref::<Unexpected>().map(|unexpected| unexpected.status)
}

/// Whether a retry may succeed: the servers are too busy, or fail.
pub fn may_work_later(error: &anyhow::Error) -> bool {
    matches!(answered(error), Some(408 | 425 | 429 | 500..))
}

/// Whether the target answered at all.
pub fn was_answered(error: &anyhow::Error) -> bool {
    !error.chain().any(|cause| cause.is::<ureq::Error>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_goes_by_the_status_that_was_answered() {
        let hinted = |status: u16| {
            let unexpected = Unexpected { url: "GET /".into(), status, said: "no".into(), name: None };
            hint(&unexpected.into())
        };
        assert_eq!((hinted(502), hinted(429)), (SERVERS_FAIL, SERVERS_FAIL));
        assert_eq!(hinted(301), LEADS_ELSEWHERE);
        assert!(hinted(404).starts_with("the target answers"));
    }
}
