//! Rules as they are written: what a record must be to match, and where values stand in it.
//!
//! Data alone, and what two rules say about each other. Invariant: a [`Pointer`] has a token, and no
//! empty one.

use std::fmt;

use super::binary::Span;
use super::{DEPTH_MAX, Matcher, Matching};

/// What a record must be to match. All conditions must hold; a rule without any matches every record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// The whole record.
    pub is: Option<Vec<u8>>,
    /// What it starts with.
    pub starts: Option<Vec<u8>>,
    /// What stands somewhere in it.
    pub contains: Option<Vec<u8>>,
    /// Fields of the JSON in it.
    pub fields: Vec<(Pointer, Want)>,
    /// Numbers and bytes at an offset.
    pub spans: Vec<(Span, Want)>,
    /// The JSON begins after this text; where it is none or empty, at the first `{` or `[`.
    pub body_after: Option<Vec<u8>>,
}

/// What a field must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Want {
    /// There, and not null.
    Exists,
    /// A string that is this unescaped, a number written so, or true, false or null by name.
    Equals(Vec<u8>),
    /// The same with a value that is told at each record's beginning ([`Matching::tell`]), by its index
    /// among those; one that is not known is equal to nothing.
    Own(u8),
}

/// A place in JSON (RFC 6901): object keys and array indices from the outside in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer {
    tokens: Vec<String>,
}

/// The text is not a pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PointerError {
    /// It does not begin with a slash, or two slashes meet.
    #[error("it is not a JSON pointer such as \"/data/0/id\"")]
    Malformed,
    /// It has more tokens than containers are read.
    #[error("it is more than {DEPTH_MAX} levels deep")]
    TooDeep,
}

impl Pointer {
    /// Parses `/data/0/id`; `~1` stands for a slash in a key, `~0` for a tilde.
    ///
    /// # Errors
    /// [`PointerError`].
    pub fn parse(text: &str) -> Result<Self, PointerError> {
        let tokens = text.strip_prefix('/').ok_or(PointerError::Malformed)?.split('/');
        let tokens: Vec<String> = tokens.map(|token| token.replace("~1", "/").replace("~0", "~")).collect();
        if tokens.iter().any(String::is_empty) {
            return Err(PointerError::Malformed);
        }
        if tokens.len() > usize::from(DEPTH_MAX) {
            return Err(PointerError::TooDeep);
        }
        Ok(Self { tokens })
    }

    /// Its keys and indices, unescaped.
    pub fn tokens(&self) -> &[String] {
        &self.tokens
    }

    /// Whether `other` is a place inside the value at this one.
    pub fn contains(&self, other: &Self) -> bool {
        other.tokens.len() > self.tokens.len() && other.tokens.starts_with(&self.tokens)
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tokens = self.tokens.iter();
        tokens.try_for_each(|token| write!(f, "/{}", token.replace('~', "~0").replace('/', "~1")))
    }
}

impl Rule {
    /// Whether every record that `later` matches is this one's: `later`, which is asked after it, never
    /// matches then. Says so only where that is certain.
    pub fn hides(&self, later: &Self) -> bool {
        if let Some(is) = &later.is {
            return self.matches(is);
        }
        let starts = later.starts.as_deref().unwrap_or_default();
        let contains = later.contains.as_deref().unwrap_or_default();
        self.is.is_none()
            && self.starts.as_ref().is_none_or(|own| starts.starts_with(own))
            && self.contains.as_ref().is_none_or(|own| [starts, contains].iter().any(|it| has(it, own)))
            && self.spans.iter().all(|span| later.spans.contains(span))
            && (self.fields.is_empty() || self.body_mark() == later.body_mark())
            && self.fields.iter().all(|field| later.implies(field))
    }

    /// Two of its fields of which one cannot hold where the other does.
    pub fn contradiction(&self) -> Option<(&Pointer, &Pointer)> {
        let scalars = self.fields.iter().filter(|(_, want)| matches!(want, Want::Equals(_) | Want::Own(_)));
        scalars
            .flat_map(|(outer, _)| self.fields.iter().map(move |(inner, _)| (outer, inner)))
            .find(|(outer, inner)| outer.contains(inner))
    }

    /// The text after which its JSON begins, if there is one.
    pub(super) fn body_mark(&self) -> Option<&[u8]> {
        self.body_after.as_deref().filter(|text| !text.is_empty())
    }

    fn matches(&self, record: &[u8]) -> bool {
        let Ok(matcher) = Matcher::new(std::slice::from_ref(self), &[], None) else { return false };
        Matching::default().whole(&matcher, record, &mut |_, _| {}).is_some()
    }

    /// Whether this field is so in every record that the rule matches.
    fn implies(&self, (pointer, want): &(Pointer, Want)) -> bool {
        self.fields.iter().any(|(own, own_want)| match want {
            Want::Equals(_) | Want::Own(_) => own == pointer && own_want == want,
            Want::Exists => {
                let is_null = *own_want == Want::Equals(b"null".into());
                pointer.contains(own) || (own == pointer && !is_null)
            }
        })
    }
}

fn has(text: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(text, part).is_some()
}
