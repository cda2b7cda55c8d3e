//! Reports each second of a run once, when its workers have handed it over.
//!
//! Judges nothing. Invariant: what was recorded before accounts closed is told apart from what came after.

use super::*;

impl Control<'_> {
    /// Reports each second once, when every worker has handed it over, or has had the time to.
    pub(super) fn report(&mut self, on_second: &mut dyn FnMut(&Second<'_>)) {
        let due = Duration::from_secs(self.reported_seconds + 1);
        let everyone = self.heard_seconds >= self.plan.workers;
        // After a stall of the whole process workers are late from when it runs again.
        if self.looked_at + WORKERS_LATE < self.at() {
            self.awake_since = self.at();
        }
        self.looked_at = self.at();
        let is_late = self.at() >= due.max(self.awake_since) + WORKERS_LATE;
        if self.at() >= due && (everyone || is_late) {
            self.reported_seconds = self.at().as_secs();
            self.heard_seconds = 0;
            if let Some(board) = self.board.as_ref().filter(|_| self.phase != Phase::RampDown) {
                self.gone_before.rotate_left(1);
                self.gone_before[1] = board.gone_so_far();
            }
            self.report_now(on_second);
        }
    }

    /// Reports what was handed over: apart, where a part of it is the ramp-down's.
    pub(super) fn report_now(&mut self, on_second: &mut dyn FnMut(&Second<'_>)) {
        self.read_process();
        let (fresh, after) = (std::mem::take(&mut self.fresh), std::mem::take(&mut self.fresh_after));
        // With nothing of either, it is of the phase that the run is in.
        let is_after =
            after.covers().is_some() || (self.phase == Phase::RampDown && fresh.covers().is_none());
        if !is_after || fresh.covers().is_some() {
            on_second(&self.second(&fresh, false));
        }
        if is_after {
            on_second(&self.second(&after, true));
        }
    }

    fn second<'a>(&'a self, interval: &'a Interval, is_after: bool) -> Second<'a> {
        let ((open, held), elapsed) = (self.held(), self.at());
        Second {
            elapsed,
            phase: self.phase,
            is_after,
            totals: &self.totals,
            interval,
            started: self.shared.started(),
            open,
            away: self.shared.away(),
            held,
            planned: self.planned_by(self.planned_at()),
            pauses: &self.pauses,
            paused: self.pauses.0.last().filter(|_| self.is_paused).map(|pause| pause.by),
            readings: self.readings,
            stages: self.stages.readings(),
        }
    }
}
