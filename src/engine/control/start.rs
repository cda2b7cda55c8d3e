//! The instant at which a run begins.
//!
//! Invariant: with an instant in the plan the first session starts then, by the wall clock, or the run does
//! not begin.

use std::thread;

use jiff::Timestamp;

use super::super::beside::LEAD;
use super::*;

/// Workers are let go this long before an instant of the plan's: they wait for it themselves.
const SOON: Duration = Duration::from_secs(1);

impl Control<'_> {
    /// Returns when the run starts, on the clock: as planned, and with the parts beside it.
    pub(super) fn start(
        &self,
        stop: &dyn Fn() -> Option<Sentence>,
        beside: &Beside,
    ) -> Result<Duration, EngineError> {
        let planned = self.planned_start(stop)?;
        let wait = beside.start()?;
        Ok(planned.max(self.clock.elapsed() + wait))
    }

    /// Returns when the run begins, on the clock: late enough for all workers to be at their loops. Waits
    /// until the plan's instant is near; `stop` ends that early.
    fn planned_start(&self, stop: &dyn Fn() -> Option<Sentence>) -> Result<Duration, EngineError> {
        let Some(start_at) = self.plan.settings.start_at else { return Ok(self.clock.elapsed() + LEAD) };
        loop {
            let left = start_at.duration_since(Timestamp::now());
            let Ok(left) = Duration::try_from(left) else {
                return Err(EngineError::Late { start_at, by: left.unsigned_abs() });
            };
            if left < LEAD {
                return Err(EngineError::Late { start_at, by: LEAD - left });
            }
            if left < SOON {
                return Ok(self.clock.elapsed() + left);
            }
            if let Some(why) = stop() {
                return Err(EngineError::Stopped(why));
            }
            thread::sleep(LOOK);
        }
    }
}
