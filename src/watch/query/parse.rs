//! Reads an expression.
//!
//! Invariants: nesting is bounded; every error says where in the expression it is.

use std::time::Duration;

use regex::RegexBuilder;
use startline_os::units;

use super::{Aggregation, Expression, Grouping, Matcher, Operator, Query, Selector, Test};
use crate::nearest;

/// Characters of an expression at most, and parentheses in each other.
const CHARACTERS_MAX: usize = 4_096;
const DEPTH_MAX: usize = 32;
/// Samples are kept for the longest range.
const RANGE_MAX: Duration = Duration::from_secs(3_600);
/// A pattern's compiled size at most.
const PATTERN_BYTES_MAX: usize = 1 << 20;

const AGGREGATIONS: [(&str, Aggregation); 5] = [
    ("sum", Aggregation::Sum),
    ("max", Aggregation::Max),
    ("min", Aggregation::Min),
    ("avg", Aggregation::Avg),
    ("count", Aggregation::Count),
];
const FUNCTIONS: [&str; 8] = ["sum", "max", "min", "avg", "count", "rate", "increase", "histogram_quantile"];
/// By how closely they bind, the loosest first; longer signs before their beginnings.
const OPERATORS: [&[(&str, Operator)]; 4] = [
    &[("or", Operator::Or)],
    &[
        ("==", Operator::Equal),
        ("!=", Operator::NotEqual),
        (">=", Operator::AtLeast),
        ("<=", Operator::AtMost),
        (">", Operator::Greater),
        ("<", Operator::Less),
    ],
    &[("+", Operator::Add), ("-", Operator::Subtract)],
    &[("*", Operator::Multiply), ("/", Operator::Divide)],
];

type Result<T> = std::result::Result<T, String>;

