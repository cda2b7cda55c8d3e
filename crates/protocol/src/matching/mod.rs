//! Finds the first of several rules that a record matches, and values in it, over any split.
//!
//! A record is a message, or a part of one between separators. Most are broadcasts of some 140 bytes
//! whose type comes first, or heartbeats of a few bytes: [`Matcher::quick`] knows those by their start, in
//! a few nanoseconds. Everything else is one forward pass ([`Matching`]), which keeps its place between
//! pieces, never a record, and stops at the last wanted byte. Knows nothing of what rules and values mean,
//! and leaves UTF-8 to [`super::websocket::Utf8Check`]. Invariant: the outcome depends on the record's bytes
//! alone, not on their split; on valid JSON it is what serde_json would find.
//!
//! `rule` is what is asked for; `tree` and `raw` hold it compiled; `json` walks, over the grammar in
//! `text` and `number`, and passes over what nobody asks for with `skip`; `binary` reads bytes at offsets;
//! `judge` holds what has become known. `elements` cuts a message into its records, where it is an array.
//!
//! ```
//! use startline_protocol::matching::{Matcher, Matching, Place, Pointer, Rule, Want, Wanted};
//!
//! let pong = Rule { is: Some(b"3".into()), ..Rule::default() };
//! let kind = (Pointer::parse("/0")?, Want::Equals(b"tick".into()));
//! let tick = Rule { starts: Some(b"42".into()), fields: vec![kind], ..Rule::default() };
//! let at = Wanted { place: Place::Field(Pointer::parse("/1/n")?), rules: 0b10 };
//! let matcher = Matcher::new(&[pong, tick], &[at], None)?;
//!
//! let mut matching = Matching::default();
//! matching.begin(&matcher);
//! matching.feed(&matcher, br#"42["ti"#, &mut |_, _| {});
//! matching.feed(&matcher, br#"ck",{"n":17}]"#, &mut |_, _| {});
//! assert_eq!(matching.finish(&matcher, &mut |_, _| {}), Some(1));
//! assert_eq!(matching.value(&matcher, 0).map(|value| value.bytes()), Some(&b"17"[..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod binary;
mod elements;
mod json;
mod judge;
mod number;
mod quick;
mod raw;
mod rule;
mod search;
mod skip;
#[cfg(test)]
mod tests;
mod text;
mod tree;
mod value;

pub use binary::{Integer, Span, SpanError};
pub use elements::{Elements, Part, Splitter};
pub use json::DEPTH_MAX;
pub use judge::RULES_MAX;
pub use quick::Quick;
pub use rule::{Pointer, PointerError, Rule, Want};
pub use value::{VALUE_BYTES_MAX, Value};

use json::{Body, Walk};
use judge::{Brief, EACH, Judge, SLOTS_MAX};
use quick::Starts;
use raw::{After, Reading, Texts};
use search::Mark;
use tree::{Rules, Tree};

/// Rules, compiled: what is the same for all records.
#[derive(Clone, Debug, Default)]
pub struct Matcher {
    briefs: Vec<Brief>,
    texts: Texts,
    bodies: Vec<Body>,
    /// For each place its slots: of each rule by which body it is read, or none.
    slots: Vec<Vec<(Rules, u8)>>,
    starts: Option<Starts>,
}

/// A value to keep.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Where it is.
    pub place: Place,
    /// The rules for which it is kept, the first in the lowest bit.
    pub rules: u64,
}

/// Where in a record a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In its JSON.
    Field(Pointer),
    /// Behind this text, up to the next quote, space, `<` or line end.
    After(Vec<u8>),
    /// At an offset.
    Span(Span),
}

/// A list whose elements are passed on as they are read.
#[derive(Clone, Debug)]
pub struct Each {
    /// The place in each element, with a `*` for the element.
    pub pointer: Pointer,
    /// The rule whose record it is.
    pub rule: u8,
}

/// More than a matcher holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Excess {
    /// Of rules.
    #[error("more than {RULES_MAX} kinds")]
    Rules,
    /// Of places.
    #[error("more than {} different fields", tree::NONE)]
    Fields,
    /// Of values.
    #[error("more than {SLOTS_MAX} different places of values")]
    Values,
}

type Result<T> = std::result::Result<T, Excess>;

