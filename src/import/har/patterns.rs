//! Patterns in what a WebSocket carried: what is sent again and again, what answers a kind at once.
//!
//! Knows sorts and times, nothing of steps. Invariant: a frame is of one pattern at most.

use std::collections::{BTreeMap, HashSet};

use super::super::model::{Kind, Pause};
use super::super::text::hex;
use super::recording::Frame;
use super::repeats::{interval, shape};
use super::sorts::{Sort, Sorting};
use crate::scenario::every::EVERY_MAX;

/// An answer is sent within this time.
const ANSWER_MS: f64 = 1000.0;

/// What was sent again and again.
pub(super) struct Repeated {
    /// Indexes into the frames.
    pub(super) sent: Vec<usize>,
    pub(super) interval: Pause,
}

/// What is known of the frames.
pub(super) struct Frames<'e> {
    pub(super) all: &'e [Frame],
    pub(super) sorts: Vec<Sort>,
    /// How often each sort came.
    pub(super) came: BTreeMap<Sort, usize>,
}

impl<'e> Frames<'e> {
    /// Sorts them.
    pub(super) fn of(all: &'e [Frame], of_sent: &Sorting, of_received: &Sorting) -> Self {
        let sort = |frame: &Frame| if frame.is_sent { of_sent.sort(frame) } else { of_received.sort(frame) };
        let sorts: Vec<Sort> = all.iter().map(sort).collect();
        let mut came = BTreeMap::new();
        for (_, sort) in all.iter().zip(&sorts).filter(|(frame, _)| !frame.is_sent) {
            *came.entry(sort.clone()).or_insert(0) += 1;
        }
        Self { all, sorts, came }
    }
}

/// Constant messages that followed one kind at once, each time: the frames that are its answers, by the kind's index.
pub(super) fn answers(frames: &Frames<'_>, kinds: &[(Sort, Kind)]) -> Vec<(usize, Vec<usize>)> {
    let mut answers = Vec::new();
    for (of, (sort, _)) in kinds.iter().enumerate() {
        let count = frames.came.get(sort).copied().unwrap_or_default();
        let mut followed = Vec::new();
        for (k, frame) in frames.all.iter().enumerate() {
            let before = k.checked_sub(1).map(|k| (&frames.all[k], &frames.sorts[k]));
            let is_next = before.is_some_and(|(before, of)| {
                !before.is_sent && of == sort && frame.at_ms - before.at_ms <= ANSWER_MS
            });
            if frame.is_sent && is_next {
                followed.push(k);
            }
        }
        let says = |k: &usize| (&frames.all[*k].text, &frames.all[*k].bytes);
        let is_same = followed.windows(2).all(|pair| says(&pair[0]) == says(&pair[1]));
        let all_sent = |k: &usize| {
            frames.all.iter().filter(|frame| frame.is_sent && (&frame.text, &frame.bytes) == says(k)).count()
        };
        let is_answer = count >= 2
            && followed.len() + 1 >= count
            && is_same
            && followed.first().is_some_and(|k| all_sent(k) == followed.len());
        if is_answer {
            answers.push((of, followed));
        }
    }
    answers
}

/// Bytes alike are of one length, and say what they are in the first of them.
fn shape_of(bytes: &[u8]) -> String {
    format!("bytes {} {}", bytes.len(), hex(bytes.get(..1).unwrap_or_default()))
}

/// Messages of one shape that were sent at nearly constant intervals.
pub(super) fn repeated(frames: &Frames<'_>, used: &HashSet<usize>) -> Vec<Repeated> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for (k, frame) in frames.all.iter().enumerate().filter(|(k, frame)| frame.is_sent && !used.contains(k)) {
        let shape = frame.bytes.as_ref().map_or_else(|| shape(&frame.text), |bytes| shape_of(bytes));
        let place = *places.entry(shape).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(all) => all.push(k),
            None => groups.push(vec![k]),
        }
    }
    let repeated = |sent: Vec<usize>| {
        let times: Vec<f64> = sent.iter().map(|k| frames.all[*k].at_ms).collect();
        interval(&times).map(|interval| Repeated { sent, interval })
    };
    groups.into_iter().filter_map(repeated).take(EVERY_MAX).collect()
}
