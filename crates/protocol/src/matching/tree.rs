//! The fields that rules ask for, as a tree of keys: what the JSON reader walks along.
//!
//! Invariant: a node's parent comes before it; the root is the whole JSON and has no conditions.

use super::rule::{Pointer, Want};
use super::text::plain_len;
use super::{Excess, Result};

/// A set of rules, the first in the lowest bit.
pub(super) type Rules = u64;

/// No node.
pub(super) const NONE: u8 = u8::MAX;
/// The JSON itself.
pub(super) const ROOT: u8 = 0;

/// The nodes of one JSON text.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    /// The nodes in each element of the list that is passed on: a new element has new fields.
    in_element: Seen,
}

/// A place, and who asks for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    pub(super) parent: u8,
    /// Its index, if it can be an element's.
    pub(super) index: Option<u32>,
    /// What is inside, by key. An element's key is its index in decimal.
    children: Vec<(Box<[u8]>, u8)>,
    /// Of these, the ones that can be an element, by index.
    elements: Vec<(u32, u8)>,
    /// Every element.
    star: Option<u8>,
    /// Rules that want it to exist.
    pub(super) exists: Rules,
    /// Values, and the rules that want it to equal each.
    pub(super) equals: Vec<(Box<[u8]>, Rules)>,
    /// Values that are told at a record's beginning, and the rules that want it to equal each.
    pub(super) own: Vec<(u8, Rules)>,
    /// The rules of both.
    pub(super) equals_rules: Rules,
    /// Where its value is kept, and for whom.
    pub(super) slots: Vec<(u8, Rules)>,
    /// The rule for which its values are passed on, one an element.
    pub(super) each: Rules,
    /// All rules that ask for its own value.
    pub(super) value_rules: Rules,
    /// Rules that ask for something inside.
    pub(super) inner_rules: Rules,
    /// Of an array whose elements are objects of which one field is passed on: that field.
    pub(super) lead: Option<Lead>,
}

/// How an element of a list begins whose one wanted field comes first.
#[derive(Clone, Debug)]
pub(super) struct Lead {
    /// `,{"<key>":`.
    pub(super) text: Box<[u8]>,
    /// The rule for which the field is passed on.
    pub(super) each: Rules,
}

/// A set of nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen([u64; 4]);

impl Seen {
    /// Adds a node; `false` if it was there.
    pub(super) fn add(&mut self, node: u8) -> bool {
        let bit = 1u64 << (node % 64);
        match self.0.get_mut(usize::from(node / 64)) {
            Some(word) if *word & bit == 0 => {
                *word |= bit;
                true
            }
            _ => false,
        }
    }

    fn has(&self, node: u8) -> bool {
        self.0.get(usize::from(node / 64)).is_some_and(|word| word >> (node % 64) & 1 == 1)
    }

    fn remove(&mut self, others: Self) {
        self.0.iter_mut().zip(others.0).for_each(|(word, other)| *word &= !other);
    }
}

impl Tree {
    pub(super) fn new() -> Self {
        Self { nodes: vec![Node::default()], in_element: Seen::default() }
    }

    pub(super) fn node(&self, node: u8) -> Option<&Node> {
        self.nodes.get(usize::from(node))
    }

    /// The rules that ask for anything in it.
    pub(super) fn rules(&self) -> Rules {
        self.nodes.first().map_or(0, |root| root.inner_rules)
    }

    /// Forgets which fields of an element have come.
    pub(super) fn begin_element(&self, seen: &mut Seen) {
        seen.remove(self.in_element);
    }

    pub(super) fn add_condition(&mut self, rule: Rules, pointer: &Pointer, want: &Want) -> Result<()> {
        self.place(pointer, rule, false)?.add_condition(rule, want);
        Ok(())
    }

    pub(super) fn add_slot(&mut self, rules: Rules, pointer: &Pointer, slot: u8) -> Result<()> {
        self.place(pointer, rules, false)?.add_slot(rules, slot);
        Ok(())
    }

    /// A place with `*` for each element of an array.
    pub(super) fn add_each(&mut self, rule: Rules, pointer: &Pointer) -> Result<()> {
        self.place(pointer, rule, true)?.each = rule;
        Ok(())
    }