/// Reads an expression.
///
/// # Errors
/// What is wrong, at which character.
pub fn parse(text: &str) -> Result<Query> {
    if text.len() > CHARACTERS_MAX {
        return Err(format!("it is over {CHARACTERS_MAX} characters long"));
    }
    let mut parser = Parser { text, at: 0, depth: 0, selectors: Vec::new() };
    let expression = parser.binary(0)?;
    match parser.rest() {
        "" => Ok(Query { expression, selectors: parser.selectors }),
        _ => parser.refuse("an operator or the end is wanted"),
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
    selectors: Vec<Selector>,
}

impl<'t> Parser<'t> {
    /// What is left, from the next character on that is no space.
    fn rest(&mut self) -> &'t str {
        let rest = self.text[self.at..].trim_start();
        self.at = self.text.len() - rest.len();
        rest
    }

    fn refuse<T>(&mut self, what: &str) -> Result<T> {
        let rest = self.rest();
        let character = self.text[..self.at].chars().count() + 1;
        let found = match rest.chars().next() {
            None => "its end".to_owned(),
            Some(_) => format!("{:?}", rest.chars().take(12).collect::<String>()),
        };
        Err(format!(
            "{what} at character {character}, this is {found}; a page's expressions are a part of PromQL, a \
             prometheus source takes all of it"
        ))
    }

    fn takes(&mut self, sign: &str) -> bool {
        let is_next = self.rest().starts_with(sign);
        if is_next {
            self.at += sign.len();
        }
        is_next
    }

    fn wants(&mut self, sign: &str) -> Result<()> {
        if self.takes(sign) { Ok(()) } else { self.refuse(&format!("{sign:?} is wanted")) }
    }

    /// A name; empty if there is none.
    fn word(&mut self) -> &'t str {
        let rest = self.rest();
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        if rest.starts_with(|c: char| c.is_ascii_digit()) {
            return "";
        }
        self.at += end;
        &rest[..end]
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth >= DEPTH_MAX {
            return self.refuse("at most 32 parentheses can be in each other");
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn operator(&mut self, level: usize) -> Option<Operator> {
        let rest = self.rest();
        let (sign, operator) = OPERATORS[level].iter().find(|(sign, _)| {
            let is_name_going_on = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let after = rest.strip_prefix(sign);
            after.is_some_and(|after| *sign != "or" || !after.starts_with(is_name_going_on))
        })?;
        self.at += sign.len();
        Some(*operator)
    }

    fn binary(&mut self, level: usize) -> Result<Expression> {
        if level == OPERATORS.len() {
            return self.operand();
        }
        let mut left = self.binary(level + 1)?;
        while let Some(operator) = self.operator(level) {
            let right = self.binary(level + 1)?;
            left = Expression::Binary { operator, left: Box::new(left), right: Box::new(right) };
        }
        Ok(left)
    }

    fn operand(&mut self) -> Result<Expression> {
        if self.takes("-") {
            let of = self.deeper(Self::operand)?;
            let (minus, operator) = (Box::new(Expression::Number(-1.0)), Operator::Multiply);
            return Ok(Expression::Binary { operator, left: minus, right: Box::new(of) });
        }
        if self.takes("(") {
            let of = self.deeper(|parser| parser.binary(0))?;
            return self.wants(")").map(|()| of);
        }
        if self.rest().starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            return self.number().map(Expression::Number);
        }
        let start = self.at;
        let word = self.word();
        if word.is_empty() {
            return self.refuse("a metric, a function or a number is wanted");
        }
        if let Some((_, how)) = AGGREGATIONS.iter().find(|(name, _)| *name == word) {
            return self.aggregate(*how);
        }
        let is_call = self.rest().starts_with('(');
        match word {
            "rate" | "increase" if is_call => {
                self.wants("(")?;
                let selector = self.selector_with_range()?;
                self.wants(")")?;
                Ok(Expression::Change { selector, is_rate: word == "rate" })
            }
            "histogram_quantile" if is_call => {
                self.wants("(")?;
                let share = self.deeper(|parser| parser.binary(0))?;
                self.wants(",")?;
                let of = self.deeper(|parser| parser.binary(0))?;
                self.wants(")")?;
                Ok(Expression::Quantile { share: Box::new(share), of: Box::new(of) })
            }
            _ if is_call => {
                self.at = start;
                let hint = nearest::hint(word, &FUNCTIONS);
                self.refuse(&format!("a function of {}{hint} is wanted", FUNCTIONS.join(", ")))
            }
            name => {
                let selector = self.selector(name)?;
                if self.rest().starts_with('[') {
                    return self.refuse("a range goes with rate or increase only, the operator");
                }
                Ok(Expression::Select(selector))
            }
        }
    }

    fn aggregate(&mut self, how: Aggregation) -> Result<Expression> {
        let before = self.grouping()?;
        self.wants("(")?;
        let of = Box::new(self.deeper(|parser| parser.binary(0))?);
        self.wants(")")?;
        let grouping = match before {
            Some(grouping) => grouping,
            None => self.grouping()?.unwrap_or(Grouping::By(Vec::new())),
        };
        Ok(Expression::Aggregate { how, grouping, of })
    }

    fn grouping(&mut self) -> Result<Option<Grouping>> {
        let start = self.at;
        let make = match self.word() {
            "by" => Grouping::By,
            "without" => Grouping::Without,
            _ => {
                self.at = start;
                return Ok(None);
            }
        };
        self.wants("(")?;
        let mut labels = Vec::new();
        while !self.takes(")") {
            match self.word() {
                "" => return self.refuse("a label is wanted"),
                label => labels.push(label.to_owned()),
            }
            if !self.takes(",") {
                self.wants(")")?;
                break;
            }
        }
        Ok(Some(make(labels)))
    }

    fn number(&mut self) -> Result<f64> {
        let rest = self.rest();
        let mut end = 0;
        for (at, c) in rest.char_indices() {
            let is_sign_of_exponent = matches!(c, '+' | '-') && rest[..at].ends_with(['e', 'E']);
            if !(c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E') || is_sign_of_exponent) {
                break;
            }
            end = at + 1;
        }
        match rest[..end].parse() {
            Ok(number) => {
                self.at += end;
                Ok(number)
            }
            Err(_) => self.refuse("a number is wanted"),
        }
    }

    /// What follows a metric's name; returns the selector's place.
    fn selector(&mut self, name: &str) -> Result<usize> {
        let mut matchers = Vec::new();
        if self.takes("{") {
            while !self.takes("}") {
                matchers.push(self.matcher()?);
                if !self.takes(",") {
                    self.wants("}")?;
                    break;
                }
            }
        }
        self.selectors.push(Selector { name: name.to_owned(), matchers, range: None });
        Ok(self.selectors.len() - 1)
    }

    fn selector_with_range(&mut self) -> Result<usize> {
        let name = self.word();
        if name.is_empty() {
            return self.refuse("a metric with a range, such as x_total[1m], is wanted");
        }
        let selector = self.selector(name)?;
        self.wants("[")?;
        let rest = self.rest();
        let text = rest.split(']').next().unwrap_or_default().trim();
        let range = units::duration(text).unwrap_or_default();
        if range.is_zero() || range > RANGE_MAX {
            return self.refuse("a range from 1s to 1h, such as 1m, is wanted");
        }
        self.at += rest.find(']').unwrap_or(rest.len());
        self.wants("]")?;
        self.selectors[selector].range = Some(range);
        Ok(selector)
    }

    fn matcher(&mut self) -> Result<Matcher> {
        let label = match self.word() {
            "" => return self.refuse("a label is wanted"),
            label => label.to_owned(),
        };
        // The longer ones first.
        let signs = ["=~", "!~", "!=", "="];
        let Some(sign) = signs.into_iter().find(|sign| self.takes(sign)) else {
            return self.refuse("=, !=, =~ or !~ is wanted");
        };
        let start = self.at;
        let value = self.quoted()?;
        let test = match sign {
            "=" => Test::Is(value),
            "!=" => Test::IsNot(value),
            _ => {
                let pattern =
                    RegexBuilder::new(&format!("^(?s:{value})$")).size_limit(PATTERN_BYTES_MAX).build();
                match pattern {
                    Ok(pattern) if sign == "=~" => Test::Like(pattern),
                    Ok(pattern) => Test::NotLike(pattern),
                    Err(_) => {
                        self.at = start;
                        return self.refuse("a valid pattern is wanted");
                    }
                }
            }
        };
        Ok(Matcher { label, test })
    }

    /// A string in double or single quotes.
    fn quoted(&mut self) -> Result<String> {
        let rest = self.rest();
        let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
            return self.refuse("a string in quotes is wanted");
        };
        let (mut value, mut is_escaped) = (String::new(), false);
        for (at, c) in rest.char_indices().skip(1) {
            match c {
                _ if is_escaped => {
                    is_escaped = false;
                    match c {
                        'n' => value.push('\n'),
                        't' => value.push('\t'),
                        '\\' | '"' | '\'' => value.push(c),
                        _ => return self.refuse("only \\\\, \\n, \\t and quotes can be escaped, the string"),
                    }
                }
                '\\' => is_escaped = true,
                c if c == quote => {
                    self.at += at + 1;
                    return Ok(value);
                }
                c => value.push(c),
            }
        }
        self.refuse("a string that ends is wanted")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_built_in_set_needs_is_read() {
        for text in [
            "42",
            "process_cpu_usage * 100",
            "-1 + 2 * (3 - 4) / 5",
            "sum by (uri, status) (rate(http_server_requests_seconds_count{status=~\"5..\", uri!=\"/x\"}[1m]))",
            "max(jvm_memory_used_bytes{area='heap',id!~\".*Eden.*\"}) by (instance)",
            "sum without (id) (a) or 0 * sum(b)",
            "histogram_quantile(0.95, sum by (le) (rate(x_bucket[5m])))",
            "order_total > 1e3",
            "count(up == 1)",
            "a{}",
        ] {
            parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
        }
        let query = parse("rate(a{b=~\"c|d\"}[1m]) / e").expect("it reads");
        assert_eq!(query.selectors[0].text(), "a{b=~\"c|d\"}");
        assert_eq!(
            (query.selectors[0].range, query.selectors[1].range),
            (Some(Duration::from_secs(60)), None)
        );
    }

    #[test]
    fn what_is_beyond_is_refused_with_its_place() {
        for (text, at, what) in [
            ("", "at character 1", "this is its end"),
            ("a +", "at character 4", "a metric, a function or a number is wanted"),
            ("a b", "at character 3", "an operator or the end is wanted"),
            ("irate(a[1m])", "at character 1", "did you mean \"rate\"?"),
            ("rate(a)", "at character 7", "\"[\" is wanted"),
            ("rate(a[2h])", "at character 8", "a range from 1s to 1h"),
            ("a[1m]", "at character 2", "a range goes with rate or increase only"),
            ("a{b}", "at character 4", "=, !=, =~ or !~ is wanted"),
            ("a{b=c}", "at character 5", "a string in quotes is wanted"),
            ("a{b=\"c", "at character 5", "a string that ends is wanted"),
            ("a{b=~\"(\"}", "at character 6", "a valid pattern is wanted"),
            ("sum(a", "at character 6", "\")\" is wanted"),
            ("sum by (+) (a)", "at character 9", "a label is wanted"),
            ("1.2.3", "at character 1", "a number is wanted"),
            ("a offset 5m", "at character 3", "an operator or the end is wanted"),
            ("가", "at character 1", "a metric"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains(at) && error.contains(what), "{text}: {error}");
        }
    }

    #[test]
    fn hostile_expressions_are_bounded() {
        assert!(parse(&"(".repeat(4_000)).expect_err("deep").contains("at most 32 parentheses"));
        assert!(parse(&"-".repeat(4_000)).is_err());
        assert!(parse(&"a+".repeat(4_000)).expect_err("long").contains("characters long"));
        assert!(parse("a{b=~\"((x{100}){100}){100}\"}").is_err());
    }
}
