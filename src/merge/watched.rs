//! The servers' side as shards saw it, as one.
//!
//! All shards load the same servers, so a figure that several of them watch is one figure: its readings,
//! its value and its events are the first of these shards', and of each criterion the worst outcome
//! counts. Invariants: no figure has the readings of two shards; two different figures of one name are
//! told apart by their shards' numbers; a shard that finished comes before one that was killed.

use std::collections::HashMap;
use std::iter::Peekable;
use std::time::Duration;

use jiff::Timestamp;

use super::Part;
use crate::report::files::WatchRow;
use crate::report::recorded::{WatchRows, watch_rows};
use crate::report::{
    CriterionResult, Outcome, WatchResult, WatchedByShard, WatchedPartsResult, WatchedResult,
};

/// What all shards together saw.
#[derive(Debug)]
pub(super) struct Watched {
    /// As the sum has it.
    pub(super) by_shard: WatchedByShard,
    /// Of how many figures, and how many of these several shards watched; `None` if nothing was read.
    pub(super) counts: Option<WatchedPartsResult>,
    /// By place among the parts, what the sum calls each of its figures.
    names: Vec<(usize, Names)>,
}

/// What the sum calls a shard's figures; `None` of one that an earlier shard watched as well.
type Names = HashMap<String, Option<String>>;

impl Watched {
    /// What these shards saw; `None` if none of them watched.
    pub(super) fn of(parts: &[Part]) -> Option<Self> {
        let mut order: Vec<usize> = (0..parts.len()).collect();
        order.sort_by_key(|place| parts[*place].end.is_none());
        let mut all = Self {
            by_shard: WatchedByShard { result: WatchResult::default(), criteria: Vec::new() },
            counts: None,
            names: Vec::new(),
        };
        let mut several = Vec::new();
        for place in order {
            let part = &parts[place];
            let Some(watch) = part.result.as_ref().and_then(|result| result.watch.as_ref()) else { continue };
            let names = all.add_items(watch, part.head.shard.index, &mut several);
            all.add_criteria(part, &names);
            all.add_rest(watch);
            all.names.push((place, names));
        }
        several.sort_unstable();
        several.dedup();
        let figures = all.by_shard.result.items.iter().filter(|item| is_read(item)).count();
        all.counts = (figures > 0).then_some(WatchedPartsResult { figures, by_several: several.len() });
        (!all.names.is_empty()).then_some(all)
    }

    /// Adds the figures that no shard before has read.
    fn add_items(&mut self, watch: &WatchResult, shard: u32, several: &mut Vec<usize>) -> Names {
        let items = &mut self.by_shard.result.items;
        let mut names = Names::new();
        for item in &watch.items {
            let Some(at) = items.iter().position(|own| is_same(own, item)) else {
                let name = match items.iter().any(|own| own.name == item.name) {
                    true => format!("{} (shard {shard})", item.name),
                    false => item.name.clone(),
                };
                names.insert(item.name.clone(), Some(name.clone()));
                items.push(WatchedResult { name, ..item.clone() });
                continue;
            };
            let is_first = is_read(item) && !is_read(&items[at]);
            several.extend((is_read(item) && !is_first).then_some(at));
            if is_first {
                let name = items[at].name.clone();
                let of_others = self.names.iter_mut().flat_map(|(_, names)| names.values_mut());
                of_others.filter(|own| own.as_ref() == Some(&name)).for_each(|own| *own = None);
                items[at] = WatchedResult { name, ..item.clone() };
            }
            names.insert(item.name.clone(), is_first.then(|| items[at].name.clone()));
        }
        names
    }

    /// Adds what the shard's criteria of the servers' side came to; of one that exists already the
    /// worst counts.
    fn add_criteria(&mut self, part: &Part, names: &Names) {
        let all = part.result.iter().flat_map(|result| &result.criteria);
        for criterion in all.filter(|it| it.is_watched()) {
            let shown = names.get(&criterion.name).and_then(Option::as_ref).unwrap_or(&criterion.name);
            let measure = criterion.measure.replace(&criterion.name, shown);
            let criterion = CriterionResult { name: shown.clone(), measure, ..criterion.clone() };
            let criteria = &mut self.by_shard.criteria;
            match criteria.iter_mut().find(|own| own.name == criterion.name) {
                Some(own) if weight(criterion.outcome) > weight(own.outcome) => *own = criterion,
                Some(_) => {}
                None => criteria.push(criterion),
            }
        }
    }

    /// Adds what happened, and the steps' requests, as far as no shard before has told it.
    fn add_rest(&mut self, watch: &WatchResult) {
        let WatchResult { items: _, events, requests } = &mut self.by_shard.result;
        let told = events.len();
        for event in &watch.events {
            if !events[..told].iter().any(|own| (own.kind, &own.subject) == (event.kind, &event.subject)) {
                events.push(event.clone());
            }
        }
        events.sort_by_key(|event| event.time);
        for row in &watch.requests {
            if !requests.iter().any(|own| own.step == row.step) {
                requests.push(row.clone());
            }
        }
    }

    /// The readings, to be taken in the order of their instants since `started_at`.
    pub(super) fn rows(&self, parts: &[Part], started_at: Timestamp) -> Readings {
        let of_part = |(k, (place, names)): (usize, &(usize, Names))| {
            // A file that is gone costs what it held.
            let rows = watch_rows(&parts[*place].directory, started_at).ok()?.peekable();
            Some(PartRows { rows, names: names.clone(), is_first: k == 0 })
        };
        Readings { parts: self.names.iter().enumerate().filter_map(of_part).collect() }
    }
}

/// Whether two shards watched the same thing; one that knew no place for it has watched nothing else.
fn is_same(own: &WatchedResult, other: &WatchedResult) -> bool {
    let is_placed = |item: &WatchedResult| item.place.is_some();
    let of = |item: &WatchedResult| (item.source.clone(), item.place.clone(), item.expression.clone());
    own.name == other.name && (!is_placed(own) || !is_placed(other) || of(own) == of(other))
}

/// Whether a shard has read it at all.
fn is_read(item: &WatchedResult) -> bool {
    item.readings > 0 || item.value.is_some()
}

fn weight(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::NotMeasured => 0,
        Outcome::Pass => 1,
        Outcome::Warn => 2,
        Outcome::Fail => 3,
    }
}

/// The readings of all shards, read as they are wanted.
pub(super) struct Readings {
    parts: Vec<PartRows>,
}

struct PartRows {
    rows: Peekable<WatchRows>,
    names: Names,
    /// The first shard that watched: what is read and not shown, such as counters of requests, is its.
    is_first: bool,
}

impl Readings {
    /// Those up to this instant that were not taken yet, in order.
    pub(super) fn until(&mut self, at: Duration) -> Vec<WatchRow> {
        let mut rows = Vec::new();
        for part in &mut self.parts {
            while let Some(row) = part.rows.next_if(|row| row.at <= at) {
                let item = match part.names.get(&row.item) {
                    Some(name) => name.clone(),
                    None => part.is_first.then(|| row.item.clone()),
                };
                rows.extend(item.map(|item| WatchRow { item, ..row }));
            }
        }
        rows.sort_by_key(|row| row.time);
        rows
    }
}
