//! Whether something that answered still does: it is down, and up again.
//!
//! Does not know what is asked. Invariant: `Down` and `Up` alternate, and `Down` comes first.

use jiff::Timestamp;

use super::source::{Event, EventKind};
use crate::lang::Sentence;

/// Looks without an answer after which it is down: one may have been slow.
const MISSES_MAX: u32 = 2;

/// Whether it answers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Presence {
    misses: u32,
    is_down: bool,
}

/// How a look for an answer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// It answered.
    Answered,
    /// Nobody is there: the connection was refused, say.
    Gone(Sentence),
    /// There was no answer in time.
    Silent(Sentence),
}

impl Look {
    /// Why there was no answer; empty if there was one.
    pub(super) fn why(&self) -> Sentence {
        match self {
            Self::Answered => Sentence::default(),
            Self::Gone(why) | Self::Silent(why) => why.clone(),
        }
    }
}

impl Presence {
    /// Takes a look's outcome, and returns what happened with it.
    pub(super) fn after(&mut self, look: &Look, subject: &str) -> Option<Event> {
        let event = |kind, evidence: &str| Event {
            at: Timestamp::now(),
            kind,
            subject: subject.to_owned(),
            evidence: evidence.to_owned(),
        };
        let why = match look {
            Look::Answered => {
                self.misses = 0;
                return std::mem::take(&mut self.is_down).then(|| event(EventKind::Up, "it answers again"));
            }
            Look::Gone(why) => {
                self.misses = MISSES_MAX;
                why
            }
            Look::Silent(why) => {
                self.misses += 1;
                why
            }
        };
        let was_down = std::mem::replace(&mut self.is_down, self.misses >= MISSES_MAX);
        (self.is_down && !was_down).then(|| event(EventKind::Down, &why.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slow_answer_is_not_a_server_down() {
        let mut presence = Presence::default();
        let mut after = |look: Look| presence.after(&look, "here").map(|event| (event.kind, event.evidence));
        let silent = || Look::Silent("no answer within 5 s".into());
        assert_eq!(after(Look::Answered), None);
        assert_eq!(after(silent()), None);
        assert_eq!(after(Look::Answered), None);
        assert_eq!(after(silent()), None);
        assert_eq!(after(silent()), Some((EventKind::Down, "no answer within 5 s".into())));
        assert_eq!(after(Look::Gone("refused".into())), None);
        assert_eq!(after(Look::Answered), Some((EventKind::Up, "it answers again".into())));
        assert_eq!(after(Look::Gone("refused".into())), Some((EventKind::Down, "refused".into())));
    }
}
