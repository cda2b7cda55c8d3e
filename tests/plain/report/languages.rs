//! Finds texts without their Korean: in the tables, in what is printed, and in the code that prints.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use startline::checks::Page;
use startline::fault::{Blame, Fault, NamedFault};
use startline::lang::{Lang, Reason, Sentence, Text};
use startline::measure::PingEvent;
use startline::report::text::{summary, verdict};
use startline::report::texts::headline::Headline;
use startline::report::texts::page::Words;
use startline::report::texts::reconnects::Back;
use startline::report::texts::routing::Routing;
use startline::report::texts::servers::Side;
use startline::report::texts::shape;
use startline::report::texts::summary::{Summary, Title};
use startline::report::texts::troubles::Trouble;
use startline::report::{AddressResult, Ending, Ordered, RunResult, StallResult, TlsResult};
use startline::scenario::Good;
use startline::scenario::every::EveryIndex;
use textwrap::core::display_width;

use super::fixture::{CONNECT, ENTER, HOLD, LOGIN, OPEN, Run, criterion, lossy, rich, timed_of};

/// Words that are the same in every language: steps, kinds and types of the fixture, its criteria without a Korean
/// name, units, and names that a tester types.
const NAMES: &str = "login enter connect open ping entered left hold other held missing nonsense timeout sessions ms kB min \
                     runnity startline addresses add root lag JMeter JavaScript Esc HdrHistogram Close Java \
                     accept alert upstream WebSocket Redis Pub Sub Tomcat nginx docker inspect dmesg heartbeat \
                     Circuit Breaker HikariPool OutOfMemoryError OOMKilled ulimit Kafka Grafana Prometheus \
                     HikariCP Spring process-exporter cAdvisor curl grep address file command log url source watch \
                     chronyc tracking combined ingress-nginx persistence replication bind label max sum by \
                     metrics prometheus actuator true dbsize no http ssh try sequence";

/// The first English word that is none of [`NAMES`]. `closed-1006`, `--ca` and `PONG` are no words.
pub(super) fn english_word(text: &str) -> Option<&str> {
    let is_edge = |c: char| !c.is_ascii_alphanumeric() && !"-_./:".contains(c);
    let is_word = |word: &&str| {
        word.len() > 1
            && word.bytes().all(|byte| byte.is_ascii_alphabetic())
            && word[1..].bytes().any(|b| b.is_ascii_lowercase())
    };
    let words = text.split(is_edge).map(|word| word.trim_matches(['.', ':']));
    words.filter(is_word).find(|word| !NAMES.split(' ').any(|name| name == *word))
}

/// Without its places for arguments.
fn bare(template: &str) -> String {
    let mut pieces = template.split('{');
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| text + " " + piece.split_once('}').map_or("", |(_, rest)| rest))
}

/// Texts of a table without their Korean.
fn missing<T: Text>() -> Vec<String> {
    let is_missing = |text: &&T| {
        let (english, korean) = (bare(text.template(Lang::En)), bare(text.template(Lang::Ko)));
        let is_korean = korean.chars().any(|c| ('가'..='힣').contains(&c));
        english_word(&korean).is_some() || !is_korean && english_word(&english).is_some()
    };
    T::ALL.iter().filter(is_missing).map(|text| text.template(Lang::Ko).to_owned()).collect()
}

#[test]
fn every_text_of_a_table_has_its_korean() {
    let all = [
        missing::<Title>(),
        missing::<Summary>(),
        missing::<Trouble>(),
        missing::<Headline>(),
        missing::<Reason>(),
        missing::<Words>(),
        missing::<Side>(),
        missing::<Routing>(),
        missing::<shape::Words>(),
        missing::<Back>(),
        missing::<shape::Drawn>(),
    ];
    assert_eq!(all.concat(), Vec::<String>::new());
}

#[test]
fn what_makes_texts_has_none_of_its_own() {
    for file in ["text", "phrases", "headline", "verdict", "measures"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/report/{file}.rs"));
        let source = fs::read_to_string(&path).expect("a source file");
        let code = source.split("#[cfg(test)]").next().unwrap_or_default();
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for literal in line.split('"').skip(1).step_by(2) {
                let words =
                    bare(literal).split_whitespace().filter(|word| english_word(word).is_some()).count();
                assert!(words < 2, "{file}.rs: {literal:?} belongs into a table of src/report/texts");
            }
        }
    }
}

