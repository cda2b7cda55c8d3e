//! Quotes words for a shell, in commands that are printed to be copied.
//!
//! Invariant: whatever a word contains, a POSIX shell reads it back as that one word.

use std::borrow::Cow;

/// Punctuation without a meaning to any shell.
const PLAIN: &str = "_@%+=:,./-";

/// Returns a word as it is typed: in quotes where the shell would split or change it.
pub fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_alphanumeric() || PLAIN.contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn plain_words_stay_as_they_are() {
        for word in ["http://127.0.0.1:8080", "13-6012", "+09:00", "Asia/Seoul", "./ids.csv", "회원.csv"] {
            assert_eq!(quoted(word), word);
        }
    }

    #[test]
    fn a_shell_reads_back_what_was_meant() {
        for word in [
            "",
            "a b",
            "it's",
            "$HOME",
            "`id`",
            "a\nb",
            "~",
            "*",
            "http://[::1]:80",
            "\\",
            "!x",
            "a;b",
            "\"",
            "#",
            "비 밀",
        ] {
            let script = format!("printf %s {}", quoted(word));
            let output = Command::new("sh").args(["-c", &script]).output().expect("a shell");
            assert_eq!(String::from_utf8_lossy(&output.stdout), word, "{script}");
        }
    }
}