    /// The node of `pointer`, whose value `rules` ask for.
    fn place(&mut self, pointer: &Pointer, rules: Rules, has_star: bool) -> Result<&mut Node> {
        let (mut at, mut is_in_element) = (ROOT, false);
        for token in pointer.tokens() {
            let is_star = has_star && token == "*";
            is_in_element |= is_star;
            at = self.child(at, token, is_star, rules)?;
            if is_in_element {
                self.in_element.add(at);
            }
        }
        let node = self.nodes.get_mut(usize::from(at)).ok_or(Excess::Fields)?;
        node.value_rules |= rules;
        Ok(node)
    }

    fn child(&mut self, parent: u8, token: &str, is_star: bool, rules: Rules) -> Result<u8> {
        let next = self.nodes.len();
        let outer = self.nodes.get_mut(usize::from(parent)).ok_or(Excess::Fields)?;
        outer.inner_rules |= rules;
        let known = match is_star {
            true => outer.star,
            false => {
                outer.children.iter().find(|(key, _)| **key == *token.as_bytes()).map(|(_, child)| *child)
            }
        };
        if let Some(child) = known {
            return Ok(child);
        }
        if next >= usize::from(NONE) {
            return Err(Excess::Fields);
        }
        let index = index_of(token).filter(|_| !is_star);
        match is_star {
            true => outer.star = Some(next as u8),
            false => outer.children.push((token.as_bytes().into(), next as u8)),
        }
        outer.elements.extend(index.map(|index| (index, next as u8)));
        self.nodes.push(Node { parent, index, ..Node::default() });
        Ok(next as u8)
    }

    /// Finds the lists whose elements may be read by how they begin. Once all fields are known.
    pub(super) fn find_leads(&mut self) {
        let leads: Vec<Option<Lead>> = self.nodes.iter().map(|node| self.lead_of(node)).collect();
        self.nodes.iter_mut().zip(leads).for_each(|(node, lead)| node.lead = lead);
    }

    fn lead_of(&self, array: &Node) -> Option<Lead> {
        let element = self.node(array.star?)?;
        let [(key, field)] = &element.children[..] else { return None };
        let field = self.node(*field)?;
        let is_plain = array.children.is_empty()
            && (element.star, element.value_rules) == (None, 0)
            && (field.star, field.children.is_empty(), field.value_rules) == (None, true, field.each)
            && (field.exists, field.equals_rules, field.slots.is_empty()) == (0, 0, true)
            && plain_len(key) == key.len();
        let text = [b",{\"", &key[..], b"\":"].concat().into();
        is_plain.then_some(Lead { text, each: field.each })
    }

    /// Whether an array has both elements by index and every element: which of them an element is could not be
    /// told.
    pub(super) fn is_ambiguous(&self) -> bool {
        self.nodes.iter().any(|node| node.star.is_some() && !node.elements.is_empty())
    }
}

impl Node {
    /// What a rule wants its value to be.
    pub(super) fn add_condition(&mut self, rule: Rules, want: &Want) {
        self.value_rules |= rule;
        match want {
            Want::Exists => self.exists |= rule,
            Want::Own(index) => {
                self.equals_rules |= rule;
                self.own.push((*index, rule));
            }
            Want::Equals(text) => {
                self.equals_rules |= rule;
                match self.equals.iter_mut().find(|(known, _)| **known == **text) {
                    Some((_, rules)) => *rules |= rule,
                    None => self.equals.push((text.clone().into(), rule)),
                }
            }
        }
    }

    /// Keeps its value for these rules.
    pub(super) fn add_slot(&mut self, rules: Rules, slot: u8) {
        self.value_rules |= rules;
        self.slots.push((slot, rules));
    }

    /// Whether the value of this key is asked for.
    pub(super) fn by_key(&self, key: &[u8]) -> u8 {
        self.children.iter().find(|(known, _)| **known == *key).map_or(NONE, |(_, child)| *child)
    }

    /// The same for an element of an array.
    pub(super) fn by_index(&self, index: u32) -> u8 {
        let of = || self.elements.iter().find(|(known, _)| *known == index).map(|(_, child)| *child);
        self.star.or_else(of).unwrap_or(NONE)
    }

    /// Whether all that is asked for in this object has come.
    pub(super) fn has_all(&self, seen: &Seen) -> bool {
        self.star.is_none() && self.children.iter().all(|(_, child)| seen.has(*child))
    }

    /// Whether its elements are passed on.
    pub(super) fn has_star(&self) -> bool {
        self.star.is_some()
    }
}

/// The index that a token is: decimal, without a leading zero.
fn index_of(token: &str) -> Option<u32> {
    let is_number = token == "0" || (!token.starts_with('0') && token.bytes().all(|b| b.is_ascii_digit()));
    token.parse().ok().filter(|_| is_number)
}
