//! What is passed over: the rest of an object in which nothing more is wanted, and whole elements of a list
//! whose one wanted field comes first.
//!
//! Invariant: what is found is what a walk through every byte would find.

use super::*;

impl Walk {
    /// Takes whole elements of the list that is passed on, each from its comma on, while their one wanted
    /// field comes first; returns the bytes taken. Any other element is walked through, with the same
    /// outcome.
    pub(super) fn take_elements(&mut self, piece: &[u8], with: &mut With<'_, '_>) -> usize {
        let Some(lead) = self.lead(with.tree).filter(|lead| with.judge.asks(lead.each)) else { return 0 };
        let is_certain = with.judge.decided().is_some();
        let mut rest = piece;
        while let Some(field) = rest.strip_prefix(&*lead.text)
            && let Some((value, after)) = whole_value(field)
            && let Some(end) = Skip::default().take(after)
        {
            (with.each)(value, is_certain);
            rest = after.get(end..).unwrap_or_default();
        }
        piece.len() - rest.len()
    }

    /// How the elements begin of the list that is passed on, if that is where the walk is.
    pub(super) fn lead<'t>(&self, tree: &'t Tree) -> Option<&'t Lead> {
        let array = tree.node(self.node).filter(|_| !self.is_in_object() && self.is_on_tree());
        array.and_then(|array| array.lead.as_ref())
    }

    pub(super) fn pass_over(&mut self, mut skip: Skip, rest: &[u8], with: &mut With<'_, '_>) -> usize {
        let end = skip.take(rest);
        match end {
            Some(_) => self.close(with),
            None => self.state = State::Skip(skip),
        }
        end.unwrap_or(rest.len())
    }

    /// Whether the value that has ended was the last one wanted of its object.
    pub(super) fn has_all(&self, tree: &Tree) -> bool {
        let object = tree.node(self.node).filter(|_| self.child != NONE);
        self.is_on_tree() && self.is_in_object() && object.is_some_and(|object| object.has_all(&self.seen))
    }
}

/// The integer or the string without escapes that `bytes` begin with, and what follows it, which is the next
/// field or the object's end.
#[inline]
fn whole_value(bytes: &[u8]) -> Option<(Value<'_>, &[u8])> {
    let (value, after) = match bytes.strip_prefix(b"\"") {
        Some(text) => {
            let (text, after) = text.split_at_checked(plain_len(text))?;
            (Value::Text(text), after.strip_prefix(b"\"")?)
        }
        // An integer; what else is a number is walked through.
        None => {
            let (digits, after) = bytes.split_at(bytes.iter().position(|byte| !byte.is_ascii_digit())?);
            let is_integer = digits.len() == 1 || digits.first().is_some_and(|first| *first != b'0');
            is_integer.then_some((Value::Number(digits), after))?
        }
    };
    let is_whole = matches!(after.first(), Some(b',' | b'}')) && value.bytes().len() <= VALUE_BYTES_MAX;
    is_whole.then_some((value, after))
}
