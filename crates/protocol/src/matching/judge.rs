//! Which rules a record may still match, and the values that are kept of it.
//!
//! Knows no bytes of the record but those values. Invariant: what is decided stays decided, whatever
//! comes, so the outcome does not depend on the order in which conditions become known.

use super::tree::{Node, Rules};
use super::value::{Found, Value};

/// Rules of a matcher at most: a set of them is a word.
pub const RULES_MAX: usize = 64;

/// Values that are kept of a record at most.
pub(super) const SLOTS_MAX: usize = 127;

/// The slot that stands for the elements of the list that is passed on as it is read.
pub(super) const EACH: u128 = 1 << SLOTS_MAX;

/// What a judge knows of a rule.
#[derive(Clone, Debug, Default)]
pub(super) struct Brief {
    /// Conditions.
    pub(super) conditions: u8,
    /// The slots whose values it wants.
    pub(super) slots: u128,
}

/// Where a value is kept.
#[derive(Clone, Copy, Debug, Default)]
struct Kept {
    start: u32,
    end: u32,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, Default)]
enum Kind {
    #[default]
    Text,
    Number,
    Name,
}

/// The state of a record's rules.
#[derive(Clone, Debug)]
pub(super) struct Judge {
    /// Rules that no condition has refuted; once one is decided it alone.
    alive: Rules,
    /// Conditions that have not been met, by rule.
    unmet: [u8; RULES_MAX],
    decided: Option<u8>,
    /// Nothing that follows in the record changes anything.
    is_done: bool,
    /// Slots whose place has been passed.
    settled: u128,
    /// Of these, the ones that have a value.
    kept: u128,
    /// Of these, the ones whose value was too long.
    too_long: u128,
    places: Vec<Kept>,
    bytes: Vec<u8>,
    /// What was told at the record's beginning: where each value is among their bytes; nowhere, if it is
    /// not known.
    own: Vec<Option<(u32, u32)>>,
    own_bytes: Vec<u8>,
}

impl Default for Judge {
    fn default() -> Self {
        Self {
            alive: 0,
            unmet: [0; RULES_MAX],
            decided: None,
            is_done: true,
            settled: 0,
            kept: 0,
            too_long: 0,
            places: Vec::new(),
            bytes: Vec::new(),
            own: Vec::new(),
            own_bytes: Vec::new(),
        }
    }
}

impl Judge {
    /// Begins a record.
    pub(super) fn begin(&mut self, briefs: &[Brief]) {
        self.alive = 1u64.checked_shl(briefs.len() as u32).unwrap_or_default().wrapping_sub(1);
        for (unmet, brief) in self.unmet.iter_mut().zip(briefs) {
            *unmet = brief.conditions;
        }
        self.decided = None;
        self.is_done = false;
        (self.settled, self.kept, self.too_long) = (0, 0, 0);
        self.bytes.clear();
        self.own.clear();
        self.own_bytes.clear();
        self.settle(briefs);
    }

    /// Tells the next value that rules compare with.
    pub(super) fn tell(&mut self, value: Option<&[u8]>) {
        let start = self.own_bytes.len() as u32;
        self.own_bytes.extend_from_slice(value.unwrap_or_default());
        self.own.push(value.map(|value| (start, start + value.len() as u32)));
    }

    fn told(&self, index: u8) -> Option<&[u8]> {
        let (start, end) = self.own.get(usize::from(index)).copied().flatten()?;
        self.own_bytes.get(start as usize..end as usize)
    }

    /// Whether nothing that follows in the record changes anything.
    pub(super) fn is_done(&self) -> bool {
        self.is_done
    }

    /// The rule that the record matches, once that is certain.
    pub(super) fn decided(&self) -> Option<u8> {
        self.decided
    }

    /// Whether one of these rules is not refuted.
    pub(super) fn asks(&self, rules: Rules) -> bool {
        self.alive & rules != 0
    }

    /// A condition of these rules holds.
    pub(super) fn meet(&mut self, rules: Rules) {
        let mut left = rules & self.alive;
        while left != 0 {
            if let Some(unmet) = self.unmet.get_mut(left.trailing_zeros() as usize) {
                *unmet = unmet.saturating_sub(1);
            }
            left &= left - 1;
        }
    }

