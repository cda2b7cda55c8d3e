//! Arrivals paused and resumed while a run goes on.
//!
//! Decides when, to the instant, and tells the plan's clock. Invariant: both instants lie as far ahead
//! as workers need to hear of them, so that all stop at the same one and go on at the same one.

use std::time::Duration;

use super::*;
use crate::measure::pauses::{Pause, PausedBy};

/// How far ahead: twice the longest sleep of a worker.
const NOTICE: Duration = Duration::from_millis(100);

impl Control<'_> {
    /// The planned time.
    pub(super) fn planned_at(&self) -> Duration {
        self.pauses.planned(self.at())
    }

    /// How long arrivals were paused in this phase so far.
    pub(super) fn paused_in_phase(&self) -> Duration {
        self.pauses.within(self.phase_began, self.at())
    }

    /// Begins or ends a pause, as wanted. Once accounts are closed nobody arrives.
    pub(super) fn heed_pause(&mut self, wanted: Option<PausedBy>) {
        let at = self.at();
        let is_over = self.phase == Phase::RampDown;
        match (wanted.filter(|_| !is_over), self.is_paused) {
            (Some(by), false) if at > Duration::ZERO => {
                let from = at + NOTICE;
                self.shared.shape.stop(self.pauses.planned(from));
                self.pauses.0.push(Pause { at: from, took: Duration::ZERO, by });
                self.is_paused = true;
            }
            (Some(_), true) => self.lasts_until(at),
            (None, true) => {
                // After the close of accounts it makes no difference any more.
                self.lasts_until(if is_over { self.closed_at } else { at + NOTICE });
                self.shared.shape.go_on(self.pauses.total());
                self.is_paused = false;
            }
            _ => {}
        }
    }

    fn lasts_until(&mut self, to: Duration) {
        if let Some(pause) = self.pauses.0.last_mut() {
            pause.took = to.saturating_sub(pause.at);
        }
    }

    /// Sessions that should have started by this planned instant; of stages, those that should be open.
    pub(super) fn planned_by(&self, planned: Duration) -> u32 {
        let settings = &self.plan.settings;
        if self.plan.is_staged() {
            return self.shape.level(planned.min(self.shape.span())) as u32;
        }
        if planned >= settings.ramp {
            return self.plan.sessions();
        }
        (planned.as_secs_f64() / settings.ramp.as_secs_f64() * f64::from(self.plan.sessions())) as u32
    }
}
