//! Rates of counters between two looks.
//!
//! Does not know what is counted. Invariant: a counter that fell was started again, and what it shows is what came
//! since.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::source::Unseen;
use crate::lang::Reason;

/// Between two looks of which a rate is made.
const SPAN_MIN: Duration = Duration::from_millis(50);

/// What each counter showed at the last look, by the expression that asks for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Rates {
    last: BTreeMap<String, (f64, Instant)>,
}

impl Rates {
    /// Returns how much the counter has grown a second since the last look.
    ///
    /// # Errors
    /// This is the first look.
    pub(super) fn a_second(&mut self, expression: &str, shown: f64, now: Instant) -> Result<f64, Unseen> {
        let Some((before, then)) = self.last.get(expression).copied() else {
            self.last.insert(expression.to_owned(), (shown, now));
            return Err(Unseen::early(Reason::RateTakesTwo));
        };
        let span = now.saturating_duration_since(then);
        if span < SPAN_MIN {
            return Err(Unseen::early(Reason::LooksTooClose));
        }
        self.last.insert(expression.to_owned(), (shown, now));
        let grown = if shown < before { shown } else { shown - before };
        Ok(grown / span.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_what_came_since_the_last_look() {
        let (mut rates, start) = (Rates::default(), Instant::now());
        let mut at = |seconds, shown| rates.a_second("a", shown, start + Duration::from_secs(seconds));
        assert_eq!(at(0, 100.0).map_err(|unseen| unseen.why), Err(Reason::RateTakesTwo.into()));
        assert_eq!(at(2, 110.0), Ok(5.0));
        assert!(at(2, 110.0).is_err());
        assert_eq!(at(4, 110.0), Ok(0.0));
        assert_eq!(at(6, 8.0), Ok(4.0), "it was started again");
    }
}
