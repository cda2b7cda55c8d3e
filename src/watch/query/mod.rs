//! A small part of PromQL, answered from pages that are scraped directly.
//!
//! As much of it as the built-in set needs, so that an item has one expression, whoever answers it:
//! selectors, `rate` and `increase`, aggregations `by` and `without`, `histogram_quantile`,
//! arithmetic, comparisons that filter, and `or`. Answers are Prometheus's own, to the digit; a test
//! asks a real one. Knows no page and no clock. Invariant: what is beyond the part is refused when it
//! is read, with its place, and never answered wrongly.

mod eval;
mod history;
mod parse;

use std::time::Duration;

use regex::Regex;

pub use eval::{Answer, evaluate};
pub use history::History;
pub use parse::parse;

/// The label that holds a metric's name.
pub const NAME: &str = "__name__";

/// Labels by name, sorted.
pub type Labels = Vec<(String, String)>;

/// A value of a metric with these labels, of which the name is one.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The labels, the name among them.
    pub labels: Labels,
    /// The value.
    pub value: f64,
}

impl Sample {
    /// The value of a label; empty without it, as in PromQL.
    pub fn label(&self, name: &str) -> &str {
        label(&self.labels, name)
    }
}

fn label<'l>(labels: &'l Labels, name: &str) -> &'l str {
    labels.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
}

/// An expression that has been read.
#[derive(Clone, Debug)]
pub struct Query {
    expression: Expression,
    /// Its selectors, which expressions name by their place here.
    pub selectors: Vec<Selector>,
}

/// Which series are meant.
#[derive(Clone, Debug)]
pub struct Selector {
    /// The metric's name.
    pub name: String,
    matchers: Vec<Matcher>,
    /// The time over which samples are wanted; `None`: the present one.
    pub range: Option<Duration>,
}

impl Selector {
    /// Whether it means this series.
    pub fn matches(&self, labels: &Labels) -> bool {
        label(labels, NAME) == self.name && self.matchers.iter().all(|matcher| matcher.matches(labels))
    }

    /// As it is written, without its range.
    pub fn text(&self) -> String {
        let matchers: Vec<String> = self.matchers.iter().map(Matcher::text).collect();
        if matchers.is_empty() {
            self.name.clone()
        } else {
            format!("{}{{{}}}", self.name, matchers.join(","))
        }
    }
}

#[derive(Clone, Debug)]
struct Matcher {
    label: String,
    test: Test,
}

#[derive(Clone, Debug)]
enum Test {
    Is(String),
    IsNot(String),
    Like(Regex),
    NotLike(Regex),
}

impl Matcher {
    fn matches(&self, labels: &Labels) -> bool {
        let value = label(labels, &self.label);
        match &self.test {
            Test::Is(wanted) => value == wanted,
            Test::IsNot(unwanted) => value != unwanted,
            Test::Like(pattern) => pattern.is_match(value),
            Test::NotLike(pattern) => !pattern.is_match(value),
        }
    }

    fn text(&self) -> String {
        // Patterns are kept anchored.
        let inner = |pattern: &Regex| {
            let text = pattern.as_str();
            text.strip_prefix("^(?s:").and_then(|text| text.strip_suffix(")$")).unwrap_or(text).to_owned()
        };
        let (sign, value) = match &self.test {
            Test::Is(value) => ("=", value.clone()),
            Test::IsNot(value) => ("!=", value.clone()),
            Test::Like(pattern) => ("=~", inner(pattern)),
            Test::NotLike(pattern) => ("!~", inner(pattern)),
        };
        format!("{}{sign}{value:?}", self.label)
    }
}

#[derive(Clone, Debug)]
enum Expression {
    Number(f64),
    /// A selector's present samples, by its place.
    Select(usize),
    /// `rate` or `increase` of a selector's samples.
    Change {
        selector: usize,
        is_rate: bool,
    },
    Aggregate {
        how: Aggregation,
        grouping: Grouping,
        of: Box<Self>,
    },
    Quantile {
        share: Box<Self>,
        of: Box<Self>,
    },
    Binary {
        operator: Operator,
        left: Box<Self>,
        right: Box<Self>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aggregation {
    Sum,
    Max,
    Min,
    Avg,
    Count,
}

/// Which labels the groups have.
#[derive(Clone, Debug)]
enum Grouping {
    By(Vec<String>),
    Without(Vec<String>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Or,
    Equal,
    NotEqual,
    Greater,
    Less,
    AtLeast,
    AtMost,
    Add,
    Subtract,
    Multiply,
    Divide,
}