    /// A condition of these rules does not hold.
    pub(super) fn refute(&mut self, rules: Rules) {
        // The one that is decided has met all.
        if self.decided.is_none() {
            self.alive &= !rules;
        }
    }

    /// Refutes every rule with a condition that has not been met: the record is over.
    pub(super) fn refute_unmet(&mut self, briefs: &[Brief]) {
        if self.decided.is_some() {
            return;
        }
        for (rule, _) in briefs.iter().enumerate() {
            if self.unmet.get(rule) != Some(&0) {
                self.refute(1 << rule);
            }
        }
        self.settle(briefs);
    }

    /// Decides if that is possible; after every change.
    #[inline]
    pub(super) fn settle(&mut self, briefs: &[Brief]) {
        if self.decided.is_none() {
            if self.alive == 0 {
                self.is_done = true;
                return;
            }
            let first = self.alive.trailing_zeros() as usize;
            if self.unmet.get(first) != Some(&0) {
                return;
            }
            self.decided = Some(first as u8);
            self.alive = 1 << first;
        }
        let rule = self.decided.and_then(|rule| briefs.get(usize::from(rule)));
        self.is_done = rule.is_none_or(|brief| brief.slots & !self.settled == 0);
    }

    /// The field of this node is `found`.
    pub(super) fn field(&mut self, node: &Node, found: Found<'_>, briefs: &[Brief]) {
        if node.exists != 0 {
            match found {
                Found::Null => self.refute(node.exists),
                _ => self.meet(node.exists),
            }
        }
        if self.asks(node.equals_rules) {
            let text = found.text();
            let equal = node.equals.iter().find(|(wanted, _)| Some(&**wanted) == text);
            let mut met = equal.map_or(0, |(_, rules)| *rules);
            for (own, rules) in &node.own {
                if text.is_some() && self.told(*own) == text {
                    met |= rules;
                }
            }
            self.refute(node.equals_rules & !met);
            self.meet(met);
        }
        for (slot, rules) in &node.slots {
            if self.asks(*rules) {
                self.keep(*slot, found);
            }
        }
        self.settle(briefs);
    }

    /// Keeps the value of a slot; the first counts.
    pub(super) fn keep(&mut self, slot: u8, found: Found<'_>) {
        let bit = 1u128 << slot;
        if self.settled & bit != 0 {
            return;
        }
        self.settled |= bit;
        let (bytes, kind) = match found {
            Found::Value(Value::Text(bytes)) => (bytes, Kind::Text),
            Found::Value(Value::Number(bytes)) => (bytes, Kind::Number),
            Found::Value(Value::Name(bytes)) => (bytes, Kind::Name),
            Found::Null | Found::Container => return,
            Found::TooLong => {
                self.too_long |= bit;
                return;
            }
        };
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(bytes);
        if self.places.len() <= usize::from(slot) {
            self.places.resize(usize::from(slot) + 1, Kept::default());
        }
        if let Some(place) = self.places.get_mut(usize::from(slot)) {
            *place = Kept { start, end: self.bytes.len() as u32, kind };
        }
        self.kept |= bit;
    }

    /// The list that is passed on as it is read has ended.
    pub(super) fn end_each(&mut self, briefs: &[Brief]) {
        self.settled |= EACH;
        self.settle(briefs);
    }

    /// The value in a slot.
    pub(super) fn value(&self, slot: u8) -> Option<Value<'_>> {
        if self.kept >> slot & 1 == 0 {
            return None;
        }
        let kept = self.places.get(usize::from(slot))?;
        let bytes = self.bytes.get(kept.start as usize..kept.end as usize)?;
        Some(match kept.kind {
            Kind::Text => Value::Text(bytes),
            Kind::Number => Value::Number(bytes),
            Kind::Name => Value::Name(bytes),
        })
    }

    /// Whether the value of a slot was too long to keep.
    pub(super) fn is_too_long(&self, slot: u8) -> bool {
        self.too_long >> slot & 1 == 1
    }
}
