//! Kinds of messages by what a plan asserts of the frames that it reads.
//!
//! Knows nothing of steps. Invariants: a kind matches what the assertion accepts, or a note says what else it matches;
//! one rule has one kind.

use super::super::error::Refusal;
use super::super::model::{At, Kind, Of, Rule};
use super::super::text::literal;
use super::element::Element;
use super::json_path::{self, Asked, SPECIAL};
use super::work::PlanWork;

/// The kinds that the reads of a plan await.
#[derive(Clone, Debug, Default)]
pub(super) struct Kinds {
    pub(super) kinds: Vec<Kind>,
    /// The field with which every message of the plan's begins, which says what it is: `type`, `op`.
    pub(super) type_field: Option<String>,
    /// What every message that it sends begins with: `{` or `[`.
    pub(super) begins: Option<char>,
}

impl Kinds {
    /// The names of the kinds of which a read accepts one; none where it accepts anything that cannot be said.
    pub(super) fn of_read(
        &mut self,
        read: Element<'_>,
        assertions: &[Element<'_>],
        work: &mut PlanWork<'_>,
    ) -> Vec<String> {
        let mut rules: Vec<Rule> = Vec::new();
        for assertion in assertions {
            match assertion.class() {
                "ResponseAssertion" => rules = self.response(*assertion, rules, work),
                "JSONPathAssertion" => json(*assertion, &mut rules, work),
                // Of a time, which has a criterion.
                _ => {}
            }
        }
        let names: Vec<String> = rules.into_iter().map(|rule| self.name_of(rule, read, work)).collect();
        if names.is_empty() { self.anything(read, work) } else { names }
    }

    /// The rules of an assertion on a frame's text, added to what holds already.
    fn response(&self, assertion: Element<'_>, mut rules: Vec<Rule>, work: &mut PlanWork<'_>) -> Vec<Rule> {
        let bits: u32 = assertion.raw("Assertion.test_type").trim().parse().unwrap_or(16);
        let field = assertion.raw("Assertion.test_field");
        let at = At::Line(assertion.line());
        if bits & 4 != 0 || !matches!(field, "" | "Assertion.response_data") {
            let text = format!(
                "{}: a reply is known by what it says; give what must not come a kind of the role \"error\"",
                assertion.called()
            );
            work.found.note(Of::Left, at, text);
            return rules;
        }
        let texts = assertion.inner("Asserion.test_strings");
        let one_of: Vec<Rule> =
            texts.iter().map(|text| self.rule(text.own_text(), bits, assertion, work)).collect();
        if bits & 32 != 0 {
            rules.extend(one_of);
            return rules;
        }
        let Some(all) = one_of.into_iter().reduce(|all, one| both(all, one, assertion, work)) else {
            return rules;
        };
        match rules.is_empty() {
            true => vec![all],
            false => rules.into_iter().map(|rule| both(rule, all.clone(), assertion, work)).collect(),
        }
    }

    fn rule(&self, text: &str, bits: u32, assertion: Element<'_>, work: &mut PlanWork<'_>) -> Rule {
        let is_regex = bits & (1 | 2) != 0 && bits & 16 == 0;
        let template = |text: &str, work: &mut PlanWork<'_>| match text.contains("${") {
            true => work.values.template(text, assertion.line(), work.found),
            false => literal(text),
        };
        if !is_regex {
            return match bits & 8 != 0 {
                true => Rule { is: Some(template(text, work)), ..Rule::default() },
                false => self.of_text(text, template(text, work)),
            };
        }
        let pieces = literal_pieces(text);
        let is_whole = pieces.len() == 1 && !text.contains(".*") && !text.contains(".+");
        let starts = text.starts_with('^') || bits & 1 != 0 && !text.starts_with('.');
        match pieces.iter().max_by_key(|piece| piece.len()).filter(|longest| !longest.is_empty()) {
            Some(whole) if is_whole && bits & 1 != 0 => {
                Rule { is: Some(template(whole, work)), ..Rule::default() }
            }
            Some(_) if starts && !pieces[0].is_empty() => {
                let mut rule = Rule { starts: Some(template(&pieces[0], work)), ..Rule::default() };
                let rest = pieces[1..].iter().max_by_key(|piece| piece.len());
                rule.contains = rest.filter(|rest| !rest.is_empty()).map(|rest| template(rest, work));
                self.note_looser(&pieces[..], 2, assertion, work);
                rule
            }
            Some(longest) => {
                self.note_looser(&pieces[..], 1, assertion, work);
                self.of_text(longest, template(longest, work))
            }
            None => {
                work.refused.push(Refusal {
                    line: assertion.line(),
                    what: assertion.called(),
                    instead:
                        "a message is known by is, starts, contains or fields, not by a regular expression"
                            .to_owned(),
                });
                Rule::default()
            }
        }
    }

