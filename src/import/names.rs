//! Names for requests, steps, periodic messages and kinds, which share one namespace.
//!
//! Knows nothing of what is called so. Invariant: no name is given twice, and none has a meaning of its own in results.

use std::collections::BTreeSet;

use crate::scenario::{RESERVED, RESERVED_OF_EVERY};

/// Bytes of a name at most.
const NAME_BYTES_MAX: usize = 40;

/// The names that are taken.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    taken: BTreeSet<String>,
}

impl Names {
    /// Takes a name: this text's letters, digits and dashes in lower case, or `otherwise`.
    pub(super) fn give(&mut self, text: &str, otherwise: &str) -> String {
        let slug = slug(text);
        let wanted = if slug.is_empty() { otherwise } else { &slug };
        self.first_free(wanted, "-", |name| !RESERVED_OF_EVERY.contains(&name))
    }

    /// Takes a kind's name: the text itself where it can be one.
    pub(super) fn give_kind(&mut self, text: &str, otherwise: &str) -> String {
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '/');
        let fits = !text.is_empty() && text.len() <= NAME_BYTES_MAX && text.chars().all(is_name);
        match fits {
            true => self.first_free(text, "_", |_| true),
            false => self.give(text, otherwise),
        }
    }

    fn first_free(&mut self, wanted: &str, between: &str, fits: impl Fn(&str) -> bool) -> String {
        let numbered = |k: u32| match k {
            1 => wanted.to_owned(),
            k => format!("{wanted}{between}{k}"),
        };
        let is_free =
            |name: &String| !RESERVED.contains(&name.as_str()) && fits(name) && !self.taken.contains(name);
        let name = (1..).map(numbered).find(is_free).unwrap_or_default();
        self.taken.insert(name.clone());
        name
    }
}

/// Letters, digits and single dashes of a text, in lower case.
pub(super) fn slug(text: &str) -> String {
    let mut slug = String::new();
    for c in text.chars() {
        if slug.len() >= NAME_BYTES_MAX {
            break;
        }
        match c {
            c if c.is_ascii_alphanumeric() => slug.push(c.to_ascii_lowercase()),
            '_' => slug.push('_'),
            _ if slug.is_empty() || slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    slug.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_given_twice() {
        let mut names = Names::default();
        assert_eq!(names.give("Log in", "request"), "log-in");
        assert_eq!(names.give("log in!", "request"), "log-in-2");
        assert_eq!(names.give("connect", "step"), "connect-2");
        assert_eq!(names.give("로그인", "request"), "request");
        assert_eq!(names.give_kind("USER_ENTERED", "message"), "USER_ENTERED");
        assert_eq!(names.give_kind("other", "message"), "other_2");
        assert_eq!(names.give_kind("a b", "message"), "a-b");
    }
}
