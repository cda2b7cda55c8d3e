//! What a plan takes from answers: JSON, JMESPath, regular expression and boundary extractors as `take`.
//!
//! Knows no scope. Invariant: a place that is written finds what JMeter's would have found first, or a note says that it
//! is not taken.

use super::super::model::{At, Found, Of};
use super::element::Element;
use super::json_path;
use super::work::PlanWork;

/// The classes of extractors.
pub(super) const CLASSES: [&str; 4] =
    ["JSONPostProcessor", "JMESPathExtractor", "RegexExtractor", "BoundaryExtractor"];

/// Names that an extractor sets.
pub(super) fn names(element: Element<'_>) -> Vec<&str> {
    let list = match element.class() {
        "JSONPostProcessor" => element.raw("JSONPostProcessor.referenceNames"),
        "JMESPathExtractor" => element.raw("JMESExtractor.referenceName"),
        "RegexExtractor" => element.raw("RegexExtractor.refname"),
        "BoundaryExtractor" => element.raw("BoundaryExtractor.refname"),
        _ => "",
    };
    list.split(';').map(str::trim).filter(|name| !name.is_empty()).collect()
}

/// Names and places of an extractor's values; of a message if it is `of_message`, else of an answer.
pub(super) fn takes(
    element: Element<'_>,
    of_message: bool,
    work: &mut PlanWork<'_>,
) -> Vec<(String, String)> {
    let names = names(element);
    let places = match places(element, names.len()) {
        Ok(places) => places,
        Err(instead) => {
            work.refuse(element, &instead);
            return Vec::new();
        }
    };
    note_the_rest(element, work.found);
    let mut takes = Vec::new();
    for (name, place) in names.into_iter().zip(places) {
        if of_message && !place.starts_with('/') {
            let instead =
                format!("of a message, take a value by its JSON pointer or by after:TEXT, not by {place}");
            work.refuse(element, &instead);
            continue;
        }
        if element.class() == "JSONPostProcessor" && place.starts_with("match:") {
            let text = format!(
                "{}: {name}: what stands first behind a field of this name is taken, escapes as they stand: better give its \
                 JSON pointer",
                element.called()
            );
            work.found.note(Of::Changed, At::Line(element.line()), text);
        }
        takes.push((work.values.name(name, work.found), place));
    }
    takes
}

/// Adds what an extractor takes: of one name the last counts.
pub(super) fn add(
    all: &mut Vec<(String, String)>,
    takes: Vec<(String, String)>,
    element: Element<'_>,
    work: &mut PlanWork<'_>,
) {
    for (name, place) in takes {
        if all.iter().any(|(known, _)| *known == name) {
            let text = format!("{}: \"{name}\" is taken twice: the last place counts", element.called());
            work.found.note(Of::Warning, At::Line(element.line()), text);
            all.retain(|(known, _)| *known != name);
        }
        all.push((name, place));
    }
}

fn places(element: Element<'_>, count: usize) -> Result<Vec<String>, String> {
    if element.raw("Sample.scope").trim() == "variable" {
        return Err(
            "a value is taken from an answer, not from a variable: take it where the variable comes from"
                .to_owned(),
        );
    }
    match element.class() {
        "JSONPostProcessor" => {
            let paths: Vec<&str> = element
                .raw("JSONPostProcessor.jsonPathExprs")
                .trim()
                .trim_end_matches(';')
                .split(';')
                .collect();
            if paths.len() != count {
                return Err("it has as many names as paths: give each name its own".to_owned());
            }
            paths.into_iter().map(json_path::place).collect()
        }
        "JMESPathExtractor" => {
            let path = element.raw("JMESExtractor.jmesPathExpression");
            Ok(vec![json_path::place(&format!("$.{}", path.trim()))?])
        }
        "RegexExtractor" => Ok(vec![of_regex(element)?]),
        _ => {
            let (left, right) =
                (element.raw("BoundaryExtractor.lboundary"), element.raw("BoundaryExtractor.rboundary"));
            let end = if right.is_empty() { "$" } else { right };
            Ok(vec![format!(
                "match:(?s){}(.*?){}",
                regex::escape(left),
                match right {
                    "" => end.to_owned(),
                    right => regex::escape(right),
                }
            )])
        }
    }
}

/// What is not an extractor's first match, or its default, has no place.
fn note_the_rest(element: Element<'_>, found: &mut Found) {
    let prefix = match element.class() {
        "JSONPostProcessor" => "JSONPostProcessor.match_numbers",
        "RegexExtractor" => "RegexExtractor.match_number",
        "BoundaryExtractor" => "BoundaryExtractor.match_number",
        _ => "JMESExtractor.matchNumber",
    };
    let numbers = element.raw(prefix);
    if numbers.split(';').map(str::trim).any(|number| !matches!(number, "" | "1")) {
        let text =
            format!("{}: match number {}; here it is always the first", element.called(), numbers.trim());
        found.note(Of::Changed, At::Line(element.line()), text);
    }
    if !found.notes.iter().any(|note| note.text.starts_with(DEFAULTS)) {
        found.note(
            Of::Changed,
            At::Whole,
            format!("{DEFAULTS}: a session that does not find one fails there, as value-missing"),
        );
    }
}