    fn note_looser(&self, pieces: &[String], kept: usize, assertion: Element<'_>, work: &mut PlanWork<'_>) {
        if pieces.iter().filter(|piece| !piece.is_empty()).count() > kept {
            let text = format!(
                "{}: messages are known without regular expressions: the kind has the expression's longest text alone",
                assertion.called()
            );
            work.found.note(Of::Changed, At::Line(assertion.line()), text);
        }
    }

    /// A text somewhere in a frame: its kind by the field in which the plan's own messages have theirs, if it says that.
    fn of_text(&self, text: &str, template: String) -> Rule {
        match (field_of(text), &self.type_field) {
            (Some((name, value)), Some(field)) if name == field => {
                Rule { fields: vec![(format!("/{name}"), literal(value))], ..Rule::default() }
            }
            _ => Rule { contains: Some(template), ..Rule::default() },
        }
    }

    /// The kind of a rule, which is given a name if it is new.
    fn name_of(&mut self, rule: Rule, read: Element<'_>, work: &mut PlanWork<'_>) -> String {
        if let Some(kind) = self.kinds.iter().find(|kind| same(kind, &rule)) {
            return kind.name.clone();
        }
        let says = match (&rule.fields[..], &rule.is, &rule.starts, &rule.contains) {
            ([(_, value), ..], ..) => value.clone(),
            (_, Some(text), ..) | (_, _, Some(text), _) | (_, _, _, Some(text)) => {
                field_of(text).map_or(text.as_str(), |(_, value)| value).to_owned()
            }
            _ => read.name().to_owned(),
        };
        let name = work.names.give_kind(&says, "message");
        let is_by_name = rule.fields == [("/type".to_owned(), name.clone())]
            && (&rule.is, &rule.starts, &rule.contains) == (&None, &None, &None);
        let rule = if is_by_name { Rule::default() } else { rule };
        self.kinds.push(Kind { name: name.clone(), rule, ..Kind::default() });
        name
    }

    /// The kind of a read that looks at nothing.
    fn anything(&mut self, read: Element<'_>, work: &mut PlanWork<'_>) -> Vec<String> {
        let at = At::Line(read.line());
        let Some(begins) = self.begins else {
            let text = format!(
                "{} takes whatever comes: nothing is awaited for it; say in [websocket.messages] what must come, and await it",
                read.called()
            );
            work.found.note(Of::Warning, at, text);
            return Vec::new();
        };
        let text = format!(
            "{} takes whatever comes, a broadcast too: say in [websocket.messages] what must come, and await that",
            read.called()
        );
        work.found.note(Of::Warning, at, text);
        let rule = Rule { starts: Some(begins.to_string()), ..Rule::default() };
        if let Some(kind) = self.kinds.iter().find(|kind| kind.rule == rule) {
            return vec![kind.name.clone()];
        }
        let name = work.names.give_kind("anything", "message");
        let comment = "The plan does not look at what it reads: say here what must come.".to_owned();
        self.kinds.push(Kind { name: name.clone(), rule, comment, ..Kind::default() });
        vec![name]
    }
}

fn same(kind: &Kind, rule: &Rule) -> bool {
    kind.rule == *rule
        || kind.rule == Rule::default()
            && *rule == Rule { fields: vec![("/type".to_owned(), kind.name.clone())], ..Rule::default() }
}

/// What two rules say together.
fn both(one: Rule, other: Rule, assertion: Element<'_>, work: &mut PlanWork<'_>) -> Rule {
    let mut rule = one;
    let mut clash = false;
    let mut join = |own: &mut Option<String>, other: Option<String>| match (own.is_some(), other) {
        (false, Some(other)) => *own = Some(other),
        (true, Some(other)) if own.as_ref() != Some(&other) => clash = true,
        _ => {}
    };
    join(&mut rule.is, other.is);
    join(&mut rule.starts, other.starts);
    join(&mut rule.contains, other.contains);
    rule.fields.extend(other.fields);
    if rule.is.is_some() {
        rule = Rule { is: rule.is, ..Rule::default() };
    }
    if clash {
        let text = format!(
            "{}: a kind has one text of each sort: the first is taken; write others as fields",
            assertion.called()
        );
        work.found.note(Of::Changed, At::Line(assertion.line()), text);
    }
    rule
}