impl Matcher {
    /// Compiles rules, the first of which that matches counts, and what is kept for them. A value's index in
    /// `wanted` is its name in [`Matching::value`].
    ///
    /// # Errors
    /// [`Excess`].
    pub fn new(rules: &[Rule], wanted: &[Wanted], each: Option<&Each>) -> Result<Self> {
        if rules.len() > RULES_MAX {
            return Err(Excess::Rules);
        }
        let mut matcher = Self { briefs: vec![Brief::default(); rules.len()], ..Self::default() };
        for (k, rule) in rules.iter().enumerate() {
            matcher.add(rule, k)?;
        }
        let mut slots = 0;
        for wanted in wanted {
            matcher.keep(wanted, rules, &mut slots)?;
        }
        if let Some(each) = each {
            matcher.hand_out(each, rules)?;
        }
        matcher.starts = Starts::of(rules, &matcher.briefs, wanted);
        Ok(matcher)
    }

    /// Whether there is no rule, and so nothing to read.
    pub fn is_empty(&self) -> bool {
        self.briefs.is_empty()
    }

    /// The rule of a record, and the one value that it wants, where its first bytes or its first two fields say
    /// so; `None` says nothing.
    #[inline]
    pub fn quick<'r>(&self, record: &'r [u8]) -> Option<Quick<'r>> {
        self.starts.as_ref()?.read(record)
    }

    fn add(&mut self, rule: &Rule, index: usize) -> Result<()> {
        let bit: Rules = 1 << index;
        let texts = [&rule.is, &rule.starts, &rule.contains].into_iter().flatten().count();
        if let Some(brief) = self.briefs.get_mut(index) {
            let conditions = texts + rule.fields.len() + rule.spans.len();
            brief.conditions = u8::try_from(conditions).or(Err(Excess::Fields))?;
        }
        add_text(&mut self.texts.whole, rule.is.as_deref(), bit);
        add_text(&mut self.texts.starts, rule.starts.as_deref(), bit);
        if let Some(text) = &rule.contains {
            match self.texts.contains.iter_mut().find(|(known, _)| known.text() == text) {
                Some((_, rules)) => *rules |= bit,
                None => self.texts.contains.push((Mark::new(text), bit)),
            }
        }
        for (pointer, want) in &rule.fields {
            self.tree(rule.body_mark()).add_condition(bit, pointer, want)?;
        }
        for (span, want) in &rule.spans {
            self.texts.span(span).add_condition(bit, want);
        }
        Ok(())
    }

    /// The tree of the JSON that begins there.
    fn tree(&mut self, after: Option<&[u8]>) -> &mut Tree {
        let is_it = |body: &Body| body.after.as_ref().map(Mark::text) == after;
        let at = self.bodies.iter().position(is_it).unwrap_or_else(|| self.add_body(after));
        &mut self.bodies[at].tree
    }

    fn add_body(&mut self, after: Option<&[u8]>) -> usize {
        self.bodies.push(Body { after: after.map(Mark::new), tree: Tree::new() });
        self.bodies.len() - 1
    }

    fn keep(&mut self, wanted: &Wanted, rules: &[Rule], slots: &mut u8) -> Result<()> {
        let mut kept = Vec::new();
        let mut slot = |matcher: &mut Self, of: Rules| {
            if usize::from(*slots) >= SLOTS_MAX {
                return Err(Excess::Values);
            }
            for (_, brief) in members(of, &mut matcher.briefs) {
                brief.slots |= 1 << *slots;
            }
            kept.push((of, *slots));
            *slots += 1;
            Ok(*slots - 1)
        };
        match &wanted.place {
            Place::After(text) => {
                let slot = slot(self, wanted.rules)?;
                self.texts.after.push(After { mark: Mark::new(text), slot, rules: wanted.rules });
            }
            Place::Span(span) => {
                let slot = slot(self, wanted.rules)?;
                self.texts.span(span).add_slot(wanted.rules, slot);
            }
            Place::Field(pointer) => {
                // Rules whose JSON begins elsewhere find another value there.
                let mut left =
                    wanted.rules & (1u64.checked_shl(rules.len() as u32).unwrap_or_default()).wrapping_sub(1);
                while let Some(first) = rules.get(left.trailing_zeros() as usize) {
                    let same =
                        rules.iter().enumerate().filter(|(_, rule)| rule.body_mark() == first.body_mark());
                    let of = left & same.fold(0, |of, (k, _)| of | 1 << k);
                    let slot = slot(self, of)?;
                    self.tree(first.body_mark()).add_slot(of, pointer, slot)?;
                    left &= !of;
                }
            }
        }
        self.slots.push(kept);
        Ok(())
    }

    fn hand_out(&mut self, each: &Each, rules: &[Rule]) -> Result<()> {
        let Some(rule) = rules.get(usize::from(each.rule)) else { return Ok(()) };
        let bit = 1 << each.rule;
        for (_, brief) in members(bit, &mut self.briefs) {
            brief.slots |= EACH;
        }
        let before = self.bodies.clone();
        let tree = self.tree(rule.body_mark());
        tree.add_each(bit, &each.pointer)?;
        if tree.is_ambiguous() {
            // It is walked along on its own, beside the others.
            self.bodies = before;
            let own = self.add_body(rule.body_mark());
            self.bodies[own].tree.add_each(bit, &each.pointer)?;
        }
        self.bodies.iter_mut().for_each(|body| body.tree.find_leads());
        Ok(())
    }

    fn slot(&self, place: usize, rule: u8) -> Option<u8> {
        let slots = self.slots.get(place)?;
        slots.iter().find(|(rules, _)| rules >> rule & 1 == 1).map(|(_, slot)| *slot)
    }
}