/// Said once for all extractors.
const DEFAULTS: &str = "Extractors' default values are not used";

fn of_regex(element: Element<'_>) -> Result<String, String> {
    let (regex, template) = (element.raw("RegexExtractor.regex"), element.raw("RegexExtractor.template"));
    let group: usize = match template.trim() {
        "" => 1,
        template => template
            .strip_prefix('$')
            .and_then(|rest| rest.strip_suffix('$'))
            .and_then(|number| number.parse().ok())
            .ok_or("its template is not one group, such as $1$: take each group under a name of its own")?,
    };
    let place = match element.raw("RegexExtractor.useHeaders") {
        "true" => of_header(regex)?,
        "" | "false" | "unescaped" | "as_document" => format!("match:{}", with_one_group(regex, group)?),
        _ => {
            return Err(
                "a value is taken from an answer's body, a header or a cookie: see \"take\"".to_owned()
            );
        }
    };
    Ok(place)
}

/// A regular expression over header lines: `Location: (.+)`, `Set-Cookie: SID=([^;]+)`.
fn of_header(regex: &str) -> Result<String, String> {
    let refused = || "of headers, a whole field or a cookie is taken: header:NAME, cookie:NAME".to_owned();
    let (name, rest) = regex.split_once(':').ok_or_else(refused)?;
    let is_token = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
    };
    let rest = rest.trim_start_matches(['?', '*', ' ']).trim_start_matches("\\s*").trim_start_matches("\\s+");
    let name = name.trim_start_matches('^');
    if !is_token(name) {
        return Err(refused());
    }
    if name.eq_ignore_ascii_case("set-cookie") {
        let (cookie, _) = rest.split_once("=(").ok_or_else(refused)?;
        return is_token(cookie).then(|| format!("cookie:{cookie}")).ok_or_else(refused);
    }
    let is_whole = rest.starts_with('(') && rest.trim_end_matches(['$', ' ']).ends_with(')');
    (is_whole && !rest.contains('|')).then(|| format!("header:{name}")).ok_or_else(refused)
}

/// All that an expression matches, as its one group; `None` if it cannot be written here.
pub(super) fn as_one_group(regex: &str) -> Option<String> {
    let pattern = format!("({})", with_only(regex, 0).0);
    regex::Regex::new(&pattern).ok().filter(|compiled| compiled.captures_len() == 2).map(|_| pattern)
}

/// The expression in which no other group than this captures, and how many there were; 0: none does.
fn with_only(regex: &str, group: usize) -> (String, usize) {
    let mut out = String::with_capacity(regex.len());
    let (mut seen, mut in_class) = (0, false);
    let mut chars = regex.char_indices().peekable();
    while let Some((_, c)) = chars.next() {
        out.push(c);
        match c {
            '\\' => out.extend(chars.next().map(|(_, next)| next)),
            '[' => in_class = true,
            ']' => in_class = false,
            '(' if !in_class && chars.peek().is_none_or(|(_, next)| *next != '?') => {
                seen += 1;
                if seen != group {
                    out.push_str("?:");
                }
            }
            _ => {}
        }
    }
    (out, seen)
}

/// The expression with this group as its only one.
fn with_one_group(regex: &str, group: usize) -> Result<String, String> {
    let (out, seen) = with_only(regex, group);
    if group == 0 || seen < group {
        return Err(format!("its expression has no group {group}"));
    }
    match regex::Regex::new(&out) {
        Ok(compiled) if compiled.captures_len() == 2 => Ok(out),
        Ok(_) => Err("its expression has named groups: leave one group, without a name".to_owned()),
        Err(_) => Err(
            "its expression has what is not known here (a look-around, a back-reference): write it with one plain group, \
             or take the value by a JSON pointer or after:TEXT"
                .to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_group_is_left() {
        assert_eq!(
            with_one_group(r#""wsUrl":"wss?://[^/(]+(/[^"]*)""#, 1).as_deref(),
            Ok(r#""wsUrl":"wss?://[^/(]+(/[^"]*)""#)
        );
        assert_eq!(with_one_group(r"(a|b)\((c)", 2).as_deref(), Ok(r"(?:a|b)\((c)"));
        assert!(with_one_group("a(?=b)(c)", 1).is_err());
        assert!(with_one_group("a", 1).is_err());
    }

    #[test]
    fn headers_and_cookies_are_places() {
        assert_eq!(of_header("Location: (.+)").as_deref(), Ok("header:Location"));
        assert_eq!(of_header(r"X-Token:\s*(.*?)$").as_deref(), Ok("header:X-Token"));
        assert_eq!(of_header("Set-Cookie: JSESSIONID=([^;]+)").as_deref(), Ok("cookie:JSESSIONID"));
        assert!(of_header("token=(.*)").is_err());
        assert!(of_header("Location: .*id=(.*)").is_err());
    }
}
