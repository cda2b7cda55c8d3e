//! Other forms of a result: what is in them, and that a peer's text stays text.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use clap::CommandFactory;
use quick_xml::Reader;
use quick_xml::events::Event;
use startline::cli::Cli;
use startline::lang::{Lang, Sentence};
use startline::report::formats::{FORMATS, Format, Source};
use startline::report::{
    ErrorDetail, ErrorSample, Outcome, RunResult, ServerFailure, TroubleResult, Verdict, files, troubles,
};

use super::fixture::{Run, interval, rich};
use super::recorded::recorded_run;

/// A form of a result, and of the files beside it.
#[track_caller]
fn made(name: &str, result: &RunResult, directory: &Path) -> String {
    let source = Source { result, directory, lang: Lang::En };
    let mut out = Vec::new();
    Format::named(name).expect("a format").make(&source, &mut out).expect("it is made");
    String::from_utf8(out).expect("UTF-8")
}

/// Elements with their attributes, each as `name key=value …`; the text between them is left out.
fn elements(xml: &str) -> Vec<String> {
    let mut reader = Reader::from_str(xml);
    let mut found = Vec::new();
    loop {
        match reader.read_event().expect("well-formed") {
            Event::Eof => return found,
            Event::Start(element) | Event::Empty(element) => {
                let name = String::from_utf8_lossy(element.name().as_ref()).into_owned();
                let attributes = element.attributes().map(|attribute| {
                    let attribute = attribute.expect("well-formed");
                    let value =
                        attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0).expect("escaped");
                    format!(" {}={value}", String::from_utf8_lossy(attribute.key.as_ref()))
                });
                found.push(name + &attributes.collect::<String>());
            }
            _ => {}
        }
    }
}

#[test]
fn forms_have_names_that_help_lists() {
    assert!(FORMATS.windows(2).all(|pair| pair[0].name < pair[1].name));
    let mut command = Cli::command();
    for (subcommand, option) in [("run", "report"), ("report", "format")] {
        let subcommand = command.find_subcommand_mut(subcommand).expect("it exists");
        let option = subcommand.get_arguments().find(|arg| arg.get_id() == option).expect("it exists");
        let help = option.get_help().expect("help").to_string();
        for format in FORMATS {
            assert!(help.contains(format.name), "{} in {help:?}", format.name);
        }
    }
}

#[test]
fn forms_of_a_killed_run_say_as_much_as_its_files_do() {
    let place = tempfile::tempdir().expect("a directory");
    let result = recorded_run(place.path(), 3, |_| interval());
    let whole = FORMATS.map(|format| made(format.name, &result, place.path()));
    let json = FORMATS.iter().position(|format| format.name == "json").expect("a form");
    assert_eq!(whole[json], fs::read_to_string(place.path().join(files::SUMMARY)).expect("a summary"));
    for (name, torn) in [(files::TIMELINE, "3,hold,3.000"), (files::LATENCY_LOG, "Tag=login,3.0,1.0")] {
        let file = OpenOptions::new().append(true).open(place.path().join(name));
        file.and_then(|mut file| file.write_all(torn.as_bytes())).expect("it can be appended to");
    }
    assert_eq!(FORMATS.map(|format| made(format.name, &result, place.path())), whole);
    for name in [files::TIMELINE, files::LATENCY_LOG] {
        fs::write(place.path().join(name), "").expect("an empty file");
    }
    FORMATS.iter().for_each(|format| drop(made(format.name, &result, place.path())));
}

#[test]
fn csv_has_failures_by_kind_in_columns() {
    let place = tempfile::tempdir().expect("a directory");
    let result = recorded_run(place.path(), 2, |_| interval());
    let csv = made("csv", &result, place.path());
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let head = reader.headers().expect("a head").clone();
    for row in reader.records() {
        let row = row.expect("as many cells as the head has");
        let cell = |name: &str| head.iter().position(|own| own == name).map(|k| row[k].to_owned());
        assert_eq!(cell("errors.enter.http-503").as_deref(), Some("1"));
        assert_eq!(cell("errors.count").as_deref(), Some("1"));
        assert_eq!(cell("steps.login.p50_ms").as_deref(), Some("4.992"));
        assert_eq!(cell("start_time").map(|time| time.len()), Some("2026-01-31T09:30:00.000Z".len()));
        assert_eq!(cell("errors"), None);
    }
}