fn add_text(texts: &mut Vec<(Box<[u8]>, Rules)>, text: Option<&[u8]>, rule: Rules) {
    let Some(text) = text else { return };
    match texts.iter_mut().find(|(known, _)| **known == *text) {
        Some((_, rules)) => *rules |= rule,
        None => texts.push((text.into(), rule)),
    }
}

/// Those of `all` that are in the set.
fn members<T>(rules: Rules, all: &mut [T]) -> impl Iterator<Item = (usize, &mut T)> {
    all.iter_mut().enumerate().filter(move |(k, _)| rules >> k & 1 == 1)
}

/// A record being read. Memory that it takes for one is used again for the next.
#[derive(Clone, Debug, Default)]
pub struct Matching {
    judge: Judge,
    reading: Reading,
    walks: Vec<Walk>,
}

impl Matching {
    /// Begins a record.
    pub fn begin(&mut self, matcher: &Matcher) {
        self.judge.begin(&matcher.briefs);
        if !matcher.texts.is_empty() {
            self.reading.begin(&matcher.texts);
        }
        if self.walks.len() != matcher.bodies.len() {
            self.walks.resize_with(matcher.bodies.len(), Walk::default);
        }
        self.walks.iter_mut().for_each(Walk::begin);
    }

    /// Tells the next of the values that rules compare fields with ([`Want::Own`]), behind [`Matching::begin`];
    /// `None`: it is not known.
    pub fn tell(&mut self, value: Option<&[u8]>) {
        self.judge.tell(value);
    }

    /// Takes the next piece of a record. `each` gets the elements of the list that is passed on, and whether
    /// the record is certainly of the rule that wants them.
    pub fn feed(&mut self, matcher: &Matcher, piece: &[u8], each: &mut dyn FnMut(Value<'_>, bool)) {
        self.take(matcher, piece, false, each);
    }

    /// Ends a record; the first rule that it matches.
    pub fn finish(&mut self, matcher: &Matcher, each: &mut dyn FnMut(Value<'_>, bool)) -> Option<u8> {
        self.finish_with(matcher, &[], each)
    }

    /// The same with the record's last piece.
    pub fn finish_with(
        &mut self,
        matcher: &Matcher,
        piece: &[u8],
        each: &mut dyn FnMut(Value<'_>, bool),
    ) -> Option<u8> {
        self.take(matcher, piece, true, each);
        self.judge.refute_unmet(&matcher.briefs);
        self.judge.decided()
    }

    /// The same for a record that lies in one piece, from beginning to end.
    pub fn whole(
        &mut self,
        matcher: &Matcher,
        record: &[u8],
        each: &mut dyn FnMut(Value<'_>, bool),
    ) -> Option<u8> {
        self.begin(matcher);
        self.finish_with(matcher, record, each)
    }

    fn take(
        &mut self,
        matcher: &Matcher,
        piece: &[u8],
        is_last: bool,
        each: &mut dyn FnMut(Value<'_>, bool),
    ) {
        if self.judge.is_done() {
            return;
        }
        if !matcher.texts.is_empty() {
            self.reading.feed(&matcher.texts, piece, is_last, &mut self.judge, &matcher.briefs);
        }
        for (walk, body) in self.walks.iter_mut().zip(&matcher.bodies) {
            if self.judge.asks(body.tree.rules()) {
                walk.feed(body, piece, &mut self.judge, &matcher.briefs, each);
            }
        }
    }

    /// The value at a place, by its index, in the record of the rule that has been found; none of a null, an
    /// object or an array, and none that is too long.
    pub fn value(&self, matcher: &Matcher, place: usize) -> Option<Value<'_>> {
        self.judge.value(matcher.slot(place, self.judge.decided()?)?)
    }

    /// Whether a value stands there that is longer than [`VALUE_BYTES_MAX`].
    pub fn is_too_long(&self, matcher: &Matcher, place: usize) -> bool {
        let slot = self.judge.decided().and_then(|rule| matcher.slot(place, rule));
        slot.is_some_and(|slot| self.judge.is_too_long(slot))
    }
}
