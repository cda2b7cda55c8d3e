//! What a failure means for a member's place, and for all other members.
//!
//! The scenario says what the errors that it names mean; here is the rest. Invariant: what was refused is not retried.

use crate::fault::{Blame, Fault};
use crate::scenario::places::{Place, Refusal};

/// What it means when a session that was to take or give up a place failed so; `is_own`: in the request that does it, not in those before.
pub fn of(place: &Place, fault: Fault, is_own: bool) -> Refusal {
    use Fault::*;
    match fault {
        Named(error) => place.meaning(error.name),
        // Not or no longer logged in: the next attempt logs in anew.
        HttpStatus(401 | 403) => Refusal::Again,
        HttpStatus(408 | 425 | 429 | 500..) => Refusal::Again,
        // Not what the scenario expects, and no refusal either: it may well have taken effect.
        HttpStatus(200..=299) if is_own => Refusal::LookUp,
        HttpMalformed | HttpHeadTooLarge | BodyTooLarge | BodyNotJson | ValueMissing(_)
        | ValueUnusable(_)
            if is_own =>
        {
            Refusal::LookUp
        }
        HttpStatus(_) => Refusal::Final,
        HttpMalformed | HttpHeadTooLarge | BodyTooLarge | BodyNotJson | ValueMissing(_)
        | ValueUnusable(_) => Refusal::Final,
        // A certificate that is not trusted, an address that is not this machine's: the same for all members.
        Tls(tls) if tls.blame() == Blame::Scenario => Refusal::Stop,
        SourceNotLocal => Refusal::Stop,
        _ if fault.blame() == Blame::Scenario => Refusal::Stop,
        // No answer, or half of one: whether it took effect, the next attempt shows.
        _ => Refusal::Again,
    }
}

/// How to fix a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fix {
    /// The members do not exist: create them.
    CreateMembers,
    /// They are in another challenge at that time, and must leave it.
    LeaveTheOther,
    /// The challenge does not exist: create another.
    Create,
    /// The challenge is closed: its members leave it, and another is created.
    LeaveAndCreate,
    /// The challenge is full: the same, with more room.
    LeaveAndCreateLarger,
    /// The challenge has another password.
    GivePassword,
    /// None: who is not WAITING any more does not leave.
    OnlyWaiting,
}

/// Returns how to fix a refusal, by Runnity's names; none where the name says it all, or is another system's.
pub fn fix(name: &str) -> Option<Fix> {
    Some(match name {
        "MEMBER_NOT_FOUND" => Fix::CreateMembers,
        "CHALLENGE_TIME_OVERLAP" => Fix::LeaveTheOther,
        "CHALLENGE_NOT_FOUND" => Fix::Create,
        "CHALLENGE_NOT_RECRUITING" => Fix::LeaveAndCreate,
        "CHALLENGE_PARTICIPANT_LIMIT_EXCEEDED" => Fix::LeaveAndCreateLarger,
        "CHALLENGE_PASSWORD_MISMATCH" => Fix::GivePassword,
        "CHALLENGE_CANCEL_NOT_ALLOWED" => Fix::OnlyWaiting,
        // What the list says of a member who is in it and cannot leave.
        _ if name.starts_with("is-") => Fix::OnlyWaiting,
        _ => return None,
    })
}

/// Whether this refusal, by Runnity's names, is of the challenge as it is, so that only another one helps.
pub fn is_of_the_challenge(name: &str) -> bool {
    matches!(
        name,
        "CHALLENGE_NOT_FOUND" | "CHALLENGE_NOT_RECRUITING" | "CHALLENGE_PARTICIPANT_LIMIT_EXCEEDED"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::TlsFault;
    use crate::scenario::Scenario;

    fn of_join(fault: Fault) -> Refusal {
        of(Scenario::runnity().join.as_ref().expect("Runnity's members join"), fault, true)
    }

    #[test]
    fn no_answer_is_tried_again() {
        for fault in [
            Fault::ConnectRefused,
            Fault::Reset,
            Fault::StepTimeout,
            Fault::ClosedEarly,
            Fault::BodyTruncated,
            Fault::DescriptorsExhausted,
            Fault::HttpStatus(429),
            Fault::HttpStatus(503),
            Fault::HttpStatus(403),
        ] {
            assert_eq!(of_join(fault), Refusal::Again, "{fault:?}");
        }
    }

    #[test]
    fn a_no_is_not() {
        for fault in [Fault::HttpStatus(400), Fault::HttpStatus(302), Fault::HttpStatus(418)] {
            assert_eq!(of_join(fault), Refusal::Final, "{fault:?}");
        }
        assert_eq!(of_join(Fault::SourceNotLocal), Refusal::Stop);
        assert_eq!(of_join(Fault::HostNotAllowed), Refusal::Stop);
    }

    #[test]
    fn an_answer_that_says_nothing_may_have_taken_effect() {
        let scenario = Scenario::runnity();
        let join = scenario.join.as_ref().expect("Runnity's members join");
        for fault in [
            Fault::HttpStatus(200),
            Fault::HttpStatus(204),
            Fault::BodyNotJson,
            Fault::ValueMissing(0),
            Fault::HttpMalformed,
        ] {
            assert_eq!(of(join, fault, true), Refusal::LookUp, "{fault:?}");
            // A login that says nothing has asked for no place.
            assert_eq!(of(join, fault, false), Refusal::Final, "{fault:?}");
        }
    }

    #[test]
    fn an_untrusted_certificate_is_nobody_s_place() {
        let fault = TlsFault::Untrusted;
        let expected = if fault.blame() == Blame::Scenario { Refusal::Stop } else { Refusal::Again };
        assert_eq!(of_join(Fault::Tls(fault)), expected);
    }

    #[test]
    fn what_runnity_says_has_its_meaning() {
        let scenario = Scenario::runnity();
        let named = |name: &str| {
            let index = scenario.error_names.iter().position(|known| known == name).expect("a name");
            scenario.named(index as u8)
        };
        for (name, join, leave) in [
            ("CHALLENGE_TIME_OVERLAP", Refusal::LookUp, Refusal::Final),
            ("CHALLENGE_NOT_RECRUITING", Refusal::Stop, Refusal::Final),
            ("CHALLENGE_PARTICIPANT_LIMIT_EXCEEDED", Refusal::Stop, Refusal::Final),
            ("CHALLENGE_NOT_FOUND", Refusal::Stop, Refusal::Done),
            ("CHALLENGE_NOT_JOINED", Refusal::Final, Refusal::Done),
            ("MEMBER_NOT_FOUND", Refusal::Final, Refusal::Final),
            ("nginx-502", Refusal::Again, Refusal::Again),
        ] {
            assert_eq!(of(scenario.join.as_ref().expect("join"), named(name), true), join, "{name}");
            assert_eq!(of(scenario.leave.as_ref().expect("leave"), named(name), true), leave, "{name}");
        }
    }

    #[test]
    fn a_fix_is_of_an_error_that_exists() {
        let scenario = Scenario::runnity();
        let with_fix: Vec<&String> = scenario.error_names.iter().filter(|name| fix(name).is_some()).collect();
        assert_eq!(with_fix.len(), 7, "{with_fix:?}");
        assert_eq!(scenario.error_names.iter().filter(|name| is_of_the_challenge(name)).count(), 3);
        assert_eq!(fix("http-418"), None);
    }
}
