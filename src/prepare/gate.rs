//! A gate before a step that cannot be undone, for work that goes on by itself after its caller has given up.
//!
//! Does not know the work. Invariant: a caller that gives up learns whether that step has begun, and it cannot begin afterwards.

use std::sync::{Mutex, PoisonError};

/// Stands before the step that cannot be undone.
#[derive(Debug)]
pub struct Gate<T>(Mutex<At<T>>);

#[derive(Debug)]
enum At<T> {
    Before,
    Passed(T),
    Shut,
}

impl<T> Gate<T> {
    /// Nothing has begun.
    pub fn new() -> Self {
        Self(Mutex::new(At::Before))
    }

    /// The work passes, and leaves what it is about to do; `false` if it must not any more.
    pub fn pass(&self, what: T) -> bool {
        let mut at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*at, At::Shut) {
            return false;
        }
        *at = At::Passed(what);
        true
    }

    /// Shuts it; what has begun, if it has been passed.
    pub fn shut(&self) -> Option<T> {
        let mut at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *at, At::Shut) {
            At::Passed(what) => Some(what),
            At::Before | At::Shut => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_begins_once_the_gate_is_shut() {
        let gate = Gate::new();
        assert_eq!(gate.shut(), None);
        assert!(!gate.pass("a"));
        assert_eq!(gate.shut(), None);
    }

    #[test]
    fn what_has_begun_is_known() {
        let gate = Gate::new();
        assert!(gate.pass("a"));
        assert_eq!(gate.shut(), Some("a"));
        assert!(!gate.pass("b"));
    }
}
