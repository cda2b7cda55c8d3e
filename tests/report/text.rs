//! The summary on the terminal.

use std::path::Path;

use startline::report::text::summary;

use super::fixture::{Run, rich};

#[test]
fn the_verdict_comes_first_and_the_page_is_short() {
    let text = summary(&rich(), Some(Path::new("startline-20260131-093000")), false);
    println!("{text}");
    assert!(text.starts_with("FAIL  The servers did not keep their promises."), "{text}");
    assert!(text.lines().count() <= 48, "{} lines\n{text}", text.lines().count());
    assert!(text.lines().all(|line| line.chars().count() <= 132), "{text}");
    assert!(!text.contains('\x1b'));
    let wanted = [
        "17,997,000",
        "4,000 × http-502 in enter (server)",
        "→ The proxy had no server",
        "<html> <head><title>502",
        "member-burned: 40",
        "Results     startline-2026",
    ];
    for wanted in wanted {
        assert!(text.contains(wanted), "{wanted} in\n{text}");
    }
}

#[test]
fn a_good_run_says_so_in_few_lines() {
    let text = summary(&Run::good().result(), None, false);
    println!("{text}");
    assert!(text.starts_with("PASS  The servers kept their promises."));
    assert!(text.lines().count() <= 34);
    assert!(!text.contains('✗') && !text.contains('→'));
}

#[test]
fn colour_only_repeats_what_the_words_say() {
    let result = rich();
    let (plain, coloured) = (summary(&result, None, false), summary(&result, None, true));
    let mut stripped = coloured.clone();
    for code in ["1;31", "1;32", "1;33", "2", "0"] {
        stripped = stripped.replace(&format!("\x1b[{code}m"), "");
    }
    assert_ne!(plain, coloured);
    assert_eq!(plain, stripped);
}
