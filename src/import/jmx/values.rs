//! JMeter's `${…}` as a scenario's `{…}`.
//!
//! Knows which names the plan sets, not where they are used. Invariant: what it returns is a template that says what
//! JMeter would have sent, or a note says what is otherwise.

use std::collections::BTreeMap;

use super::super::model::{At, Found, Of, Variable};
use super::super::text::{identifier, in_url, is_secret, literal};

/// Variables that refer to variables, at most.
const DEPTH_MAX: u32 = 8;

/// What sets a variable of the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Its value is in the plan.
    Constant(String),
    /// An answer.
    Taken,
    /// A column of the members' file.
    Column,
}

/// The plan's variables.
#[derive(Clone, Debug, Default)]
pub(super) struct Values {
    known: BTreeMap<String, Origin>,
    /// The members' file, if there is one.
    pub(super) file: Option<String>,
    /// Whether its columns' names are in the file alone.
    pub(super) has_unknown_columns: bool,
    /// Whether ids are counted from 1 on, one a thread.
    pub(super) counts_threads: bool,
}

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece<'t> {
    Text(&'t str),
    /// `${name}`
    Variable(&'t str),
    /// `${__name(arguments)}`
    Function(&'t str, Vec<&'t str>),
}

impl Values {
    /// Notes what sets a variable; an answer wins over all else.
    pub(super) fn set(&mut self, name: &str, origin: Origin) {
        let name = name.trim();
        if name.is_empty() || matches!(self.known.get(name), Some(Origin::Taken)) {
            return;
        }
        self.known.insert(name.to_owned(), origin);
    }

    /// The constants, with their names.
    pub(super) fn constants(&self) -> Vec<(String, String)> {
        let constant = |(name, origin): (&String, &Origin)| match origin {
            Origin::Constant(value) => Some((name.clone(), value.clone())),
            _ => None,
        };
        self.known.iter().filter_map(constant).collect()
    }

    /// A text whose value the plan says, as it is before a test begins.
    pub(super) fn constant(&self, text: &str) -> Option<String> {
        self.constant_within(text, 0)
    }

    fn constant_within(&self, text: &str, depth: u32) -> Option<String> {
        if depth > DEPTH_MAX {
            return None;
        }
        let mut out = String::new();
        for piece in pieces(text) {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Variable(name) => match self.known.get(name)? {
                    Origin::Constant(value) => out.push_str(&self.constant_within(value, depth + 1)?),
                    _ => return None,
                },
                Piece::Function("__P", arguments) => {
                    let default = arguments.get(1).copied().unwrap_or("1");
                    out.push_str(&self.constant_within(default, depth + 1)?);
                }
                Piece::Function("__property", arguments) => {
                    out.push_str(&self.constant_within(arguments.get(2)?, depth + 1)?);
                }
                Piece::Function(..) => return None,
            }
        }
        Some(out)
    }

    /// A number that the plan says.
    pub(super) fn number(&self, text: &str) -> Option<u64> {
        self.constant(text)?.trim().parse().ok()
    }

    /// A text as a template.
    pub(super) fn template(&mut self, text: &str, line: usize, found: &mut Found) -> String {
        self.template_with(text, "", line, found)
    }

    /// The same, with a filter for each value: `|url`.
    pub(super) fn template_with(
        &mut self,
        text: &str,
        filter: &str,
        line: usize,
        found: &mut Found,
    ) -> String {
        let mut out = String::new();
        for piece in pieces(text) {
            match piece {
                Piece::Text(text) => out.push_str(&literal(text)),
                Piece::Variable(name) => {
                    let name = self.variable(name, line, found);
                    out.push_str(&format!("{{{name}{filter}}}"));
                }
                Piece::Function(name, arguments) => {
                    match self.function(name, &arguments, filter, line, found) {
                        Some(template) => out.push_str(&template),
                        None => {
                            let whole = whole(name, &arguments);
                            let text = format!(
                                "{whole} is sent as this text: write what it stands for, {{now_ms}}, {{now_s}}, {{now_iso}}, \
                                 {{uuid}}, {{random:1-100}}, {{sequence}}, a variable, or a filter such as {{name|base64}}"
                            );
                            found.note(Of::Left, At::Line(line), text);
                            out.push_str(&literal(&whole));
                        }
                    }
                }
            }
        }
        out
    }

    /// A path as a template, which begins with `/` or with a value that an answer gave.
    pub(super) fn path(&mut self, text: &str, line: usize, found: &mut Found) -> String {
        let template = in_url(&self.template(text, line, found));
        let begins_well = match pieces(text).first() {
            Some(Piece::Variable(name)) if matches!(self.known.get(*name), Some(Origin::Taken)) => true,
            Some(_) => self.constant_begin(text).is_some_and(|begin| begin == '/'),
            None => false,
        };
        if begins_well { template } else { format!("/{template}") }
    }

    /// What a text begins with, if the plan says it.
    fn constant_begin(&self, text: &str) -> Option<char> {
        match pieces(text).first()? {
            Piece::Text(text) => text.chars().next(),
            Piece::Variable(name) => match self.known.get(*name)? {
                Origin::Constant(value) => self.constant(value)?.chars().next(),
                _ => None,
            },
            Piece::Function(..) => None,
        }
    }

    /// The name under which a scenario has a variable.
    fn variable(&mut self, name: &str, line: usize, found: &mut Found) -> String {
        match self.known.get(name) {
            Some(Origin::Taken) => identifier(name),
            Some(Origin::Column) => column(name, found, self.file.as_deref().unwrap_or_default()),
            Some(Origin::Constant(_)) => identifier(name),
            None if self.has_unknown_columns => column(name, found, self.file.as_deref().unwrap_or_default()),
            None => {
                let text = format!(
                    "${{{name}}} is set by nothing that is taken over: JMeter would send the text; give \"{}\" in \
                     [variables] its value",
                    identifier(name)
                );
                found.note(Of::Warning, At::Line(line), text);
                let comment = "Set by nothing in the plan: what JMeter would send.".to_owned();
                declare(found, &identifier(name), &literal(&format!("${{{name}}}")), comment);
                identifier(name)
            }
        }
    }

    fn function(
        &mut self,
        name: &str,
        arguments: &[&str],
        filter: &str,
        line: usize,
        found: &mut Found,
    ) -> Option<String> {
        let first = arguments.first().map_or("", |text| text.trim());
        let brace = |name: &str| Some(format!("{{{name}{filter}}}"));
        match name {
            "__time" if first.is_empty() => brace("now_ms"),
            "__time" if first == "/1000" => brace("now_s"),
            "__UUID" => brace("uuid"),
            "__Random" => {
                let ends = (self.number(first)?, self.number(arguments.get(1)?)?);
                (ends.0 <= ends.1).then(|| format!("{{random:{}-{}{filter}}}", ends.0, ends.1))
            }
            "__threadNum" if self.file.is_none() => {
                self.counts_threads = true;
                brace("member_id")
            }
            "__threadNum" => {
                let text = "${__threadNum} becomes {session}, which counts from 0 over all sessions and not from 1 in each \
                            thread group";
                found.note(Of::Changed, At::Line(line), text);
                brace("session")
            }
            "__counter" => {
                let text = "${__counter} becomes {sequence}: the message's number in its session, from 0; it has a meaning in \
                            periodic messages only";
                found.note(Of::Changed, At::Line(line), text);
                brace("sequence")
            }
            "__P" | "__property" => {
                let default = arguments.get(if name == "__P" { 1 } else { 2 }).copied().unwrap_or("1");
                let value = self.template(default, line, found);
                declare(
                    found,
                    &identifier(first),
                    &value,
                    format!("-J{first}= of JMeter: --set {}=", identifier(first)),
                );
                brace(&identifier(first))
            }
            "__V" => Some(format!("{{{}{filter}}}", self.variable(first, line, found))),
            "__urlencode" => Some(self.template_with(arguments.first()?, "|url", line, found)),
            "__base64Encode" => Some(self.template_with(arguments.first()?, "|base64", line, found)),
            _ => None,
        }
    }
}

