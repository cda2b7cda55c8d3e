//! Conditions on a record's bytes, whatever they are: the whole, the start, a part, text behind a mark,
//! numbers and bytes at an offset.
//!
//! Invariant: every condition becomes known at the byte that decides it, or at the record's end.

use super::binary::{Gathered, Span};
use super::judge::{Brief, Judge};
use super::search::{Mark, Search};
use super::tree::{Node, Rules};
use super::value::{Found, Token, Value};

/// The conditions of a matcher on bytes.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts {
    pub(super) whole: Vec<(Box<[u8]>, Rules)>,
    pub(super) starts: Vec<(Box<[u8]>, Rules)>,
    pub(super) contains: Vec<(Mark, Rules)>,
    pub(super) after: Vec<After>,
    pub(super) spans: Vec<(Span, Node)>,
}

/// Text behind a mark, up to the next quote, space, `<` or line end.
#[derive(Clone, Debug)]
pub(super) struct After {
    pub(super) mark: Mark,
    pub(super) slot: u8,
    pub(super) rules: Rules,
}

/// How far the record has been read.
#[derive(Clone, Debug, Default)]
pub(super) struct Reading {
    /// Bytes of the record before the piece.
    position: usize,
    contains: Vec<Search>,
    after: Vec<(Search, Token)>,
    spans: Vec<Gathered>,
}

impl Texts {
    pub(super) fn is_empty(&self) -> bool {
        self.whole.is_empty()
            && self.starts.is_empty()
            && self.contains.is_empty()
            && self.after.is_empty()
            && self.spans.is_empty()
    }

    /// What is asked of the bytes there.
    pub(super) fn span(&mut self, span: &Span) -> &mut Node {
        let known = self.spans.iter().position(|(known, _)| known == span).unwrap_or_else(|| {
            self.spans.push((span.clone(), Node::default()));
            self.spans.len() - 1
        });
        &mut self.spans[known].1
    }
}

impl Reading {
    pub(super) fn begin(&mut self, texts: &Texts) {
        self.position = 0;
        if self.contains.len() != texts.contains.len() {
            self.contains.resize_with(texts.contains.len(), Search::default);
        }
        if self.after.len() != texts.after.len() {
            self.after.resize_with(texts.after.len(), Default::default);
        }
        self.contains.iter_mut().for_each(Search::begin);
        for (search, token) in &mut self.after {
            search.begin();
            token.clear();
        }
        if self.spans.len() != texts.spans.len() {
            self.spans.resize_with(texts.spans.len(), Gathered::default);
        }
        self.spans.iter_mut().for_each(Gathered::begin);
    }

    /// Takes the next piece of the record.
    pub(super) fn feed(
        &mut self,
        texts: &Texts,
        piece: &[u8],
        is_last: bool,
        judge: &mut Judge,
        briefs: &[Brief],
    ) {
        for (text, rules) in &texts.starts {
            if judge.asks(*rules) {
                self.start(text, *rules, piece, is_last, judge);
            }
        }
        for (text, rules) in &texts.whole {
            if judge.asks(*rules) {
                self.compare(text, *rules, piece, is_last, judge);
            }
        }
        for ((mark, rules), search) in texts.contains.iter().zip(&mut self.contains) {
            if judge.asks(*rules) && !search.is_over() && search.find(mark, piece, is_last).is_some() {
                judge.meet(*rules);
            }
        }
        for (after, (search, token)) in texts.after.iter().zip(&mut self.after) {
            if judge.asks(after.rules) {
                take_after(after, search, token, piece, is_last, judge);
            }
        }
        for ((span, node), gathered) in texts.spans.iter().zip(&mut self.spans) {
            if judge.asks(node.value_rules)
                && let Some(found) = gathered.take(span, self.position, piece, is_last)
            {
                judge.field(node, found, briefs);
            }
        }
        self.position += piece.len();
        judge.settle(briefs);
    }

    fn start(&self, text: &[u8], rules: Rules, piece: &[u8], is_last: bool, judge: &mut Judge) {
        let Some(wanted) = text.get(self.position..).filter(|wanted| !wanted.is_empty()) else { return };
        let common = wanted.len().min(piece.len());
        if wanted.get(..common) != piece.get(..common) {
            judge.refute(rules);
        } else if common == wanted.len() {
            judge.meet(rules);
        } else if is_last {
            judge.refute(rules);
        }
    }

    fn compare(&self, text: &[u8], rules: Rules, piece: &[u8], is_last: bool, judge: &mut Judge) {
        let wanted = text.get(self.position..).unwrap_or_default();
        if !wanted.starts_with(piece) {
            judge.refute(rules);
        } else if is_last {
            match wanted.len() == piece.len() {
                true => judge.meet(rules),
                false => judge.refute(rules),
            }
        }
    }
}

fn take_after(
    after: &After,
    search: &mut Search,
    token: &mut Token,
    piece: &[u8],
    is_last: bool,
    judge: &mut Judge,
) {
    let value = match search.is_over() {
        true => piece,
        false => match search.find(&after.mark, piece, is_last) {
            Some(end) => piece.get(end..).unwrap_or_default(),
            None => return,
        },
    };
    let end = value.iter().position(|byte| matches!(byte, b'"' | b'\'' | b' ' | b'<' | b'\r' | b'\n'));
    let part = value.get(..end.unwrap_or(value.len())).unwrap_or_default();
    if end.is_some() || is_last {
        let found = token.whole(part).map_or(Found::TooLong, |text| Found::Value(Value::Text(text)));
        // What follows is another value, which is not kept: the first counts.
        judge.keep(after.slot, found);
    } else {
        token.push(part);
    }
}
