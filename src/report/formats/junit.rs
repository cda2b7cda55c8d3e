//! JUnit XML, as Jenkins, GitLab and others read it: a test case for each criterion.
//!
//! A criterion that could not be measured is skipped. A failure that this machine may have caused is an
//! error, and so is a run that is inconclusive: no test, but nothing that a pipeline may take for a
//! pass. Invariant: it is XML 1.0, whatever a peer's text contains.

use std::io::{self, Write};

use super::{MakeError, Source};
use crate::foreign;
use crate::lang::Lang;
use crate::report::headline::headline;
use crate::report::plan_settings::{SOURCE, plan_settings};
use crate::report::{CriterionResult, ErrorDetail, Outcome, RunResult, TroubleResult, Verdict, phrases};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

/// Characters of a sample's evidence.
const EVIDENCE_CHARS_MAX: usize = 500;

type Xml<'o> = Writer<&'o mut dyn Write>;

/// A test case that did not pass.
struct Trouble {
    /// `failure`, `error` or `skipped`.
    element: &'static str,
    kind: &'static str,
}

struct Case<'r> {
    name: &'r str,
    /// What was found.
    found: String,
    trouble: Option<Trouble>,
}

/// The suite of a run.
pub(super) fn junit(source: &Source<'_>, out: &mut dyn Write) -> Result<(), MakeError> {
    let result = source.result;
    let criteria = result.criteria.iter().map(case);
    let cases: Vec<Case<'_>> = std::iter::once(whole_run(result)).chain(criteria).collect();
    let mut xml = Writer::new_with_indent(out, b' ', 2);
    suites(&mut xml, result, &cases)?;
    Ok(xml.into_inner().write_all(b"\n")?)
}

/// The run itself: an error if it shows nothing. A failure is its criteria's.
fn whole_run(result: &RunResult) -> Case<'_> {
    let is_inconclusive = result.verdict == Verdict::Inconclusive;
    let trouble = is_inconclusive.then_some(Trouble { element: "error", kind: "inconclusive" });
    Case { name: "conclusive", found: headline(result, Lang::En), trouble }
}

fn case(criterion: &CriterionResult) -> Case<'_> {
    let (element, kind) = match criterion.outcome {
        Outcome::Pass | Outcome::Warn => ("", ""),
        Outcome::Fail if criterion.stands => ("failure", "criterion"),
        Outcome::Fail => ("error", "in-doubt"),
        Outcome::NotMeasured => ("skipped", "not-measured"),
    };
    let trouble = (!element.is_empty()).then_some(Trouble { element, kind });
    Case { name: &criterion.name, found: format!("{}: {}", criterion.measure, criterion.why), trouble }
}

fn suites(xml: &mut Xml<'_>, result: &RunResult, cases: &[Case<'_>]) -> io::Result<()> {
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let count = |element: &str| {
        let with = |case: &&Case<'_>| case.trouble.as_ref().is_some_and(|it| it.element == element);
        cases.iter().filter(with).count().to_string()
    };
    let counts =
        [("tests", cases.len().to_string()), ("failures", count("failure")), ("errors", count("error"))];
    let counts = || counts.iter().map(|(name, count)| (*name, count.as_str()));
    let (name, skipped) = (xml_text(&result.scenario), count("skipped"));
    let class = format!("startline.{name}");
    let began = result.started_at.strftime("%FT%T").to_string();
    let own = [("timestamp", began.as_str()), ("skipped", &skipped)];
    let suite = |xml: &mut Xml<'_>| {
        xml.create_element("testsuite")
            .with_attribute(("name", name.as_str()))
            .with_attributes(counts().chain(own))
            .write_inner_content(|xml| {
                properties(xml, result)?;
                cases.iter().try_for_each(|case| write_case(xml, &class, case))?;
                match troubles(&result.troubles) + &failures(&result.errors.details) {
                    said if said.is_empty() => Ok(()),
                    said => text_element(xml, "system-out", &said),
                }
            })
            .map(drop)
    };
    let all = xml.create_element("testsuites").with_attribute(("name", "startline"));
    all.with_attributes(counts()).write_inner_content(suite).map(drop)
}

fn properties(xml: &mut Xml<'_>, result: &RunResult) -> io::Result<()> {
    let verdict = match result.verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Inconclusive => "inconclusive",
    };
    let mut all = vec![
        ("verdict".to_owned(), verdict.to_owned()),
        ("ending".to_owned(), result.ending.clone()),
        ("startline".to_owned(), result.version.clone()),
        ("started_at".to_owned(), result.started_at.to_string()),
    ];
    let trouble = |one: &TroubleResult| (format!("trouble.{}", one.name), phrases::trouble(one, Lang::En));
    all.extend(result.troubles.iter().map(trouble));
    let settings = plan_settings(&result.plan).into_iter().filter(|(name, _)| name != SOURCE);
    all.extend(settings.map(|(name, value)| (format!("plan.{name}"), value)));
    xml.create_element("properties")
        .write_inner_content(|xml| {
            all.iter().try_for_each(|(name, value)| {
                let attributes = [("name", xml_text(name)), ("value", xml_text(value))];
                let attributes = attributes.iter().map(|(key, value)| (*key, value.as_str()));
                xml.create_element("property").with_attributes(attributes).write_empty().map(drop)
            })
        })
        .map(drop)
}

fn write_case(xml: &mut Xml<'_>, suite: &str, case: &Case<'_>) -> io::Result<()> {
    let (name, found) = (xml_text(case.name), xml_text(&case.found));
    let element = xml.create_element("testcase");
    let element = element.with_attributes([("classname", suite), ("name", name.as_str())]);
    let content = |xml: &mut Xml<'_>| match &case.trouble {
        None => text_element(xml, "system-out", &found),
        Some(trouble) => xml
            .create_element(trouble.element)
            .with_attributes([("type", trouble.kind), ("message", found.as_str())])
            .write_text_content(BytesText::new(&found))
            .map(drop),
    };
    element.write_inner_content(content).map(drop)
}

fn text_element(xml: &mut Xml<'_>, name: &str, text: &str) -> io::Result<()> {
    xml.create_element(name).write_text_content(BytesText::new(&xml_text(text))).map(drop)
}

/// What is wrong by name, a paragraph for each.
fn troubles(troubles: &[TroubleResult]) -> String {
    let one =
        |one: &TroubleResult| format!("{}\n  {}\n", phrases::trouble(one, Lang::En), one.advice(Lang::En));
    troubles.iter().map(one).collect()
}

/// What failed, a paragraph for each kind.
fn failures(details: &[ErrorDetail]) -> String {
    let one = |detail: &ErrorDetail| {
        let ErrorDetail { count, kind, step, blame, next, sample } = detail;
        let evidence = sample.as_ref().map(|it| foreign::line(&it.evidence, EVIDENCE_CHARS_MAX));
        let evidence = evidence.filter(|it| !it.is_empty()).map(|it| format!("\n  {it}"));
        let place = if step.is_empty() { String::new() } else { format!(" in {step}") };
        format!("{count} x {kind}{place} ({blame}){}\n  {next}\n", evidence.unwrap_or_default())
    };
    details.iter().map(one).collect()
}

/// Text without the characters that XML 1.0 has no way to write.
fn xml_text(text: &str) -> String {
    let is_allowed = |c: &char| !matches!(c, '\u{fffe}' | '\u{ffff}');
    foreign::shown_plain(text).chars().filter(is_allowed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_peers_stays_xml() {
        assert_eq!(xml_text("a\0b\x1b[31m\u{ffff}\u{202e}가\n"), "a b [31m\\u202e가\n");
    }
}