#[test]
fn junit_has_a_test_case_for_each_criterion_by_its_outcome() {
    let mut result = Run::good().result();
    result.scenario = "<&\"'\x1b>".into();
    for (criterion, (outcome, stands)) in result.criteria.iter_mut().zip([
        (Outcome::Pass, true),
        (Outcome::Warn, true),
        (Outcome::Fail, true),
        (Outcome::Fail, false),
        (Outcome::NotMeasured, true),
    ]) {
        (criterion.outcome, criterion.stands) = (outcome, stands);
        criterion.why = Sentence::plain("<why> & \"\u{ffff}\0\"");
    }
    result.criteria.truncate(5);
    result.verdict = Verdict::Inconclusive;
    let found = elements(&made("junit", &result, Path::new("/nowhere")));
    assert_eq!(found[0], "testsuites name=startline tests=6 failures=1 errors=2");
    let suite = "testsuite name=<&\"' > tests=6 failures=1 errors=2 timestamp=2026-01-31T09:30:00 skipped=1";
    assert_eq!(found[1], suite);
    assert!(found.contains(&"property name=plan.sessions value=6000".to_owned()));
    let cases: Vec<&str> =
        found.iter().skip_while(|it| !it.starts_with("testcase")).map(|it| &**it).collect();
    let of = |kind: &str| cases[1..].iter().filter(|it| it.starts_with(kind)).count();
    assert!(cases[0].ends_with(" name=conclusive") && cases[1].starts_with("error type=inconclusive "));
    assert_eq!((of("testcase"), of("failure"), of("error"), of("skipped")), (5, 1, 2, 1));
    assert!(
        cases.iter().any(|it| it.ends_with(": <why> & \" \"") && it.starts_with("failure")),
        "{cases:#?}"
    );
}

/// A name from a file that was changed is text, too.
#[test]
fn troubles_stand_where_a_reader_of_ci_looks() {
    let mut result = Run::good().result();
    result.watch = None;
    let failure = ServerFailure {
        step: "hold".into(),
        kind: "closed-1006".into(),
        count: 3_000,
        first_seconds: 900.0,
        last_seconds: 900.4,
    };
    result.servers.0[0].1.failures.push(failure);
    result.troubles = troubles::diagnose(&result);
    assert_eq!(result.troubles.len(), 1);
    result.troubles.push(TroubleResult { name: "<img> @all".into(), ..result.troubles[0].clone() });
    let junit = made("junit", &result, Path::new("/nowhere"));
    let said = "value=server-down: a server went down (seen by the sessions alone, from 900.0 s on). \
                wss://a.example/ws/1 lost 3,000 sessions at once";
    let found = elements(&junit);
    let property = found.iter().find(|it| it.starts_with("property name=trouble.server-down "));
    assert!(property.is_some_and(|it| it.contains(said)), "{found:#?}");
    let out = junit.split("<system-out>").last().expect("the suite's");
    assert!(out.starts_with("server-down: ") && out.contains("\n  See whether the server runs"), "{out}");
    let page = made("markdown", &result, Path::new("/nowhere"));
    assert!(page.contains("\n- ❗ server-down: a server went down (seen by"), "{page}");
    assert!(
        page.contains("\n  → See whether the server runs") && page.contains("&lt;img&gt; @<!-- -->all"),
        "{page}"
    );
}

#[test]
fn markdown_shows_what_failed_and_takes_nothing_for_markup() {
    let mut result = rich();
    let evidence = "a | `b` <script>@all".to_owned();
    let sample = rich().errors.details.into_iter().find_map(|detail| detail.sample).expect("a sample");
    result.errors.details = vec![ErrorDetail {
        sample: Some(ErrorSample { evidence, ..sample }),
        ..result.errors.details[0].clone()
    }];
    result.criteria[0].name = "a|b *c* <d>".into();
    let page = made("markdown", &result, Path::new("/tmp/x"));
    assert!(page.starts_with("## ❌ Failed: "), "{page}");
    assert!(page.contains("| a\\|b \\*c\\* &lt;d&gt; |"), "{page}");
    assert!(page.contains("| `` a \\| `b` <script>@all `` |"), "{page}");
    // As many cells in each row of a table as in its head.
    let mut columns = None;
    for line in page.lines() {
        let cells = line.replace("\\|", "").matches('|').count();
        columns = if cells == 0 { None } else { Some(*columns.get_or_insert(cells)) };
        assert!(columns.is_none_or(|columns| columns == cells), "{line}");
    }
}
