//! Walks through the JSON of a record (RFC 8259) along the tree of wanted fields, and through JSON that is in
//! one of its strings.
//!
//! Keeps its place between pieces and never a record. Checks the grammar as far as it reads, which is as
//! far as something is wanted; of an object in which nothing more is wanted, the rest is passed over by its
//! quotes and brackets. Invariant: what is found depends on the bytes alone, not on their split;
//! of a key that occurs twice the first counts; nesting is bounded.

mod rest;

use memchr::memchr2;

use super::judge::{Brief, Judge};
use super::number::Number;
use super::search::{Mark, Search};
use super::skip::Skip;
use super::text::{Escapes, plain_len};
use super::tree::{Lead, NONE, Node, ROOT, Seen, Tree};
use super::value::{Found, Token, VALUE_BYTES_MAX, Value};

/// Containers open at once at most; what is deeper is not read.
pub const DEPTH_MAX: u8 = 64;

/// It is not JSON from here on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

type Result<T> = std::result::Result<T, Broken>;

/// The receiver of a list's elements, and whether the rule is certain that wants them.
pub(super) type Each<'e> = &'e mut dyn FnMut(Value<'_>, bool);

/// A JSON text in each record: where it begins and what is wanted of it.
#[derive(Clone, Debug)]
pub(super) struct Body {
    pub(super) after: Option<Mark>,
    pub(super) tree: Tree,
}

/// How far the JSON has been read.
#[derive(Clone, Debug, Default)]
pub(super) struct Walk {
    /// For each open container, innermost in the lowest bit, whether it is an object.
    objects: u64,
    /// Containers open.
    depth: u8,
    /// Of these, the ones that are on the tree: what is deeper is not wanted.
    depth_on_tree: u8,
    /// The node of the innermost of them.
    node: u8,
    /// The node of the value that comes.
    child: u8,
    state: State,
    /// The bytes of the key, string or number being read are wanted.
    is_wanted: bool,
    literal: Literal,
    number: Number,
    escapes: Escapes,
    /// The element being read, of the innermost container on the tree.
    index: u32,
    /// Fields that have come: of a key that comes twice the first counts.
    seen: Seen,
    token: Token,
    search: Search,
    /// The JSON in the string being read, where something inside that is wanted.
    inner: Option<Box<Walk>>,
    is_in_inner: bool,
}

/// What may come next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// A comma or the container's end.
    AfterValue,
    /// The colon after a key.
    Colon,
    /// A value or the array's end.
    FirstElement,
    /// A key or the object's end.
    FirstKey,
    /// More of a key.
    InKey,
    /// More of true, false or null.
    InLiteral,
    /// More of a number, or what follows it.
    InNumber,
    /// More of a string.
    InText,
    /// A key.
    Key,
    /// Anything: the JSON is over, or is none.
    Over,
    /// The rest of an object in which nothing more is wanted.
    Skip(Skip),
    /// What stands before the JSON.
    #[default]
    Start,
    /// A value.
    Value,
}

/// true, false or null, and how much of it has come.
#[derive(Clone, Copy, Debug, Default)]
struct Literal {
    text: &'static [u8],
    read: u8,
}

/// What a step of the walk works with.
struct With<'w, 'e> {
    tree: &'w Tree,
    judge: &'w mut Judge,
    briefs: &'w [Brief],
    each: Each<'e>,
}

impl Walk {
    pub(super) fn begin(&mut self) {
        self.state = State::Start;
        self.search.begin();
        self.seen = Seen::default();
        self.is_in_inner = false;
    }

