//! Adds what the ledgers of several runs of one plan came to, each judged by itself.
//!
//! Knows no pair: an observer of one run and a member of another are not judged, only counted
//! ([`LedgerCounts::strangers`](super::LedgerCounts)). Invariants: every count of the sum is the sum of
//! the counts; a figure that cannot be added, such as a median, is left out rather than guessed.

use super::close::MISSING_SAMPLES_MAX;
use super::shape::{Leg, Receivers, Shape, Slice, Stages};
use super::{LedgerTotals, Spread};

impl LedgerTotals {
    /// Adds another run's.
    pub fn add(&mut self, other: &Self) {
        // Taken apart in full, so that a figure added later cannot be forgotten here.
        let Self {
            observers,
            members,
            expected,
            seen,
            overlap,
            missing,
            counts,
            missing_samples,
            gone_while_open,
            gone_samples,
            shape,
        } = other;
        // The middle of both is not known. Where one of them has no such broadcasts, it is the other's.
        let receivers = (self.shape.receivers, shape.receivers);
        self.observers += observers;
        self.members += members;
        self.expected += expected;
        self.seen += seen;
        self.overlap += overlap;
        self.missing += missing;
        self.counts.add(counts);
        self.missing_samples.extend_from_slice(missing_samples);
        self.missing_samples.truncate(MISSING_SAMPLES_MAX);
        self.gone_while_open += gone_while_open;
        self.gone_samples.extend_from_slice(gone_samples);
        self.gone_samples.truncate(MISSING_SAMPLES_MAX);
        self.shape.add(shape);
        self.shape.receivers.first = only(receivers.0.first, receivers.1.first);
        self.shape.receivers.last = only(receivers.0.last, receivers.1.last);
    }
}

fn only(one: Option<Spread>, other: Option<Spread>) -> Option<Spread> {
    if one.is_some() && other.is_some() { None } else { one.or(other) }
}

impl Shape {
    fn add(&mut self, other: &Self) {
        let Self { reach, unlisted, servers, legs, stages, receivers, over_time, workers, in_stalls } = other;
        self.reach.add(reach);
        self.unlisted += unlisted;
        for leg in legs {
            let place = |this: &mut Self, index: Option<usize>| Some(this.place_of(servers.get(index?)?));
            let (from, to) = (place(self, leg.from), place(self, leg.to));
            match self.legs.iter_mut().find(|mine| (mine.from, mine.to) == (from, to)) {
                Some(mine) => mine.reach.add(&leg.reach),
                None => self.legs.push(Leg { from, to, reach: leg.reach }),
            }
        }
        self.stages.add(stages);
        self.receivers.add(receivers);
        over_time.iter().for_each(|slice| self.add_slice(slice));
        self.workers.extend_from_slice(workers);
        self.in_stalls.add(in_stalls);
    }

    /// The place of a server, which may be a new one.
    fn place_of(&mut self, server: &String) -> usize {
        self.servers.iter().position(|mine| mine == server).unwrap_or_else(|| {
            self.servers.push(server.clone());
            self.servers.len() - 1
        })
    }

    /// Adds a slice to the one in which it begins.
    fn add_slice(&mut self, slice: &Slice) {
        match self.over_time.iter_mut().find(|mine| (mine.from..mine.to).contains(&slice.from)) {
            Some(mine) => {
                mine.to = mine.to.max(slice.to);
                mine.reach.add(&slice.reach);
            }
            None => {
                let at = self.over_time.partition_point(|mine| mine.from < slice.from);
                self.over_time.insert(at, *slice);
            }
        }
        // Slices of different beginnings may overlap now: each ends where the next one begins.
        for k in 1..self.over_time.len() {
            self.over_time[k - 1].to = self.over_time[k - 1].to.min(self.over_time[k].from);
        }
    }
}

impl Stages {
    fn add(&mut self, other: &Self) {
        let Self { everywhere, one_server, fan_out } = other;
        add_loss(&mut self.everywhere, *everywhere);
        add_loss(&mut self.one_server, *one_server);
        add_loss(&mut self.fan_out, *fan_out);
    }
}

impl Receivers {
    fn add(&mut self, other: &Self) {
        let Self { tenths, first: _, last: _, patterns } = other;
        for (mine, theirs) in self.tenths.iter_mut().zip(tenths) {
            mine.add(theirs.expected, theirs.missing);
        }
        for (mine, theirs) in self.patterns.iter_mut().zip(patterns) {
            add_loss(mine, *theirs);
        }
    }
}

fn add_loss(mine: &mut (u64, u64), theirs: (u64, u64)) {
    mine.0 += theirs.0;
    mine.1 += theirs.1;
}

#[cfg(test)]
mod tests {
    use super::super::{Owed, Reach};
    use super::*;

    fn reach(broadcasts: u64, missing: u64) -> Reach {
        Reach { broadcasts, cut: missing.min(1), lost: 0, owed: Owed { expected: 100, missing } }
    }

    fn totals(servers: &[&str], from: u64, missing: u64) -> LedgerTotals {
        let leg = Leg { from: Some(0), to: Some(1), reach: reach(10, missing) };
        let spread = (missing > 0).then_some(Spread { min: 1, median: 5, max: 9 });
        let shape = Shape {
            reach: reach(10, missing),
            servers: servers.iter().map(|name| (*name).to_owned()).collect(),
            legs: vec![leg],
            receivers: Receivers { first: spread, last: spread, ..Receivers::default() },
            over_time: vec![
                Slice { from, to: from + 4, reach: reach(6, missing) },
                Slice { from: from + 4, to: from + 8, reach: reach(4, 0) },
            ],
            workers: vec![Owed { expected: 100, missing }],
            ..Shape::default()
        };
        LedgerTotals {
            observers: 3,
            expected: 100,
            seen: 100 - missing,
            missing,
            shape,
            ..Default::default()
        }
    }

    #[test]
    fn servers_are_told_apart_by_name_and_counts_are_added() {
        let mut sum = totals(&["a", "b"], 0, 7);
        sum.add(&totals(&["b", "a"], 1, 0));
        sum.add(&totals(&["a", "b"], 0, 2));
        assert_eq!((sum.observers, sum.expected, sum.seen, sum.missing), (9, 300, 291, 9));
        let legs: Vec<_> =
            sum.shape.legs.iter().map(|leg| (leg.from, leg.to, leg.reach.owed.missing)).collect();
        assert_eq!(legs, [(Some(0), Some(1), 9), (Some(1), Some(0), 0)]);
        assert_eq!(sum.shape.workers.len(), 3);
        let slices: Vec<_> =
            sum.shape.over_time.iter().map(|it| (it.from, it.to, it.reach.broadcasts)).collect();
        assert_eq!(slices, [(0, 4, 18), (4, 9, 12)], "each broadcast is in one slice");
        assert_eq!(sum.shape.receivers.first, None, "a median of two medians is none");
    }

    #[test]
    fn places_of_receivers_stay_where_one_run_alone_has_them() {
        let mut sum = totals(&["a", "b"], 0, 0);
        sum.add(&totals(&["a", "b"], 0, 3));
        assert_eq!(sum.shape.receivers.last, Some(Spread { min: 1, median: 5, max: 9 }));
    }
}
