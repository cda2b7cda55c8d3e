//! JMeter's `${…}` as a scenario's `{…}`.
//!
//! Knows which names the plan sets, not where they are used. Invariant: what it returns is a template that says what
//! JMeter would have sent, or a note says what is otherwise.

use std::collections::BTreeMap;

use super::super::fields::{self, Field};
use super::super::model::{At, Found, Of, Variable};
use super::super::text::{
    Cut, cut, identifier, in_url, is_password, is_secret, literal, names_in, says_itself, url_encoded,
    with_filter,
};
use super::super::tokens;
use super::pieces::{Piece, end_of, pieces, whole};
use crate::scenario::is_built_in;

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
    /// The scenario's names of the plan's: each its own.
    names: BTreeMap<String, String>,
    /// The scenario's names of secrets that stand in the plan without one.
    hidden: BTreeMap<String, String>,
    /// Where requests go, as the plan writes it, if that is known during the test only.
    pub(super) open_target: Option<String>,
    /// The members' file, if there is one.
    pub(super) file: Option<String>,
    /// Whether its columns' names are in the file alone.
    pub(super) has_unknown_columns: bool,
    /// Whether ids are counted from 1 on, one a thread.
    pub(super) counts_threads: bool,
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

    /// Whether the plan says a name's value.
    pub(super) fn is_constant(&self, name: &str) -> bool {
        matches!(self.known.get(name), Some(Origin::Constant(_)))
    }

    /// Whether a text has a value that an answer gave.
    pub(super) fn has_taken(&self, text: &str) -> bool {
        let is_taken = |name: &str| matches!(self.known.get(name), Some(Origin::Taken));
        pieces(text).iter().any(|piece| matches!(piece, Piece::Variable(name) if is_taken(name)))
    }

    /// The scenario's name for one of the plan's, which no other has.
    pub(super) fn name(&mut self, name: &str, found: &mut Found) -> String {
        if let Some(given) = self.names.get(name) {
            return given.clone();
        }
        let wanted = match identifier(name) {
            wanted if wanted.trim_matches('_').is_empty() => "value".to_owned(),
            wanted => wanted,
        };
        let numbered = |k: u32| if k == 1 { wanted.clone() } else { format!("{wanted}_{k}") };
        let is_free = |given: &String| {
            !self.names.values().any(|taken| taken == given)
                && (given == name || !self.known.contains_key(given))
        };
        let given = (1..).map(numbered).find(is_free).unwrap_or_default();
        if given != name {
            let text = format!(
                "\"{name}\" is called {given} here: names are letters, digits and _, and no built-in one"
            );
            found.note(Of::Changed, At::Whole, text);
        }
        self.names.insert(name.to_owned(), given.clone());
        given
    }

    /// The text, in which what it begins with is written out if that is the begin of a URL.
    pub(super) fn with_begin(&self, text: &str) -> String {
        let end = text.strip_prefix("${").and_then(end_of);
        if let Some((begin, rest)) = end.map(|end| text.split_at(end + 3))
            && let Some(value) = self.constant(begin)
            && (value.contains("://") || rest.starts_with("://"))
        {
            return value + rest;
        }
        text.to_owned()
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
        let mut out = String::new();
        for piece in pieces(text) {
            match piece {
                Piece::Text(text) => out.push_str(&self.text(text, found)),
                Piece::Variable(name) => out.push_str(&format!("{{{}}}", self.variable(name, line, found))),
                Piece::Function(name, arguments) => match self.function(name, &arguments, line, found) {
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
                },
            }
        }
        out
    }

    /// What a text says, without the tokens in it.
    fn text(&mut self, text: &str, found: &mut Found) -> String {
        let (mut out, mut end) = (String::new(), 0);
        for range in tokens::jwts(text) {
            out.push_str(&literal(&text[end..range.start]));
            out.push_str(&self.hidden("token", &text[range.clone()], found));
            end = range.end;
        }
        out + &literal(&text[end..])
    }

    /// The value of a field as the plan writes it, if that is called a secret: with a variable for what it says.
    pub(super) fn field(&mut self, name: &str, value: &str, found: &mut Found) -> String {
        if is_secret(name) { self.secret(name, value, found) } else { value.to_owned() }
    }

    /// A text of the plan's, in which variables stand for the secrets among these fields of it.
    pub(super) fn fields(&mut self, text: &str, fields: Vec<Field>, found: &mut Found) -> String {
        let (mut out, mut end) = (String::new(), 0);
        for field in fields {
            let name = field.own_name();
            let is_it = is_password(name) || field.is_text && is_secret(name);
            if is_it && field.range.start >= end {
                out.push_str(&text[end..field.range.start]);
                out.push_str(&self.secret(name, &text[field.range.clone()], found));
                end = field.range.end;
            }
        }
        out + &text[end..]
    }

    /// What is secret as the plan writes it: a variable for what it says, and none whose value is written for what it refers to.
    pub(super) fn secret(&mut self, name: &str, value: &str, found: &mut Found) -> String {
        let (scheme, rest) = value.split_at(tokens::behind_scheme(value).unwrap_or(0));
        if says_text(rest) {
            let own = self.hidden(name, rest, found);
            return format!("{scheme}${own}");
        }
        self.withhold(rest, found);
        value.to_owned()
    }

    /// Makes secrets of the constants that a text refers to.
    fn withhold(&mut self, text: &str, found: &mut Found) {
        for piece in pieces(text) {
            let name = match piece {
                Piece::Variable(name) if self.is_constant(name) => name,
                Piece::Function("__P" | "__property", ref arguments) => {
                    arguments.first().map_or("", |name| name.trim())
                }
                // Who logs in stands before the password.
                Piece::Function(_, ref arguments) => {
                    let inner = arguments.first().copied().unwrap_or_default();
                    let password = inner.find("}:").map_or(inner, |at| &inner[at + 2..]);
                    self.withhold(password, found);
                    continue;
                }
                _ => continue,
            };
            let own = self.name(name, found);
            if is_built_in(&own) {
                continue;
            }
            found.variables.iter_mut().filter(|known| known.name == own).for_each(withhold);
            if !found.secret.contains(&own) {
                found.secret.push(own);
            }
        }
    }

    /// A variable for a secret that stands in the plan, whatever is called so already.
    pub(super) fn hidden(&mut self, wanted: &str, secret: &str, found: &mut Found) -> String {
        if let Some(given) = self.hidden.get(secret) {
            return format!("{{{given}}}");
        }
        let wanted = identifier(&wanted.to_ascii_lowercase());
        let numbered = |k: u32| if k == 1 { wanted.clone() } else { format!("{wanted}_{k}") };
        let is_free =
            |name: &String| !self.known.contains_key(name) && !self.names.values().any(|taken| taken == name);
        let name = (1..).map(numbered).find(is_free).unwrap_or_default();
        self.names.insert(name.clone(), name.clone());
        self.hidden.insert(secret.to_owned(), name.clone());
        self.known.insert(name.clone(), Origin::Constant(secret.to_owned()));
        if !found.secret.contains(&name) {
            found.secret.push(name.clone());
        }
        declare(found, &name, &literal(secret), "As it stands in the plan.".to_owned());
        format!("{{{name}}}")
    }

    /// A text in base64: what is not one value alone has a variable of its own, since a filter is one value's.
    fn base64(&mut self, text: &str, line: usize, found: &mut Found) -> String {
        let inner = self.template(text, line, found);
        if let [Cut::Brace(brace)] = cut(&inner)[..] {
            return with_filter(brace, "base64");
        }
        let same =
            found.variables.iter().find(|known| known.value == inner && known.name.starts_with("encoded"));
        let name = same.map(|known| known.name.clone());
        let name = name.unwrap_or_else(|| self.name(&format!("encoded{}", found.variables.len()), found));
        declare(found, &name, &inner, "In base64 where it is sent.".to_owned());
        if names_in(&inner).into_iter().any(is_secret) && !found.secret.contains(&name) {
            found.secret.push(name.clone());
        }
        with_filter(&format!("{{{name}}}"), "base64")
    }

    /// A path as a template, which begins with `/` or with a value that an answer gave.
    pub(super) fn path(&mut self, text: &str, line: usize, found: &mut Found) -> String {
        let text = &self.fields(text, fields::of_query(text), found);
        let template = in_url(&self.template(text, line, found));
        if self.begins_well(text) { template } else { format!("/{template}") }
    }

    /// Whether a path begins with `/`, or with a value that an answer gives.
    fn begins_well(&self, text: &str) -> bool {
        for piece in pieces(text) {
            let begin = match piece {
                Piece::Text(text) => text.to_owned(),
                Piece::Variable(name) if matches!(self.known.get(name), Some(Origin::Taken)) => return true,
                Piece::Variable(name) => {
                    self.constant(&format!("${{{name}}}")).unwrap_or_else(|| ".".to_owned())
                }
                Piece::Function(name, arguments) => {
                    self.constant(&whole(name, &arguments)).unwrap_or_else(|| ".".to_owned())
                }
            };
            // A part that is empty decides nothing.
            if !begin.is_empty() {
                return begin.starts_with('/');
            }
        }
        false
    }

    /// The name under which a scenario has a variable.
    fn variable(&mut self, name: &str, line: usize, found: &mut Found) -> String {
        match self.known.get(name) {
            Some(Origin::Taken | Origin::Constant(_)) => self.name(name, found),
            Some(Origin::Column) => self.column(name, found),
            None if self.has_unknown_columns => self.column(name, found),
            None => {
                let own = self.name(name, found);
                let text = format!(
                    "${{{name}}} is set by nothing that is taken over: JMeter would send the text; give \"{own}\" in \
                     [variables] its value"
                );
                found.note(Of::Warning, At::Line(line), text);
                let comment = "Set by nothing in the plan: what JMeter would send.".to_owned();
                declare(found, &own, &literal(&format!("${{{name}}}")), comment);
                own
            }
        }
    }

    /// The column of a member's row by which a scenario knows it.
    fn column(&mut self, name: &str, found: &mut Found) -> String {
        let own = self.column_name(name, found);
        if !matches!(own.as_str(), "member_id" | "challenge_id") {
            let file = self.file.as_deref().unwrap_or_default();
            declare(found, &own, "", format!("Columns of {file}: --members replaces them, row by row."));
        }
        own
    }

    /// What a column has to be called, so that a scenario knows it.
    pub(super) fn column_name(&mut self, name: &str, found: &mut Found) -> String {
        match name {
            "memberId" | "member_id" | "id" => "member_id".to_owned(),
            "challengeId" => "challenge_id".to_owned(),
            name => self.name(name, found),
        }
    }

    fn function(&mut self, name: &str, arguments: &[&str], line: usize, found: &mut Found) -> Option<String> {
        let first = arguments.first().map_or("", |text| text.trim());
        let brace = |name: &str| Some(format!("{{{name}}}"));
        match name {
            "__time" if first.is_empty() => brace("now_ms"),
            "__time" if first == "/1000" => brace("now_s"),
            "__UUID" => brace("uuid"),
            "__Random" => {
                let ends = (self.number(first)?, self.number(arguments.get(1)?)?);
                (ends.0 <= ends.1).then(|| format!("{{random:{}-{}}}", ends.0, ends.1))
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
                // A variable of the property's name that is something else.
                let is_other = matches!(self.known.get(first), Some(Origin::Constant(value))
                    if !value.contains(&format!("__P({first}")) && !value.contains(&format!("__property({first}")));
                let name = if is_other { format!("{first}_property") } else { first.to_owned() };
                let own = self.name(&name, found);
                declare(found, &own, &value, format!("-J{first}= of JMeter: --set {own}="));
                brace(&own)
            }
            "__V" => Some(format!("{{{}}}", self.variable(first, line, found))),
            "__urlencode" => Some(url_encoded(&self.template(arguments.first()?, line, found))),
            "__base64Encode" => Some(self.base64(arguments.first()?, line, found)),
            _ => None,
        }
    }
}

