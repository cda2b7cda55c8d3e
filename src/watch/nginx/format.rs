//! nginx's `log_format`: read as nginx reads it, and lines taken apart by it.
//!
//! Keeps no line. Invariant: a line is taken apart whole or not at all.

use super::entry::{Entry, Field};

/// A format: text, and variables each followed by text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    /// Before the first variable.
    before: Vec<u8>,
    parts: Vec<Part>,
    is_json: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    /// What is read of it; none: it is passed over.
    field: Option<Field>,
    /// Whether its value may be several, separated by commas and colons.
    is_several: bool,
    /// The text up to the next variable, or the line's end.
    then: Vec<u8>,
}

/// A format in pieces: its text, and whether it is escape=json.
struct Given {
    text: String,
    is_json: bool,
}

impl Format {
    /// Reads a format: the string alone, or the whole directive as it is in nginx.conf.
    ///
    /// # Errors
    /// What is wrong with it, and what to write.
    pub fn parse(text: &str) -> Result<Self, String> {
        let given = match text.trim_start().strip_prefix("log_format") {
            Some(rest) if rest.starts_with(char::is_whitespace) => directive(rest)?,
            _ => Given { text: text.to_owned(), is_json: text.trim_start().starts_with('{') },
        };
        let mut pieces = given.text.split('$');
        let before = pieces.next().unwrap_or_default().as_bytes().to_vec();
        let parts: Vec<Part> = pieces.map(part).collect::<Result<_, _>>()?;
        let Some((_, all_but_last)) = parts.split_last() else {
            return Err("it has no variable, such as $status: give the string of nginx's log_format".into());
        };
        if all_but_last.iter().any(|part| part.then.is_empty()) {
            return Err("it has two variables with nothing between them, which cannot be told apart".into());
        }
        Ok(Self { before, parts, is_json: given.is_json })
    }

    /// Whether lines of it have this field.
    pub fn has(&self, field: Field) -> bool {
        self.parts.iter().any(|part| part.field == Some(field))
    }

    /// Takes a line apart.
    pub fn read<'l>(&self, line: &'l [u8]) -> Option<Entry<'l>> {
        let (entry, rest) = self.read_beginning(line)?;
        rest.is_empty().then_some(entry)
    }

    /// Takes a line apart that may go on after it; what is left is returned beside.
    pub fn read_beginning<'l>(&self, line: &'l [u8]) -> Option<(Entry<'l>, &'l [u8])> {
        let mut rest = line.strip_prefix(&self.before[..])?;
        let mut entry = Entry::default();
        for part in &self.parts {
            let end = self.end(part, rest)?;
            let is_sensible = part.field.is_none_or(|field| entry.set(field, &rest[..end]));
            if !is_sensible {
                return None;
            }
            rest = &rest[end + part.then.len()..];
        }
        Some((entry, rest))
    }

    /// Where the value of this part ends: at the first place of the text after it that is not in the value itself.
    fn end(&self, part: &Part, rest: &[u8]) -> Option<usize> {
        if part.then.is_empty() {
            return Some(rest.len());
        }
        let is_end = |at: &usize| {
            let (value, after) = (&rest[..*at], &rest[*at..]);
            let is_inside = part.is_several && after.starts_with(b" ") && goes_on(value, after);
            let backslashes = value.iter().rev().take_while(|byte| **byte == b'\\').count();
            let is_escaped = self.is_json && after.starts_with(b"\"") && backslashes % 2 == 1;
            !is_inside && !is_escaped
        };
        memchr::memmem::find_iter(rest, &part.then).find(is_end)
    }
}

/// Whether a value of several upstreams goes on after the space that `after` begins with.
pub(super) fn goes_on(value: &[u8], after: &[u8]) -> bool {
    value.ends_with(b",") || value.ends_with(b" :") || after.starts_with(b" : ")
}

/// A variable and the text after it: `{name}text`, `name text`.
fn part(piece: &str) -> Result<Part, String> {
    let (name, then) = match piece.strip_prefix('{') {
        Some(rest) => rest.split_once('}').ok_or("${ is not closed with }")?,
        None => {
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            piece.split_at(piece.find(|c| !is_name(c)).unwrap_or(piece.len()))
        }
    };
    if name.is_empty() {
        return Err("it has a $ without the name of a variable".into());
    }
    // Only nginx's own names count here: a map's `$path` may be anything.
    let field = match name {
        "ua" | "upstream" | "path" | "url" | "time" | "timestamp" => None,
        name => Field::named(name),
    };
    Ok(Part { field, is_several: name.starts_with("upstream_"), then: then.as_bytes().to_vec() })
}