/// The column of a member's row by which a scenario knows it.
fn column(name: &str, found: &mut Found, file: &str) -> String {
    match name {
        "memberId" | "member_id" | "id" => return "member_id".to_owned(),
        "challengeId" => return "challenge_id".to_owned(),
        _ => {}
    }
    let own = identifier(name);
    declare(found, &own, "", format!("Columns of {file}: --members replaces them, row by row."));
    if is_secret(name) && !found.secret.contains(&own) {
        found.secret.push(own.clone());
    }
    own
}

/// Adds a variable, unless it is there.
pub(super) fn declare(found: &mut Found, name: &str, value: &str, comment: String) {
    if !found.variables.iter().any(|variable| variable.name == name) {
        found.variables.push(Variable { name: name.to_owned(), value: value.to_owned(), comment });
    }
}

/// A function as it stood.
fn whole(name: &str, arguments: &[&str]) -> String {
    match arguments {
        [] => format!("${{{name}}}"),
        arguments => format!("${{{name}({})}}", arguments.join(",")),
    }
}

/// Cuts a text into what it says and what it refers to.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut begin, mut at) = (0, 0);
    while let Some(found) = text[at..].find("${") {
        let dollar = at + found;
        let Some(end) = end_of(&text[dollar + 2..]) else { break };
        let inner = &text[dollar + 2..dollar + 2 + end];
        at = dollar + 2 + end + 1;
        let Some(piece) = reference(inner) else { continue };
        if dollar > begin {
            pieces.push(Piece::Text(&text[begin..dollar]));
        }
        pieces.push(piece);
        begin = at;
    }
    if begin < text.len() {
        pieces.push(Piece::Text(&text[begin..]));
    }
    pieces
}