    /// Takes the next piece of the record.
    pub(super) fn feed(
        &mut self,
        body: &Body,
        piece: &[u8],
        judge: &mut Judge,
        briefs: &[Brief],
        each: &mut dyn FnMut(Value<'_>, bool),
    ) {
        let rest = if self.state == State::Start { self.start(body, piece) } else { piece };
        let mut with = With { tree: &body.tree, judge, briefs, each };
        self.walk(rest, &mut with);
    }

    fn walk(&mut self, mut rest: &[u8], with: &mut With<'_, '_>) {
        while !rest.is_empty() {
            if self.state == State::Over || with.judge.is_done() {
                return;
            }
            if rest.first() == Some(&b',') && self.state == State::AfterValue {
                let taken = self.take_elements(rest, with);
                if taken > 0 {
                    rest = rest.get(taken..).unwrap_or_default();
                    continue;
                }
            }
            match self.step(rest, with) {
                Ok(taken) => rest = rest.get(taken..).unwrap_or_default(),
                Err(Broken) => self.state = State::Over,
            }
        }
    }

    /// Begins the JSON in a string, the value of this node.
    fn begin_inner(&mut self, node: u8) {
        self.is_in_inner = true;
        let inner = self.inner.get_or_insert_default();
        inner.begin();
        inner.node = node;
    }

    /// Takes the next part of the JSON in a string, unescaped.
    fn feed_inner(&mut self, part: &[u8], with: &mut With<'_, '_>) {
        if let Some(inner) = self.inner.as_mut().filter(|_| self.is_in_inner) {
            let rest = if inner.state == State::Start { inner.open_at(part, inner.node) } else { part };
            inner.walk(rest, with);
        }
    }

    /// Looks for the JSON's start; what follows its first byte.
    fn start<'p>(&mut self, body: &Body, piece: &'p [u8]) -> &'p [u8] {
        let text = match &body.after {
            Some(mark) if !self.search.is_over() => match self.search.find(mark, piece, false) {
                Some(end) => piece.get(end..).unwrap_or_default(),
                None => return &[],
            },
            _ => piece,
        };
        self.open_at(text, ROOT)
    }

    /// Looks for the first brace or bracket; what follows it.
    fn open_at<'p>(&mut self, text: &'p [u8], node: u8) -> &'p [u8] {
        // Mostly at once, and a search costs more than a look.
        let is_at_once = matches!(text.first(), Some(b'{' | b'['));
        let Some(at) = (if is_at_once { Some(0) } else { memchr2(b'{', b'[', text) }) else { return &[] };
        let is_object = text.get(at) == Some(&b'{');
        (self.objects, self.depth, self.depth_on_tree) = (u64::from(is_object), 1, 1);
        (self.node, self.child, self.index) = (node, NONE, 0);
        self.is_wanted = false;
        self.escapes = Escapes::default();
        self.state = if is_object { State::FirstKey } else { State::FirstElement };
        text.get(at + 1..).unwrap_or_default()
    }

    #[inline]
    fn step(&mut self, rest: &[u8], with: &mut With<'_, '_>) -> Result<usize> {
        match self.state {
            State::InKey | State::InText => self.take_string(rest, with),
            State::InNumber => self.take_number(rest, with),
            State::InLiteral => self.take_literal(rest, with),
            State::Skip(skip) => Ok(self.pass_over(skip, rest, with)),
            _ => self.take_structure(rest, with),
        }
    }

    /// The bytes between keys and values, up to the first of one.
    #[inline]
    fn take_structure(&mut self, rest: &[u8], with: &mut With<'_, '_>) -> Result<usize> {
        for (at, &byte) in rest.iter().enumerate() {
            match (self.state, byte) {
                (_, b' ' | b'\t' | b'\n' | b'\r') => {}
                (State::FirstKey | State::Key, b'"') => {
                    self.is_wanted = self.is_on_tree();
                    self.token.clear();
                    self.state = State::InKey;
                    return Ok(at + 1);
                }
                (State::Colon, b':') => self.state = State::Value,
                (State::FirstElement, b']') | (State::FirstKey, b'}') => self.close(with),
                (State::FirstElement | State::Value, _) => {
                    let len = self.begin_value(byte, with)?;
                    if self.is_inside() {
                        return Ok(at + len);
                    }
                }
                // Elements that are alike are taken whole, from their comma on.
                (State::AfterValue, b',') if at > 0 && self.lead(with.tree).is_some() => return Ok(at),
                (State::AfterValue, b',') => self.begin_next(),
                (State::AfterValue, b'}') if self.is_in_object() => self.close(with),
                (State::AfterValue, b']') if !self.is_in_object() => self.close(with),
                _ => return Err(Broken),
            }
            if matches!(self.state, State::Skip(_) | State::Over) {
                return Ok(at + 1);
            }
        }
        Ok(rest.len())
    }

    /// After a comma.
    fn begin_next(&mut self) {
        if self.is_in_object() {
            self.state = State::Key;
        } else {
            self.index = self.index.saturating_add(u32::from(self.is_on_tree()));
            self.state = State::Value;
        }
    }

    /// Returns the bytes taken: none of a number.
    fn begin_value(&mut self, byte: u8, with: &mut With<'_, '_>) -> Result<usize> {
        if !self.is_in_object() {
            self.child = if self.is_on_tree() { self.element(with.tree) } else { NONE };
        }
        self.is_wanted = self.node_of_value(with.tree).is_some_and(|node| with.judge.asks(node.value_rules));
        match byte {
            b'"' => {
                self.token.clear();
                self.state = State::InText;
                if self.node_of_value(with.tree).is_some_and(|node| with.judge.asks(node.inner_rules)) {
                    self.begin_inner(self.child);
                }
            }
            b'{' | b'[' => self.open(byte == b'{', with)?,
            b't' => self.begin_literal(b"true"),
            b'f' => self.begin_literal(b"false"),
            b'n' => self.begin_literal(b"null"),
            _ => {
                self.token.clear();
                self.number = Number::default();
                self.state = State::InNumber;
                return Ok(0);
            }
        }
        Ok(1)
    }

    fn begin_literal(&mut self, text: &'static [u8]) {
        self.literal = Literal { text, read: 1 };
        self.state = State::InLiteral;
    }

    /// The node of the element that begins.
    fn element(&mut self, tree: &Tree) -> u8 {
        let Some(array) = tree.node(self.node) else { return NONE };
        if array.has_star() {
            tree.begin_element(&mut self.seen);
        }
        array.by_index(self.index)
    }

    /// Part of a key or of a string.
    #[inline]
    fn take_string(&mut self, rest: &[u8], with: &mut With<'_, '_>) -> Result<usize> {
        if self.escapes.is_open() {
            return self.take_escape(rest, with);
        }
        let len = plain_len(rest);
        let plain = rest.get(..len).unwrap_or_default();
        let end = rest.get(len);
        match end {
            Some(b'"') if self.state == State::InKey => self.end_key(plain, with.tree),
            Some(b'"') => self.end_text(plain, with),
            Some(b'\\') => {
                self.escapes.open();
                self.push(plain, with);
            }
            Some(_) => return Err(Broken),
            None => {
                self.push(plain, with);
                return Ok(len);
            }
        }
        Ok(len + 1)
    }

    fn take_escape(&mut self, rest: &[u8], with: &mut With<'_, '_>) -> Result<usize> {
        let Some(&byte) = rest.first() else { return Ok(0) };
        if let Some(character) = self.escapes.take(byte).ok_or(Broken)? {
            self.push(character.encode_utf8(&mut [0; 4]).as_bytes(), with);
        }
        Ok(1)
    }

    fn push(&mut self, part: &[u8], with: &mut With<'_, '_>) {
        if self.is_wanted {
            self.token.push(part);
        }
        self.feed_inner(part, with);
    }

    fn end_key(&mut self, last: &[u8], tree: &Tree) {
        self.state = State::Colon;
        self.child = NONE;
        if !self.is_wanted {
            return;
        }
        let key = self.token.whole(last);
        let child = key.zip(tree.node(self.node)).map_or(NONE, |(key, object)| object.by_key(key));
        if child != NONE && self.seen.add(child) {
            self.child = child;
        }
    }

    fn end_text(&mut self, last: &[u8], with: &mut With<'_, '_>) {
        self.feed_inner(last, with);
        self.is_in_inner = false;
        if self.is_wanted {
            let text = self.token.whole(last);
            let found = text.map_or(Found::TooLong, |text| Found::Value(Value::Text(text)));
            report(self.child, found, with);
        }
        self.end_value(with);
    }

    fn take_number(&mut self, rest: &[u8], with: &mut With<'_, '_>) -> Result<usize> {
        let (number, len) = self.number.take(rest);
        let digits = rest.get(..len).unwrap_or_default();
        self.number = number;
        if len == rest.len() {
            self.push(digits, with);
            return Ok(len);
        }
        if !number.is_whole() {
            return Err(Broken);
        }
        if self.is_wanted {
            let text = self.token.whole(digits);
            let found = text.map_or(Found::TooLong, |text| Found::Value(Value::Number(text)));
            report(self.child, found, with);
        }
        self.end_value(with);
        Ok(len)
    }

    fn take_literal(&mut self, rest: &[u8], with: &mut With<'_, '_>) -> Result<usize> {
        let Literal { text, read } = self.literal;
        let wanted = text.get(usize::from(read)..).unwrap_or_default();
        let len = wanted.len().min(rest.len());
        if wanted.get(..len) != rest.get(..len) {
            return Err(Broken);
        }
        self.literal.read += len as u8;
        if len == wanted.len() {
            if self.is_wanted {
                let found = if text == b"null" { Found::Null } else { Found::Value(Value::Name(text)) };
                report(self.child, found, with);
            }
            self.end_value(with);
        }
        Ok(len)
    }

    fn open(&mut self, is_object: bool, with: &mut With<'_, '_>) -> Result<()> {
        if self.depth >= DEPTH_MAX {
            return Err(Broken);
        }
        self.objects = self.objects << 1 | u64::from(is_object);
        if self.is_wanted {
            report(self.child, Found::Container, with);
        }
        let is_inside_wanted =
            self.node_of_value(with.tree).is_some_and(|node| with.judge.asks(node.inner_rules));
        if self.is_on_tree() && is_inside_wanted {
            (self.node, self.index) = (self.child, 0);
            self.depth_on_tree += 1;
        }
        self.depth += 1;
        self.state = if is_object { State::FirstKey } else { State::FirstElement };
        Ok(())
    }

    fn close(&mut self, with: &mut With<'_, '_>) {
        if self.is_on_tree() {
            self.depth_on_tree -= 1;
            let closed = self.node;
            self.child = closed;
            if let Some(node) = with.tree.node(closed) {
                self.node = node.parent;
                self.index = node.index.unwrap_or_default();
            }
        }
        self.objects >>= 1;
        self.depth = self.depth.saturating_sub(1);
        self.end_value(with);
    }

    fn end_value(&mut self, with: &mut With<'_, '_>) {
        if self.is_on_tree() && self.node_of_value(with.tree).is_some_and(Node::has_star) {
            with.judge.end_each(with.briefs);
        }
        self.state = if self.depth == 0 {
            State::Over
        } else if self.has_all(with.tree) {
            State::Skip(Skip::default())
        } else {
            State::AfterValue
        };
    }

    /// Whether a key or a scalar is being read.
    fn is_inside(&self) -> bool {
        matches!(self.state, State::InKey | State::InLiteral | State::InNumber | State::InText)
    }

    fn is_in_object(&self) -> bool {
        self.objects & 1 == 1
    }

    /// Whether the innermost container is on the tree.
    fn is_on_tree(&self) -> bool {
        self.depth == self.depth_on_tree
    }

    /// The node of the value that comes, or has just ended, in the innermost container on the tree.
    fn node_of_value<'t>(&self, tree: &'t Tree) -> Option<&'t Node> {
        if self.child == NONE { None } else { tree.node(self.child) }
    }
}

/// Says what is at a node.
fn report(child: u8, found: Found<'_>, with: &mut With<'_, '_>) {
    let Some(node) = with.tree.node(child) else { return };
    if with.judge.asks(node.each)
        && let Found::Value(value @ (Value::Text(_) | Value::Number(_))) = found
    {
        (with.each)(value, with.judge.decided().is_some());
    }
    with.judge.field(node, found, with.briefs);
}