/// `NAME [escape=…] 'text' "text" …;`
fn directive(rest: &str) -> Result<Given, String> {
    let rest = rest.trim_start();
    let (_, mut rest) = rest.split_once(char::is_whitespace).ok_or("it is cut off after its name")?;
    let mut given = Given { text: String::new(), is_json: false };
    loop {
        rest = rest.trim_start();
        if rest.is_empty() || rest.starts_with(';') {
            return Ok(given);
        }
        if let Some(quote) = rest.chars().next().filter(|c| matches!(c, '\'' | '"')) {
            let (text, after) = quoted(&rest[1..], quote).ok_or("one of its strings is not closed")?;
            given.text += &text;
            rest = after;
        } else {
            let end = rest.find(|c: char| c.is_whitespace() || c == ';').unwrap_or(rest.len());
            match &rest[..end] {
                word if word.starts_with("escape=") => given.is_json = word == "escape=json",
                word => given.text += word,
            }
            rest = &rest[end..];
        }
    }
}

/// A string up to its closing quote, as nginx unescapes it, and what is after it.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut out = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => match characters.next()?.1 {
                't' => out.push('\t'),
                'r' => out.push('\r'),
                'n' => out.push('\n'),
                c if c == '\\' || c == '\'' || c == '"' => out.push(c),
                c => out.extend(['\\', c]),
            },
            c if c == quote => return Some((out, &text[at + c.len_utf8()..])),
            c => out.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const UPSTREAM: &str = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent up=$upstream_addr urt=$upstream_response_time $request_time"#;

    fn format(text: &str) -> Format {
        Format::parse(text).expect("a format")
    }

    fn shown(value: Option<&[u8]>) -> Option<String> {
        value.map(|value| String::from_utf8_lossy(value).into_owned())
    }

    #[test]
    fn lines_are_taken_apart_by_their_format() {
        let line = r#"127.0.0.1 - - [28/Nov/2026:20:04:00 +0000] "GET /ws?ticket=x HTTP/1.1" 502 157 up=127.0.0.1:1, 127.0.0.1:2 : [::1]:3 urt=0.001, 0.002 : - 0.003"#;
        let entry = format(UPSTREAM).read(line.as_bytes()).expect("it fits");
        assert_eq!((entry.status, shown(entry.path)), (Some(502), Some("/ws".into())));
        assert_eq!((shown(entry.upstream), entry.upstream_micros), (Some("[::1]:3".into()), Some(3_000)));
        let none = line.replace("127.0.0.1:1, 127.0.0.1:2 : [::1]:3", "-").replace("0.001, 0.002 : -", "-");
        let entry = format(UPSTREAM).read(none.as_bytes()).expect("it fits");
        assert_eq!((entry.upstream, entry.upstream_micros, entry.has_upstream), (None, None, true));
        for wrong in ["", "garbage", &line[..40], &line.replace("502", "50x"), &format!("x{line}")[..60]] {
            assert_eq!(format(UPSTREAM).read(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn values_that_are_separated_by_a_space_alone_are_told_apart() {
        let entry = format("$upstream_addr $upstream_response_time $status")
            .read(b"a:1, b:2 : c:3 0.1, 0.2 : 0.3 200");
        let entry = entry.expect("it fits");
        assert_eq!((shown(entry.upstream), entry.upstream_micros), (Some("c:3".into()), Some(600_000)));
        assert_eq!(entry.status, Some(200));
    }

    #[test]
    fn the_directive_is_read_as_it_stands() {
        let directive = "log_format  main escape=json '{\"status\":\"$status\",' '\"uri\":\"${request_uri}\",'\n  \"\\\"ua\\\":\\\"$http_user_agent\\\",\" '\"urt\":\"$upstream_response_time\"}';";
        let format = format(directive);
        assert!(format.is_json && format.has(Field::Uri) && !format.has(Field::Upstream));
        let line = br#"{"status":"200","uri":"/a\"b?c","ua":"say \"hi\\","urt":"0.5"}"#;
        let entry = format.read(line).expect("it fits");
        assert_eq!((shown(entry.path), entry.upstream_micros), (Some(r#"/a\"b"#.into()), Some(500_000)));
    }

    #[test]
    fn what_is_no_format_is_refused() {
        for (text, why) in [
            ("combined", "no variable"),
            ("$status$request", "nothing between"),
            ("a $ b", "without the name"),
            ("${status", "not closed"),
            ("log_format main '$status", "not closed"),
            ("log_format main", "cut off"),
        ] {
            let error = Format::parse(text).expect_err(text);
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
