//! Templates against a naive reading of them, alone and where a scenario has them.

use proptest::prelude::*;
use startline::scenario::Scenario;
use startline::scenario::template::{Template, is_identifier};

use crate::checks::input::template::{self as check, SCOPE, replaced};

/// Texts full of braces: JSON, names known and unknown, and what comes close to one.
fn text() -> impl Strategy<Value = String> {
    let name = || {
        prop_oneof![
            6 => prop::sample::select(vec![
                "member_id", "challenge_id", "session", "now_ms", "now_s", "held_ms", "sequence", "distance_km", "taken",
                "not_yet",
                "variable", "env:HOME", "file:/dev/zero",
            ]).prop_map(str::to_owned),
            1 => "[a-zA-Z_][a-zA-Z0-9_]{0,5}",
        ]
    };
    let piece = prop_oneof![
        4 => name().prop_map(|name| format!("{{{name}}}")),
        2 => name().prop_map(|name| format!("{{{{{name}}}}}")),
        1 => name(),
        3 => prop::sample::select(vec!["{", "}", "{{", "}}", "{}", "{ ", "{\"a\":", "{1}", "{a-b}", "{가}"])
            .prop_map(str::to_owned),
        2 => "\\PC{0,3}",
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// The value of `{name}` in a body, before the session is open.
fn before_open(name: &str) -> Option<String> {
    let value = match name {
        "member_id" => SCOPE.member_id.0,
        "challenge_id" => SCOPE.challenge_id,
        "session" => SCOPE.session.0.into(),
        "now_ms" => SCOPE.now_ms,
        "now_s" => 1_700_000_000,
        _ => return None,
    };
    Some(value.to_string())
}

/// `text` with the braces of every name doubled.
fn doubled(text: &str) -> String {
    let mut pieces = text.split('{');
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |out, piece| match piece.split_once('}') {
        Some((name, after))
            if is_identifier(name) || ["env:", "file:"].iter().any(|it| name.starts_with(it)) =>
        {
            format!("{out}{{{{{name}}}}}{after}")
        }
        _ => format!("{out}{{{piece}"),
    })
}

proptest! {
    #[test]
    fn a_template_renders_as_a_naive_reader_replaces(text in text()) {
        check::text(&text);
    }

    #[test]
    fn any_text_is_a_template(text: String) {
        check::text(&text);
    }

    #[test]
    fn doubled_braces_write_any_text(text in text()) {
        let template = Template::compile(&doubled(&text), |brace| Err::<Option<Template>, _>(brace.text.to_owned()));
        let mut out = Vec::new();
        template.expect("no name is left").render(&SCOPE, &mut out);
        prop_assert_eq!(String::from_utf8(out).unwrap(), text);
    }

    #[test]
    fn an_unknown_name_is_text_or_refused_at_its_place(text in text()) {
        let source = format!(
            "name = \"x\"\n[[http]]\nname = \"a\"\nmethod = \"POST\"\npath = \"/\"\n  body = {}\n",
            toml::Value::String(text.clone())
        );
        let as_written = |name: &str| before_open(name).or_else(|| Some(format!("{{{name}}}")));
        match Scenario::compile("x.toml", &source, &[]) {
            Ok(scenario) => {
                let mut out = Vec::new();
                scenario.http[0].body.as_ref().unwrap().render(&SCOPE, &mut out);
                prop_assert_eq!(Ok(String::from_utf8(out).unwrap()), replaced(&text, as_written));
            }
            Err(error) => {
                let error = error.to_string();
                prop_assert!(replaced(&text, before_open).is_err(), "every name is known");
                prop_assert!(error.starts_with("x.toml:6:10: \"body\" in [[http]]: "), "{}", error);
            }
        }
    }
}
