//! What a part of a mix recorded, as the whole counts it.
//!
//! Pairs, updates and delays of announcements are the part's alone and are left out: they are between its own
//! sessions. Invariant: every count of the part is in the whole exactly once.

use super::{Beats, FaultSample, Interval, KindTally, Tally};
use crate::fault::{Fault, NamedFault};
use crate::scenario::joined::Places;
use crate::scenario::{MessageType, StepIndex};

impl Interval {
    /// The same by the whole's steps, messages and errors.
    pub fn placed(&self, places: &Places) -> Self {
        let mut placed = Self::default();
        placed.tally = self.tally.placed(places);
        placed.samples = self.samples.iter().map(|sample| sample.placed(places)).collect();
        placed.stalls.clone_from(&self.stalls);
        placed.unmatched.clone_from(&self.unmatched);
        match self.covers() {
            Some((from, to)) => placed.covering(from, to),
            None => placed,
        }
    }
}

impl Tally {
    /// The same by the whole's steps, messages and errors.
    pub fn placed(&self, places: &Places) -> Self {
        let of_failure = |step, fault| (places.step(step), of_whole(fault, places));
        let mut messages = [0; 256];
        for (kind, count) in self.messages.iter().enumerate() {
            messages[usize::from(places.message(MessageType(kind as u8)).0)] += count;
        }
        Self {
            failures: self.failures.moved(of_failure),
            routing: self.routing.moved(of_failure),
            reconnects: self.reconnects.moved(of_failure),
            steps: spread(&self.steps, |k| places.step(StepIndex(k as u8)).index()),
            every: spread::<Beats>(&self.every, |k| places.every(k)),
            kinds: spread::<KindTally>(&self.kinds, |k| usize::from(places.message(MessageType(k as u8)).0)),
            messages,
            updates: Default::default(),
            propagated: Default::default(),
            counts: self.counts.clone(),
            addresses: self.addresses.clone(),
            secured: self.secured.clone(),
            lag: self.lag.clone(),
            http_wait: self.http_wait.clone(),
            ticket_age: self.ticket_age.clone(),
            missed_wait: self.missed_wait.clone(),
            start_lag: self.start_lag.clone(),
            turn: self.turn.clone(),
        }
    }
}

/// Each at its place in a longer list.
fn spread<T: Clone + Default>(own: &[T], place: impl Fn(usize) -> usize) -> Vec<T> {
    let mut all = Vec::new();
    for (k, one) in own.iter().enumerate() {
        let place = place(k);
        if all.len() <= place {
            all.resize_with(place + 1, T::default);
        }
        all[place] = one.clone();
    }
    all
}

impl FaultSample {
    fn placed(&self, places: &Places) -> Self {
        Self { step: places.step(self.step), fault: of_whole(self.fault, places), ..self.clone() }
    }
}