/// Adds a variable, unless it is there; one that is called a secret is one, and is not written.
pub(super) fn declare(found: &mut Found, name: &str, value: &str, comment: String) {
    if found.variables.iter().any(|variable| variable.name == name) {
        return;
    }
    let mut variable = Variable { name: name.to_owned(), value: value.to_owned(), comment };
    let is_listed = found.secret.iter().any(|known| known == name);
    let is_named = is_listed || is_secret(name);
    let is_secret = is_named || tokens::is_jwt(value);
    if is_secret {
        withhold(&mut variable);
    }
    found.variables.push(variable);
    if is_secret && !is_listed {
        found.secret.push(name.to_owned());
    }
}

/// Takes the value of a variable, unless that is made of other variables.
fn withhold(variable: &mut Variable) {
    if says_itself(&variable.value) {
        variable.value.clear();
        variable.comment = tokens::comment(&variable.name);
    }
}

/// Whether a text of the plan's says more than what it refers to.
fn says_text(text: &str) -> bool {
    let piece = |piece: &Piece<'_>| match piece {
        Piece::Text(text) => text.contains(char::is_alphanumeric),
        Piece::Function("__base64Encode" | "__urlencode", arguments) => {
            arguments.iter().any(|it| says_text(it))
        }
        _ => false,
    };
    pieces(text).iter().any(piece)
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
