//! What is wrong with a document, with its place.

use super::*;

fn with_section<T>(text: &str, check: impl FnOnce(Result<Section<'_>>) -> T) -> T {
    let document = DeTable::parse(text).expect("TOML");
    check(Section::root(
        Source { file: "x.toml", text },
        "the scenario",
        document.get_ref(),
        &["timeout", "list", "word"],
    ))
}

fn message<T: std::fmt::Debug>(result: Result<T>) -> String {
    result.expect_err("it is wrong").to_string()
}

#[test]
fn the_first_unknown_key_of_the_file_is_named() {
    with_section("word = \"a\"\n  tiemout = 1\n  aaa = 2\n", |section| {
        assert_eq!(
            message(section.map(|_| ())),
            "x.toml:2:3: unknown key \"tiemout\" in the scenario; did you mean \"timeout\"?"
        );
    });
}

#[test]
fn a_wrong_type_is_named() {
    with_section("timeout = [1]\nlist = [200, \"a\"]\nword = 1.5\n", |section| {
        let section = section.expect("known keys");
        assert_eq!(
            message(section.duration("timeout")),
            "x.toml:1:11: \"timeout\" in the scenario: a duration such as \"30s\" is wanted here, this is an array"
        );
        assert_eq!(
            message(section.statuses("list")),
            "x.toml:2:14: \"list\" in the scenario: an HTTP status is wanted here, this is a string"
        );
        assert_eq!(
            message(section.text("word")),
            "x.toml:3:8: \"word\" in the scenario: a string is wanted here, this is a float"
        );
    });
}

#[test]
fn a_bare_number_is_no_duration() {
    with_section("timeout = 30", |section| {
        let error = message(section.expect("known keys").duration("timeout"));
        assert!(error.contains("\"30\" has no unit: write 30s"), "{error}");
    });
    with_section("timeout = 0", |section| {
        assert!(section.expect("known keys").duration("timeout").is_err());
    });
}