/// A fault with the whole's number of its name.
fn of_whole(fault: Fault, places: &Places) -> Fault {
    match fault {
        Fault::Named(named) => Fault::Named(NamedFault { name: places.error(named.name), ..named }),
        Fault::ValueMissing(name) => Fault::ValueMissing(places.value(name)),
        Fault::ValueUnusable(name) => Fault::ValueUnusable(places.value(name)),
        Fault::ValueTooLong(name) => Fault::ValueTooLong(places.value(name)),
        Fault::ValueOutOfRange(name) => Fault::ValueOutOfRange(places.value(name)),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use startline_os::tick::Ticks;

    use super::*;
    use crate::fault::Blame;
    use crate::measure::{Layout, PingEvent, Recorder, Timed, Totals};
    use crate::members::{MemberName, SessionNumber};
    use crate::scenario::every::EveryIndex;
    use crate::scenario::{Scenario, joined};

    fn recorded(scenario: &Scenario, count: u64) -> Interval {
        let layout = Layout::of(scenario);
        let mut recorder = Recorder::new(&layout);
        let took = Ticks::from_duration(Duration::from_millis(5));
        for _ in 0..count {
            recorder.session_started(took);
            recorder.step_ok(StepIndex(0), Timed { from_due: took, from_sent: took, stalled: false });
            recorder.record(MessageType(0));
            recorder.ping(EveryIndex(0), PingEvent::Due);
        }
        let fault = Fault::Named(NamedFault { name: 1, blame: Blame::Server });
        recorder.failed(FaultSample {
            session: SessionNumber(0),
            member_id: MemberName::Number(13),
            server: None,
            step: StepIndex(1),
            fault,
            at: Duration::ZERO,
            evidence: String::new(),
        });
        recorder.take().covering(Duration::ZERO, Duration::from_secs(1))
    }

    #[test]
    fn the_whole_has_what_its_parts_have() {
        let runnity = Scenario::runnity();
        let parts = [("a", &runnity), ("b", &runnity)];
        let (whole, places) = joined::join("mix", &parts).expect("it fits");
        let layout = Layout::of(&whole);
        let mut totals = Totals::new(&layout);
        for (places, count) in places.iter().zip([3, 5]) {
            totals.add(&recorded(&runnity, count).placed(places));
        }
        let tally = totals.tally();
        assert_eq!((tally.counts.started, tally.failures.total()), (8, 2));
        let own = Layout::of(&runnity);
        for (places, (part, count)) in places.iter().zip([("a", 3), ("b", 5)]) {
            let step = places.step(StepIndex(0));
            assert_eq!(layout.step_of_failure(step), format!("{part}/{}", own.steps[0]));
            assert_eq!(tally.step(step.index()).map(|step| step.from_due.count()), Some(count));
            assert_eq!(tally.messages_of(places.message(MessageType(0))), count);
            assert_eq!(tally.every(places.every(0)).due, count);
            let fault = Fault::Named(NamedFault { name: places.error(1), blame: Blame::Server });
            assert_eq!(fault.key(&whole), runnity.error_names[1]);
            assert!(totals.sample(places.step(StepIndex(1)), fault).is_some());
        }
    }

    #[test]
    fn everything_that_a_part_counts_has_a_place_of_its_own() {
        let runnity = Scenario::runnity();
        let (file, echo) = Scenario::find("echo").expect("it is built in");
        let echo = Scenario::compile(&file, &echo, &[]).expect("it compiles");
        let parts = [("runners", &runnity), ("echoes", &echo), ("late", &runnity)];
        let (whole, places) = joined::join("mix", &parts).expect("it fits");
        let layout = Layout::of(&whole);
        for ((part, scenario), places) in parts.iter().zip(&places) {
            let own = Layout::of(scenario);
            for (k, name) in own.steps.iter().enumerate() {
                let stands = layout.step_of_failure(places.step(StepIndex(k as u8)));
                let is_common = matches!(name.as_str(), "connect" | "open");
                assert_eq!(stands, if is_common { name.clone() } else { format!("{part}/{name}") });
            }
            let hold = places.step(StepIndex(own.steps.len() as u8));
            assert_eq!(layout.step_of_failure(hold), crate::measure::HOLD);
            for (k, every) in own.every.iter().enumerate() {
                let stands = &layout.every[places.every(k)];
                assert_eq!(stands.name, format!("{part}/{}", every.name));
                assert_eq!(stands.step, every.step.map(|step| places.step(step)));
            }
            for (k, name) in own.messages.iter().enumerate() {
                let stands = usize::from(places.message(MessageType(k as u8)).0);
                assert_eq!(layout.messages[stands], format!("{part}/{name}"));
            }
            for (k, name) in scenario.error_names.iter().enumerate() {
                assert_eq!(&whole.error_names[usize::from(places.error(k as u8))], name);
            }
            assert_eq!(places.message(MessageType::OTHER), MessageType::OTHER);
        }
        assert!(layout.announced.is_empty() && !layout.updates);
    }
}
