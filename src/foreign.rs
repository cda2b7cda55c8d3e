//! Text from other systems (servers' messages, statuses, pages), made safe to print.
//!
//! Does not know where it comes from. Invariant: the result is one line that no terminal obeys, and no longer than asked for.

/// Returns the text in one line, cut where it is long. What a terminal would act on becomes a space.
pub fn line(text: &str, chars_max: usize) -> String {
    let plain: String = text.chars().map(|c| if is_obeyed(c) { ' ' } else { c }).collect();
    let line = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// Control characters, and those that change the order in which others are shown.
fn is_obeyed(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_servers_are_made_harmless() {
        assert_eq!(line("a\x1b[31m\r\n  b", 200), "a [31m b");
        assert_eq!(line("\x1b[2J\x1b[31mEVIL\x07\n", 200), "[2J [31mEVIL");
        assert_eq!(line("<html>\r\n\x1b[2J  bad\x07", 72), "<html> [2J bad");
        assert_eq!(line("a\u{9b}31m\u{202e}b", 200), "a 31m b");
    }

    #[test]
    fn what_is_long_is_cut_between_characters() {
        assert_eq!(line("가나다라", 2), "가나…");
        assert_eq!(line("가나", 2), "가나");
    }
}
