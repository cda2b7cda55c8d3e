//! Why a challenge could not be looked up, and what mends that: whose it is goes by what came back.
//!
//! Knows no request. Invariant: the challenge's id is doubted only where the servers say that there is no such thing.

/// What came back in place of a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfound {
    /// Another status than that of a success.
    Status(u16),
    /// An answer without what the scenario takes from it.
    Lacking,
    /// No answer.
    Silence,
}

impl Unfound {
    /// What mends it.
    pub(super) fn remedy(self) -> &'static str {
        match self {
            Self::Status(404) => {
                "is its id right (--challenge), and was it deleted when the last member left?"
            }
            Self::Status(401 | 403) => {
                "the servers do not take the login for a look-up: do the headers in the scenario's [schedule] say who is asking, \
                 as these servers want it, and may this member see the challenge?"
            }
            Self::Status(300..=399) => {
                "the target leads elsewhere: give --target the URL of the servers themselves"
            }
            Self::Status(408 | 425 | 429) => {
                "the servers, or a proxy, are too busy for one look-up: see their logs, then look again"
            }
            Self::Status(500..) => {
                "look at the servers' logs at this time: they failed, whatever the challenge is"
            }
            Self::Status(_) => {
                "the look-up does not answer as the scenario describes it: is the scenario's [schedule] that of these servers, and \
                 is there a proxy that refuses?"
            }
            Self::Lacking => {
                "the scenario's [schedule] says where status, startAt and endAt stand in the answer: is it that of these servers?"
            }
            Self::Silence => "is the server up? its log and its proxy's say what became of this request",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_doubted_only_where_there_is_no_such_challenge() {
        let statuses = [301, 400, 401, 403, 418, 429, 500, 502];
        let others = statuses.map(Unfound::Status).into_iter().chain([Unfound::Lacking, Unfound::Silence]);
        for other in others {
            assert!(!other.remedy().contains("--challenge"), "{other:?}");
        }
        assert!(Unfound::Status(404).remedy().contains("--challenge"));
    }

    #[test]
    fn the_remedy_is_that_of_whoever_failed() {
        for (unfound, words) in [
            (Unfound::Status(503), "the servers' logs"),
            (Unfound::Status(429), "too busy"),
            (Unfound::Status(401), "do not take the login"),
            (Unfound::Status(403), "do not take the login"),
            (Unfound::Status(302), "leads elsewhere"),
            (Unfound::Status(400), "as the scenario describes it"),
            (Unfound::Lacking, "the scenario's [schedule] says where"),
            (Unfound::Silence, "is the server up?"),
        ] {
            assert!(unfound.remedy().contains(words), "{unfound:?}");
        }
    }
}