fn json(assertion: Element<'_>, rules: &mut Vec<Rule>, work: &mut PlanWork<'_>) {
    let at = At::Line(assertion.line());
    let asked = json_path::asked(assertion);
    if let Asked::Not(why) = asked {
        let text =
            format!("{}: {why}: give what must not come a kind of the role \"error\"", assertion.called());
        return work.found.note(Of::Left, at, text);
    }
    let Some(pointer) = json_path::pointer(assertion.raw("JSON_PATH").trim()) else {
        let instead = "a field of a message is named by a plain path: fields = { \"/data/0/id\" = \"7\" }";
        return work.refuse(assertion, instead);
    };
    if asked == Asked::Matches {
        let text = format!(
            "{}: messages are known without regular expressions: that the value is there, not that it matches \"{}\"",
            assertion.called(),
            assertion.raw("EXPECTED_VALUE")
        );
        work.found.note(Of::Changed, at, text);
    }
    let value = match asked {
        Asked::Is(text) => work.values.template(&text, assertion.line(), work.found),
        _ => "*".to_owned(),
    };
    if rules.is_empty() {
        rules.push(Rule::default());
    }
    for rule in rules.iter_mut().filter(|rule| rule.is.is_none()) {
        rule.fields.push((pointer.clone(), value.clone()));
    }
}

/// `"type":"PONG"` as a name and a value.
pub(super) fn field_of(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.trim().trim_start_matches('{').split_once(':')?;
    let inner = |text: &'_ str| -> Option<(usize, usize)> {
        let begin = text.len() - text.trim_start().len() + 1;
        let trimmed = text.trim();
        let fits = trimmed.len() > 2 && trimmed.starts_with('"') && trimmed.ends_with('"');
        (fits && !trimmed[1..trimmed.len() - 1].contains(['"', '\\']))
            .then_some((begin, begin + trimmed.len() - 2))
    };
    let (a, b) = inner(name)?;
    let (c, d) = inner(value)?;
    Some((&name[a..b], &value[c..d]))
}

/// The texts of a regular expression between what is not text.
fn literal_pieces(regex: &str) -> Vec<String> {
    let regex = regex.strip_prefix('^').unwrap_or(regex);
    let mut pieces = vec![String::new()];
    let mut chars = regex.chars().peekable();
    let mut depth = 0_u32;
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(next) if !next.is_alphanumeric() && depth == 0 => last(&mut pieces).push(next),
                _ => pieces.push(String::new()),
            },
            '(' | '[' => {
                depth += 1;
                pieces.push(String::new());
            }
            ')' | ']' => {
                depth = depth.saturating_sub(1);
                pieces.push(String::new());
            }
            // An optional or repeated character need not be there.
            '*' | '?' | '{' => {
                last(&mut pieces).pop();
                pieces.push(String::new());
            }
            c if SPECIAL.contains(&c) => pieces.push(String::new()),
            c if depth == 0 => last(&mut pieces).push(c),
            _ => {}
        }
    }
    // What stands beside an alternative is in one of them only.
    if regex.contains('|') { vec![String::new()] } else { pieces }
}

fn last(pieces: &mut [String]) -> &mut String {
    let last = pieces.len() - 1;
    &mut pieces[last]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_told_from_other_text() {
        assert_eq!(field_of(r#""type":"PONG""#), Some(("type", "PONG")));
        assert_eq!(field_of(r#"{"type" : "PONG""#), Some(("type", "PONG")));
        assert_eq!(field_of(r#""n":7"#), None);
        assert_eq!(field_of("PONG"), None);
        assert_eq!(field_of(r#""a":"b","c":"d""#), None);
    }

    #[test]
    fn the_texts_of_an_expression_are_found() {
        let longest = |regex| literal_pieces(regex).into_iter().max_by_key(String::len).unwrap_or_default();
        assert_eq!(longest(r#".*"type":"PONG".*"#), r#""type":"PONG""#);
        assert_eq!(longest(r"\[1,\d+\]ok"), "]ok");
        assert_eq!(longest("colou?r"), "colo");
        assert_eq!(longest("a|b"), "");
        assert_eq!(literal_pieces(r#"^42\["joined""#), [r#"42["joined""#]);
    }
}
