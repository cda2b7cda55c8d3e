//! The stages of a run, one after the other, and those that are decided on the way.
//!
//! Invariant: workers know of a stage before it begins, unless this machine stalls.

use super::*;

/// From the decision that a level need not be held any longer to its end: workers look once a turn.
const CUT_AFTER: Duration = Duration::from_millis(200);
/// This long before the last stage that is known ends, what follows is decided without those workers that are
/// late.
const DECIDE_BEFORE_END: Duration = Duration::from_millis(250);

/// What decides which stages follow, and what it waits for.
pub(super) struct Deciding<'p> {
    pub(super) course: Option<&'p dyn Course>,
    /// Until when each worker has handed over what it recorded.
    heard_until: Vec<Duration>,
    /// The stages that were known when a level was last cut short.
    cut_at: usize,
}

impl Deciding<'_> {
    pub(super) fn new(workers: usize) -> Self {
        Self { course: None, heard_until: vec![Duration::ZERO; workers], cut_at: 0 }
    }

    pub(super) fn heard(&mut self, worker: usize, interval: &Interval) {
        if let Some((_, to)) = interval.covers() {
            self.heard_until[worker] = to;
        }
    }
}

impl Control<'_> {
    /// Moves to the next stage when its time has come, whatever the sessions have come to.
    pub(super) fn step_stages(&mut self) {
        let (at, planned) = (self.at(), self.planned_at());
        if let Some(course) = self.deciding.course
            && self.decide(planned, course)
        {
            return self.close(self.plan.settings.ramp_down);
        }
        let shape = &self.shape;
        if planned >= shape.span() {
            return self.close(self.plan.settings.ramp_down);
        }
        let holds = shape.is_flat(shape.stage_at(planned));
        let phase = if holds { Phase::Hold } else { Phase::Ramp };
        if phase != self.phase {
            self.enter(phase);
        }
        if at >= self.gave_back_at + GIVE_BACK_EVERY {
            self.gave_back_at = at;
            heap::give_back();
        }
    }

    /// Decides what follows at this planned instant, if it is time to; `true`: nothing does.
    fn decide(&mut self, at: Duration, course: &dyn Course) -> bool {
        let known = self.shape.stages().len();
        let (stage, last) = (self.shape.stage_at(at), known - 1);
        if stage == last {
            let began = self.shape.stage_start(last);
            let is_heard = self.deciding.heard_until.iter().all(|until| self.pauses.planned(*until) >= began);
            if at < began || !(is_heard || at + DECIDE_BEFORE_END >= self.shape.span()) {
                return false;
            }
            let next = course.next(self.stages.readings(), &self.shape);
            if next.is_empty() {
                return true;
            }
            let stages = self.shape.stages().iter().cloned().chain(next).collect();
            self.grow(self.shape.with_stages(stages));
        } else if self.shape.is_flat(stage) && self.deciding.cut_at < known && course.is_decided() {
            self.deciding.cut_at = known;
            let held = at + CUT_AFTER - self.shape.stage_start(stage);
            let held = Duration::from_millis(held.as_millis() as u64 + 1);
            let mut stages = self.shape.stages().to_vec();
            stages[stage].span = stages[stage].span.min(held);
            self.grow(self.shape.with_stages(stages));
        }
        false
    }

    fn grow(&mut self, shape: Shape) {
        self.shape = Arc::new(shape);
        self.stages.grow(&self.shape);
        self.shared.grow(&self.shape);
    }
}