/// Where the brace ends that is open here.
fn end_of(text: &str) -> Option<usize> {
    let mut depth = 1;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

fn reference(inner: &str) -> Option<Piece<'_>> {
    if !inner.starts_with("__") {
        let fits = !inner.is_empty() && !inner.contains(['{', '}', '"', '\n', '$']);
        return fits.then_some(Piece::Variable(inner.trim()));
    }
    match inner.split_once('(') {
        None => Some(Piece::Function(inner.trim(), Vec::new())),
        Some((name, rest)) => {
            let arguments = rest.trim_end().strip_suffix(')')?;
            Some(Piece::Function(name.trim(), arguments_of(arguments)))
        }
    }
}

/// Arguments between commas that are in no braces or brackets.
fn arguments_of(text: &str) -> Vec<&str> {
    let (mut arguments, mut begin, mut depth) = (Vec::new(), 0, 0_i32);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' | b'(' => depth += 1,
            b'}' | b')' => depth -= 1,
            b',' if depth == 0 => {
                arguments.push(&text[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    arguments.push(&text[begin..]);
    if arguments == [""] { Vec::new() } else { arguments }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Values {
        let mut values = Values::default();
        values.set("HOST", Origin::Constant("${__P(host,127.0.0.1)}".into()));
        values.set("accessToken", Origin::Taken);
        values.set("LOOP", Origin::Constant("${LOOP}".into()));
        values
    }

    #[test]
    fn constants_are_what_the_plan_says() {
        let values = values();
        assert_eq!(
            values.constant("http://${HOST}:${__P(port,21000)}").as_deref(),
            Some("http://127.0.0.1:21000")
        );
        assert_eq!(values.number("${__property(threads,,300)}"), Some(300));
        assert_eq!(values.constant("${LOOP}"), None);
        assert_eq!(values.constant("${accessToken}"), None);
    }

    #[test]
    fn values_become_templates() {
        let (mut values, mut found) = (values(), Found::default());
        let mut template = |text: &str| values.template(text, 7, &mut found);
        assert_eq!(template("Bearer ${accessToken}"), "Bearer {accessToken}");
        assert_eq!(
            template(r#"{"type":"PING","timestamp":${__time()},"id":"${__UUID}"}"#),
            r#"{"type":"PING","timestamp":{now_ms},"id":"{uuid}"}"#
        );
        assert_eq!(template("${__Random(1,100)} ${__time(/1000)} {tick}"), "{random:1-100} {now_s} {{tick}}");
        assert_eq!(template("?q=${__urlencode(${accessToken})}"), "?q={accessToken|url}");
        assert_eq!(template("m=${__threadNum}"), "m={member_id}");
        assert_eq!(template("${__groovy(1+1)}"), "${__groovy(1+1)}");
        assert_eq!(template("${room}"), "{room}");
        assert_eq!(template("$ {x ${"), "$ {x ${");
        assert!(values.counts_threads);
        assert_eq!(found.notes.len(), 2, "{:?}", found.notes);
        assert_eq!(found.variables[0].value, "${{room}}");
    }

    #[test]
    fn columns_are_the_members() {
        let mut values = Values { file: Some("users.csv".into()), ..Values::default() };
        values.set("memberId", Origin::Column);
        values.set("password", Origin::Column);
        let mut found = Found::default();
        assert_eq!(values.template("${memberId}:${password}", 1, &mut found), "{member_id}:{password}");
        assert_eq!(found.secret, ["password"]);
    }
}
