//! Text from other systems (servers' messages, statuses, pages), made safe to print and to keep.
//!
//! Does not know where it comes from. One rule for terminals and files: what hides or reorders text is escaped. Invariant:
//! [`line()`] is one line that no terminal obeys, and no longer than asked for.

use std::borrow::Cow;
use std::io;

use serde::Serialize;

/// Returns the text in one line, cut where it is long. What a terminal would act on becomes a space.
pub fn line(text: &str, chars_max: usize) -> String {
    let plain: String = shown(text).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// Returns an error's words without the kernel's number for it (`(os error 13)`), which adds nothing to them.
pub fn in_words(text: &str) -> Cow<'_, str> {
    const BEGIN: &str = " (os error ";
    let mut parts = text.split(BEGIN);
    let mut words = Cow::Borrowed(parts.next().unwrap_or_default());
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        match rest.strip_prefix(')').filter(|_| rest.len() < part.len()) {
            Some(rest) => words.to_mut().push_str(rest),
            None => words.to_mut().extend([BEGIN, part]),
        }
    }
    words
}

/// Returns what the system says about an error: without its number, and without the name of a temporary file, which
/// nobody knows.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    in_words(text.split(" at path \"").next().unwrap_or_default()).into_owned()
}

/// Returns why a file that the user named cannot be read, and what to do about it.
pub fn unreadable(error: &io::Error) -> String {
    let fix = match error.kind() {
        io::ErrorKind::NotFound => "; check its path",
        io::ErrorKind::IsADirectory => "; name a file in it",
        io::ErrorKind::PermissionDenied => "; check its permissions",
        _ => "",
    };
    reason(error) + fix
}

/// Bytes shown of what is not text.
const BYTES_SHOWN: usize = 32;

/// Returns bytes as the text that they are, or as hexadecimal digits where they are none.
pub fn bytes(bytes: &[u8]) -> String {
    match text(bytes) {
        Some(text) => text.to_owned(),
        None => hex(bytes),
    }
}

/// Returns the first of some bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    let pairs: Vec<String> = bytes.iter().take(BYTES_SHOWN).map(|it| format!("{it:02x}")).collect();
    let more = if bytes.len() > BYTES_SHOWN { " …" } else { "" };
    pairs.join(" ") + more
}

/// Characters side by side that are shown as text among bytes.
const TEXT_IN_BYTES_MIN: usize = 4;

/// Returns bytes that are not text as a whole as hexadecimal digits, except what is text in them: `00 05 "topic" 01`; a name that
/// stands for a secret stays as it is.
pub fn mixed(bytes: &[u8]) -> String {
    let mut runs: Vec<String> = Vec::new();
    let (mut rest, mut digits) = (bytes, 0);
    while let Some(first) = rest.first() {
        let is_plain = |byte: &u8| matches!(byte, b' '..=b'~');
        let plain = rest.iter().position(|byte| !is_plain(byte)).unwrap_or(rest.len());
        let label = label_len(rest);
        let (run, len) = match (label, plain) {
            (Some(len), _) => (String::from_utf8_lossy(&rest[..len]).into_owned(), len),
            (None, len) if len >= TEXT_IN_BYTES_MIN => {
                (format!("{:?}", String::from_utf8_lossy(&rest[..len])).replace("\\\"", "\""), len)
            }
            (None, _) if digits == BYTES_SHOWN => return runs.join(" ") + " …",
            (None, _) => {
                digits += 1;
                (format!("{first:02x}"), 1)
            }
        };
        runs.push(run);
        rest = &rest[len..];
    }
    runs.join(" ")
}

/// The length of a secret's name, `‹token›`, if the bytes begin with one.
fn label_len(bytes: &[u8]) -> Option<usize> {
    let inside = bytes.strip_prefix("‹".as_bytes())?;
    let len = inside.iter().position(|byte| !(byte.is_ascii_graphic() || *byte == b' '))?;
    inside[len..].starts_with("›".as_bytes()).then_some("‹".len() + len + "›".len())
}

/// Returns the text that bytes are: without control characters but line breaks, tabs, record separators, and
/// one that ends it.
pub fn text(bytes: &[u8]) -> Option<&str> {
    let binary = |byte: &u8| *byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x1e);
    let (_, before_last) = bytes.split_last().unwrap_or((&0, &[]));
    let is_text = !before_last.iter().any(binary) && (bytes.len() > 1 || !bytes.iter().any(binary));
    std::str::from_utf8(bytes).ok().filter(|_| is_text)
}

/// Returns the text with everything escaped that hides or reorders other text: `\u202e` for what would turn it round. Line
/// breaks and colours stay.
pub fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match is_hiding(c) {
            true => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            false => out.push(c),
        }
    }
    out
}

/// The same for text that no terminal may obey: of control characters, only line breaks and tabs stay.
pub fn shown_plain(text: &str) -> String {
    let plain = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    shown(&text.chars().map(|c| if plain(c) && !is_hiding(c) { ' ' } else { c }).collect::<String>())
}

