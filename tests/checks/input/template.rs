//! Templates against a naive reading of their text.

use startline::members::{MemberId, SessionNumber};
use startline::scenario::runner::Runner;
use startline::scenario::template::{Part, Scope, Taken, Template, is_identifier};

/// What rendering is told here.
pub const SCOPE: Scope<'_> = Scope {
    member_id: MemberId(u64::MAX),
    challenge_id: 0,
    session: SessionNumber(10),
    now_ms: 1_700_000_000_000,
    held_ms: 1_805_432,
    sequence: 7,
    interval_ms: 0,
    taken: Taken::All(&[]),
    members: None,
    seed: 0,
};

const TAKEN: [&str; 2] = ["token", "{member_id}"];
const RUNNER: Runner = Runner { pace_s_per_km: 360, finish_cm: u64::MAX };

/// A name's part and, said again, what it renders as.
fn known(name: &str) -> Option<(Part, String)> {
    let pace = RUNNER.pace(SCOPE.seed, SCOPE.session.0);
    Some(match name {
        "member_id" => (Part::MemberId, SCOPE.member_id.to_string()),
        "challenge_id" => (Part::ChallengeId, SCOPE.challenge_id.to_string()),
        "session" => (Part::Session, SCOPE.session.0.to_string()),
        "now_ms" => (Part::NowMs, SCOPE.now_ms.to_string()),
        "now_s" => (Part::NowS, (SCOPE.now_ms / 1_000).to_string()),
        "held_ms" => (Part::HeldMs, SCOPE.held_ms.to_string()),
        "sequence" => (Part::Sequence, SCOPE.sequence.to_string()),
        "distance_km" => {
            let cm = SCOPE.held_ms * 100 / u64::from(pace);
            (Part::DistanceKm(RUNNER), format!("{:?}", cm as f64 / 1e5))
        }
        "own_pace_s_per_km" => (Part::OwnPace(RUNNER), pace.to_string()),
        "taken" => (Part::Taken(1), TAKEN[1].to_owned()),
        "not_yet" => (Part::Taken(2), String::new()),
        "variable" => (Part::Literal((*b"{session}").into()), "{session}".to_owned()),
        _ => return None,
    })
}

/// Any text compiles and renders as a naive reader replaces it, or is refused for the first name that is not known.
pub fn text(text: &str) {
    let compiled = Template::compile(text, |brace| match (known(brace.name), brace.is_plain()) {
        (Some((part, _)), true) => Ok(Some(Template::of([part]))),
        _ => Err(inner(brace.text).to_owned()),
    });
    let expected = replaced(text, |name| known(name).map(|(_, text)| text));
    match compiled {
        Err(name) => assert_eq!(Err(name), expected),
        Ok(template) => {
            let mut out = Vec::new();
            let taken = TAKEN.map(String::from);
            template.render(&Scope { taken: Taken::All(&taken), ..SCOPE }, &mut out);
            assert_eq!(Ok(String::from_utf8(out).expect("text in, text out")), expected);
            let is_literal = |part: &Part| matches!(part, Part::Literal(_));
            assert!(
                !template.parts.windows(2).any(|pair| pair.iter().all(is_literal)),
                "joined: {template:?}"
            );
            assert!(template.literals().all(|literal| !literal.is_empty()), "{template:?}");
        }
    }
}

/// `text` with every `{name}` replaced and every `{{name}}` bare, or the first name that is not known.
pub fn replaced(text: &str, value: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some((name, after)) = between(rest, "{{", "}}") {
            out.extend(["{", name, "}"]);
            rest = after;
        } else if let Some((name, after)) = between(rest, "{", "}") {
            out += &value(name).ok_or_else(|| name.to_owned())?;
            rest = after;
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    Ok(out)
}

fn inner(brace: &str) -> &str {
    &brace[1..brace.len() - 1]
}

/// The name that `text` begins with, between these brackets, and what follows.
fn between<'t>(text: &'t str, open: &str, close: &str) -> Option<(&'t str, &'t str)> {
    let (name, after) = text.strip_prefix(open)?.split_once(close)?;
    let is_word = |word: &str| {
        !word.is_empty()
            && !word.as_bytes()[0].is_ascii_digit()
            && word.chars().all(|c| matches!(c, 'a'..='z' | 'A'..='Z' | '0'..='9' | '_'))
    };
    assert_eq!(is_identifier(name), is_word(name), "{name:?}");
    // With a width behind it, and filters of any name.
    let mut words = name.split('|').next().unwrap_or_default().splitn(2, ':');
    let is_name = words.next().is_some_and(is_word) && words.all(is_part);
    let is_name = is_name && !name.contains(['{', '}', '\n']);
    let is_kind = ["env:", "file:", "hex:", "random:"].iter().any(|kind| name.starts_with(kind));
    (is_name || is_kind && !name.contains(['{', '}', '\n'])).then_some((name, after))
}

/// A width.
fn is_part(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
