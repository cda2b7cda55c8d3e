//! Checks whether a source that has figures gives them: nginx, a log, a port.

use crate::checks::{Check, Figure, Fix, Verdict};
use crate::lang::Sentence;
use crate::numbers::figure;
use crate::preflight::format::{clean, listed};
use crate::watch::{EventKind, Reading, Spec};

/// What is asked of a source whose blocks ask for nothing.
pub fn expressions<'i>(spec: &Spec, items: impl IntoIterator<Item = &'i str>) -> Vec<&'i str> {
    let mut expressions: Vec<&str> = items.into_iter().collect();
    if expressions.is_empty() {
        expressions.push(match spec {
            Spec::Nginx(at) if at.url.is_some() => "active",
            Spec::Nginx(_) => "count",
            Spec::Log(_) => "lines",
            _ => "ms",
        });
    }
    expressions
}

/// The check, if it was not made.
pub fn skipped(name: &str, spec: &Spec, cause: &str) -> Check {
    Check::skipped(id(spec), name.to_owned(), need(spec), cause)
}

/// Judges what a source gave for these expressions.
pub fn check(name: &str, spec: &Spec, expressions: &[&str], reading: &Reading) -> Check {
    let is_down = |kind| matches!(kind, EventKind::Down | EventKind::SourceEnded);
    let unseen: Vec<_> = reading.values.iter().filter_map(|value| value.as_ref().err()).collect();
    let missing = unseen.iter().find(|unseen| !unseen.is_early);
    let figures = expressions.iter().zip(&reading.values);
    let figures: Vec<String> = figures
        .filter_map(|(expression, value)| Some(format!("{expression} {}", figure(*value.as_ref().ok()?))))
        .collect();
    let found = if figures.is_empty() { "no figure".to_owned() } else { listed(&figures) };
    let check = Check::ok(id(spec), name.to_owned(), Figure::words(found), need(spec));
    if let Some(event) = reading.events.iter().find(|event| is_down(event.kind)) {
        return check.but(Verdict::Fail, format!("{}: {}", event.subject, clean(&event.evidence)), vec![]);
    }
    let fix = |fix: &Sentence| if fix.is_empty() { vec![] } else { vec![Fix::advice(fix.to_string())] };
    match (missing, unseen.first()) {
        (Some(unseen), _) => check.but(Verdict::Fail, clean(&unseen.why.to_string()), fix(&unseen.fix)),
        // A log may be silent as long as nobody uses the servers.
        (None, Some(early)) if figures.is_empty() => {
            check.but(Verdict::Unknown, clean(&early.why.to_string()), fix(&early.fix))
        }
        _ => check,
    }
}

fn id(spec: &Spec) -> &'static str {
    match spec {
        Spec::Nginx(_) => "watch-nginx",
        Spec::Log(_) => "watch-log",
        _ => "watch-tcp",
    }
}

fn need(spec: &Spec) -> Figure {
    Figure::words(match spec {
        Spec::Nginx(_) => "its figures",
        Spec::Log(_) => "its lines",
        _ => "an open port",
    })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::watch::{Event, Unseen, Watch};

    fn spec(block: &str) -> Spec {
        let text = format!("[[watch]]\nname = \"a\"\n{block}");
        let watch = Watch::read("x.toml", &text, &|_| None, Default::default()).expect("it reads");
        watch.sources[0].spec.clone()
    }

    fn judged(values: Vec<Result<f64, Unseen>>, events: Vec<Event>) -> Check {
        let spec = spec("source = \"nginx\"\nurl = \"http://x/\"");
        let asked = ["active", "waiting"];
        check("web1", &spec, &asked[..values.len()], &Reading { values, events })
    }

    #[test]
    fn figures_are_the_reading_and_what_is_missing_fails() {
        let check = judged(vec![Ok(291.0), Ok(3.0)], vec![]);
        assert_eq!((check.id, check.verdict), ("watch-nginx", Verdict::Ok));
        assert_eq!(check.reading.text, "active 291, waiting 3.00");
        let early = || Err(Unseen { is_early: true, ..Unseen::new("no line", "wait") });
        assert_eq!(judged(vec![Ok(1.0), early()], vec![]).verdict, Verdict::Ok);
        assert_eq!(judged(vec![early()], vec![]).verdict, Verdict::Unknown);
        let check = judged(vec![Ok(1.0), Err(Unseen::new("it answers 404", "add it"))], vec![]);
        assert_eq!((check.verdict, check.why.as_deref()), (Verdict::Fail, Some("it answers 404")));
        assert_eq!(check.fixes[0].text, "add it");
        let (at, evidence) = (Timestamp::UNIX_EPOCH, "refused".to_owned());
        let down = Event { at, kind: EventKind::Down, subject: "x:1".into(), evidence };
        assert_eq!(judged(vec![Ok(0.0)], vec![down]).why.as_deref(), Some("x:1: refused"));
    }

    #[test]
    fn a_source_without_items_is_asked_for_something() {
        for (block, asked) in [
            ("source = \"nginx\"\nurl = \"http://x/\"", "active"),
            ("source = \"nginx\"\nfile = \"/x\"", "count"),
            ("source = \"log\"\nfile = \"/x\"", "lines"),
            ("source = \"tcp\"\naddress = \"x:1\"", "ms"),
        ] {
            assert_eq!(expressions(&spec(block), []), [asked]);
            assert_eq!(expressions(&spec(block), ["a", "b"]), ["a", "b"]);
        }
    }
}