/// The text in one line, as TOML writes it: `\n` for a line break, `\u0000` for a zero byte.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() || is_hiding(c) => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// The same, cut where it is long.
pub fn escaped_line(text: &str, chars_max: usize) -> String {
    let line = escaped(text);
    match line.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// DEL and the C1 controls, which some terminals obey; marks that change the order in which others are shown; separators that
/// only some programs take for line breaks.
fn is_hiding(c: char) -> bool {
    matches!(
        c,
        '\u{7f}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
    )
}

/// Returns a value as JSON for people, ending in a line break: its strings hide nothing, and read back the same.
///
/// # Errors
/// It is not JSON.
pub fn json_pretty(value: &impl Serialize) -> serde_json::Result<String> {
    serde_json::to_string_pretty(value).map(|json| shown(&json) + "\n")
}

/// Returns a value as one line of JSON, in the same way.
///
/// # Errors
/// It is not JSON.
pub fn json_line(value: &impl Serialize) -> serde_json::Result<String> {
    json_compact(value).map(|json| json + "\n")
}

/// The same without the end of the line.
///
/// # Errors
/// It is not JSON.
pub fn json_compact(value: &impl Serialize) -> serde_json::Result<String> {
    serde_json::to_string(value).map(|json| shown(&json).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_servers_are_made_harmless() {
        assert_eq!(line("a\x1b[31m\r\n  b", 200), "a [31m b");
        assert_eq!(line("\x1b[2J\x1b[31mEVIL\x07\n", 200), "[2J [31mEVIL");
        assert_eq!(line("<html>\r\n\x1b[2J  bad\x07", 72), "<html> [2J bad");
        assert_eq!(line("a\u{9b}31m\u{202e}b", 200), r"a\u009b31m\u202eb");
    }

    #[test]
    fn an_error_has_words_and_no_numbers() {
        let error = io::Error::from_raw_os_error(2);
        assert_eq!(reason(&error), "No such file or directory");
        let two = "a: Permission denied (os error 13) and b: File exists (os error 17)";
        assert_eq!(in_words(two), "a: Permission denied and b: File exists");
        for other in ["", "no number (os error )", "(os error 5", "its own words (os error x)"] {
            assert_eq!(in_words(other), other);
        }
        let temporary = io::Error::other("No space left on device (os error 28) at path \"/tmp/.x\"");
        assert_eq!(reason(&temporary), "No space left on device");
    }

    #[test]
    fn what_hides_or_reorders_text_is_escaped_in_files_and_on_the_terminal() {
        let hiding =
            "\u{7f}\u{80}\u{85}\u{9f}\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202e}\u{2066}\u{2069}";
        let escapes = r"\u007f\u0080\u0085\u009f\u061c\u200e\u200f\u2028\u2029\u202a\u202e\u2066\u2069";
        assert_eq!(shown(hiding), escapes);
        assert_eq!(shown_plain(&format!("\x1b[31m{hiding}\n\ta")), format!(" [31m{escapes}\n\ta"));
        assert_eq!(shown("\x1b[31m 가\u{200d}나\n"), "\x1b[31m 가\u{200d}나\n");
        let value = serde_json::json!({ "a": [hiding, "\"\n", 1.5], "b": {} });
        for json in [json_line(&value).expect("JSON"), json_pretty(&value).expect("JSON")] {
            assert!(!json.contains(is_hiding), "{json}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&json).expect("JSON"), value);
        }
        let pretty = json_pretty(&value).expect("JSON");
        assert_eq!(
            pretty.replace(escapes, hiding),
            serde_json::to_string_pretty(&value).expect("JSON") + "\n"
        );
    }

    #[test]
    fn control_characters_are_escaped_as_toml_writes_them() {
        assert_eq!(escaped("SEND\r\n\n\ta\0\x1b[m\u{202e}가"), r"SEND\r\n\n\ta\u0000\u001b[m\u202e가");
        assert_eq!(escaped_line("가나다\n", 2), "가나…");
        assert_eq!(escaped_line("a\n", 3), r"a\n");
    }

    #[test]
    fn what_is_text_among_bytes_is_shown_as_text() {
        assert_eq!(mixed(b"\x30\x0c\x00\x05topic{\"a\":1}\xff"), r#"30 0c 00 05 "topic{"a":1}" ff"#);
        assert_eq!(mixed("\u{1}‹token›\u{2}abc".as_bytes()), "01 ‹token› 02 61 62 63");
        assert_eq!(mixed(&[0; 40]), format!("{}…", "00 ".repeat(32)));
        assert_eq!(mixed("‹".as_bytes()), "e2 80 b9");
    }

    #[test]
    fn what_is_long_is_cut_between_characters() {
        assert_eq!(line("가나다라", 2), "가나…");
        assert_eq!(line("가나", 2), "가나");
    }
}