/// Why a figure was not seen, and what to do, has no words that are not in a table.
#[test]
fn what_sources_say_is_in_the_table() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/watch");
    let mut files = vec![root];
    let mut seen = 0;
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(
                fs::read_dir(&path).expect("a directory").map(|entry| entry.expect("an entry").path()),
            );
            continue;
        }
        let source = fs::read_to_string(&path).expect("a source file");
        let code = source.split("#[cfg(test)]").next().unwrap_or_default();
        for begin in ["Unseen::new(", "Unseen::early(", "Look::Gone(", "Look::Silent("] {
            for (at, _) in code.match_indices(begin) {
                let arguments = parenthesized(&code[at + begin.len()..]);
                seen += 1;
                for literal in arguments.split('"').skip(1).step_by(2) {
                    let is_text = english_word(&bare(literal)).is_some();
                    assert!(!is_text, "{}: {literal:?} belongs into src/lang/reason.rs", path.display());
                }
            }
        }
    }
    assert!(seen > 40, "{seen}");
}

/// Up to the bracket that closes what was opened before.
fn parenthesized(code: &str) -> &str {
    let mut depth = 1;
    let end = code.char_indices().find(|(_, c)| {
        depth += match c {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        depth == 0
    });
    &code[..end.map_or(code.len(), |(at, _)| at)]
}

/// Runs of every sort, whose summaries have every line that there is.
static RESULTS: LazyLock<Vec<RunResult>> = LazyLock::new(|| {
    let mut all = vec![Run::good().result(), everything(false), everything(true), lossy()];
    let change = |change: fn(&mut Run)| {
        let mut run = Run::without_pings();
        change(&mut run);
        run.result()
    };
    all.extend([
        change(|run| run.facts.ending = Ending::Stopped(Reason::TerminalGone.into())),
        change(|run| run.facts.ending = Ending::Running),
        change(|run| {
            let failures = Reason::Failures.with("40").with("enter").with("http-502").with(Reason::Network);
            let rule = Reason::AbortRule.with("errors.rate>50%:10s").with("61 %");
            run.facts.ending = Ending::Aborted(Reason::Both.with(rule).with(failures));
        }),
        change(|run| run.recorder.ping(EveryIndex(0), PingEvent::Due)),
        change(Run::lag_badly),
        change(|run| run.facts.last_start = Some(Duration::from_secs(400))),
        change(|run| run.plan.settings.sessions = 9000),
        change(|run| run.scenario.criteria.clear()),
        change(|run| run.judge_only(criterion("nonsense", "no.such", Good::AtMost, 0.0, ""))),
        change(|run| run.facts.hold_actual = Duration::from_secs(12)),
        change(|run| run.facts.min_in_hold = None),
        change(|run| run.facts.min_in_hold = Some(0)),
        change(|run| (0..6000).for_each(|_| run.fail(HOLD, Fault::Cut, ""))),
        change(|run| (0..6000).for_each(|_| run.recorder.step_ok(ENTER, timed_of(300_000, 290_000)))),
        change(|run| (0..6000).for_each(|_| run.recorder.step_ok(LOGIN, timed_of(300_000, 10_000)))),
        change(|run| (0..60).for_each(|_| run.fail(CONNECT, Fault::StepTimeout, ""))),
        change(|run| (0..60).for_each(|_| run.fail(OPEN, Fault::SourceNotLocal, ""))),
        change(|run| (0..40).for_each(|_| run.ping(PingEvent::TimedOut { stalled: false }))),
    ]);
    all
});

/// A result with every figure that the summary has a line for, once each or often.
fn everything(is_once: bool) -> RunResult {
    let mut result = rich();
    let many = if is_once { 1 } else { 1200 };
    result.criteria[0].why = Reason::NeedsHold.with("20").with("1");
    result.criteria[0].outcome = startline::report::Outcome::NotMeasured;
    for sample in result.errors.details.iter_mut().filter_map(|detail| detail.sample.as_mut()) {
        sample.evidence = "증거".into();
    }
    result.reasons.extend(vec![Sentence::from(Reason::NoneMeasured); 4]);
    result.sessions.completed = if is_once { 1 } else { 0 };
    result.ping.missed_wait.p99_ms = Some(12.0);
    result.ping.missed_wait.max_ms = Some(13.0);
    result.messages.joined = many;
    result.messages.first_other = Some(startline::report::OtherMessage {
        session: startline::members::SessionNumber(1),
        member_id: startline::members::MemberId(14).into(),
        at_seconds: 61.0,
        text: "기타".into(),
    });
    result.servers.0[0].1.misrouted = Some(many);
    result.servers.0[0].1.failures = vec![startline::report::ServerFailure {
        step: "hold".into(),
        kind: "closed-1006".into(),
        count: if is_once { 3000 } else { 2 },
        first_seconds: 1.0,
        last_seconds: 2.0,
    }];
    let server = result.servers.0[1].1.clone();
    result.servers.0.extend((0..8).map(|k| (format!("wss://{k}.example/"), server.clone())));
    result.http.shared_per_worker = Some(32);
    (result.http.waited, result.http.wait_p99_ms, result.http.wait_max_ms) = (many, Some(3.0), Some(4.0));
    let counts = |name: &str| Ordered(vec![(name.to_owned(), many)]);
    result.tls = Some(TlsResult {
        insecure: true,
        full: many,
        resumed: many,
        versions: counts("TLS 1.3"),
        suites: counts("TLS_AES_128_GCM_SHA256"),
        key_exchanges: counts("X25519"),
        tickets: 0,
        key_updates: many,
    });
    if let Some(them) = &mut result.ramp_down {
        (them.cut, them.timed_out) = (many, many);
    }
    (result.errors.messages, result.errors.reconnected, result.errors.member_burned) = (many, many, many);
    let own = &mut result.generator;
    own.connections_by_source = (0..6).map(|k| (format!("127.0.1.{k}"), 1000 + k)).collect();
    own.unanswered_by_source = own.connections_by_source.clone();
    own.connections_by_address.insert("192.0.2.2:443".into(), AddressResult { begun: many, up: 0 });
    let at = result.started_at;
    let stall = StallResult { at, from_seconds: 1.0, to_seconds: 2.0, workers: 1 };
    result.stalls.count = many;
    result.stalls.longest_seconds = Some(1.0);
    result.stalls.listed = vec![stall];
    if let Some(ledger) = &mut result.ledger {
        ledger.gone_while_open = many;
    }
    result
}

#[test]
fn a_printed_summary_is_korean_throughout() {
    for result in RESULTS.iter() {
        let text = summary(result, Some(Path::new("/results/1")), Lang::Ko, Page::PLAIN);
        assert_eq!(english_word(&text), None, "{text}");
    }
}

#[test]
fn no_line_is_wider_than_the_page_in_any_language() {
    for result in RESULTS.iter() {
        for (lang, columns) in
            Lang::ALL.into_iter().flat_map(|lang| [40, 80, 120].map(|columns| (lang, columns)))
        {
            let text = summary(result, None, lang, Page { columns, colour: true });
            for line in text.lines() {
                assert!(display_width(line) <= columns, "{columns} columns: {line:?} in\n{text}");
            }
        }
    }
}

#[test]
fn quiet_prints_the_verdict_alone() {
    let result = Run::good().result();
    for lang in Lang::ALL {
        let text = verdict(&result, lang, Page { columns: 120, colour: false });
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(summary(&result, None, lang, Page { columns: 120, colour: false }).starts_with(&text));
    }
}

#[test]
fn an_english_word_is_found() {
    assert_eq!(english_word("세션 5개 open, errors 3"), Some("errors"));
    assert_eq!(english_word("오류 http-502 --ca summary.json TLS 1.3 p99, enter 단계"), None);
}

#[test]
fn advice_is_korean_for_kinds_that_have_a_value_too() {
    let mut run = Run::without_pings();
    for fault in [
        Fault::HttpStatus(502),
        Fault::Named(NamedFault { name: 1, blame: Blame::Scenario }),
        Fault::Closed(1008),
    ] {
        run.fail(ENTER, fault, "");
    }
    let text = summary(&run.result(), None, Lang::Ko, Page::PLAIN);
    for advice in ["→ 프록시가 요청을", "→ 서버가 할 수 없는 일을", "→ 서버가 세션을 거부했습니다"]
    {
        assert!(text.contains(advice), "{advice} in\n{text}");
    }
}
