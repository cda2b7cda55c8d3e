//! The summary on the terminal.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use startline::checks::Page;
use startline::lang::{Lang, Reason};
use startline::measure::Totals;
use startline::plan::{FindMax, Http, Settings};
use startline::report::text::summary;
use startline::report::{AgeResult, Ending, Ordered, SequenceResult, StageFacts};
use startline::scenario::Good;
use startline_os::tick::Ticks;

use super::fixture::{Run, bucket, criterion, layout, member, rich};

#[test]
fn the_verdict_comes_first_and_the_page_is_short() {
    let result = rich();
    let text = summary(&result, Some(Path::new("startline-20260131-093000")), Lang::En, Page::PLAIN);
    println!("{text}");
    assert!(text.starts_with("FAIL  4,001 of 6,000 sessions failed in enter (http-502, "), "{text}");
    let lines_max = 68 + 6 * result.troubles.len();
    assert!(text.lines().count() <= lines_max, "{} lines\n{text}", text.lines().count());
    assert!(!text.contains('\x1b'));
    let wanted = [
        "17,997,000",
        "4,000 × http-502 in enter (server)",
        "→ The proxy had no server",
        "<html> <head><title>502",
        "member-burned: 40",
        "startline try --plan startline-20260131-093000/plan.toml --members ",
        "Results     startline-2026",
    ];
    for wanted in wanted {
        assert!(text.contains(wanted), "{wanted} in\n{text}");
    }
}

/// A stage in which nothing happened, after this many seconds.
fn stage(took: u64) -> StageFacts {
    StageFacts {
        totals: Arc::new(Totals::new(&layout())),
        began: Duration::ZERO,
        took: Duration::from_secs(took),
        min_held: None,
        ledger: None,
        membership: None,
    }
}

/// A run of these stages that was interrupted; `took`: the seconds of each that it played.
fn interrupted<const N: usize>(stages: [&str; N], took: [u64; N], find_max: Option<FindMax>) -> Run {
    let mut run = Run::good();
    let stages = stages.map(|stage| stage.parse().expect("a stage")).into();
    run.plan = run.plan.clone().with_settings(Settings { stages, find_max, ..run.plan.settings.clone() });
    run.facts.stages = took.map(stage).into();
    run.facts.ending = Ending::Stopped(Reason::Interrupted.into());
    run
}

#[test]
fn a_step_whose_hold_was_cut_short_has_not_held() {
    let steps = FindMax { step: 3_000, ramp: Duration::from_secs(10), hold: Duration::from_secs(15) };
    let found = |took: [u64; 3]| {
        let stages = ["1-rise=10s:3000", "1-hold=15s:3000", "1-judge=1s:3000"];
        interrupted(stages, took, Some(steps)).result().find_max.expect("a search").steps.len()
    };
    assert_eq!((found([10, 3, 0]), found([10, 15, 1])), (0, 1));
}

/// A run that ends early shows the stages that it came to, and says why it has no share of arrivals.
#[test]
fn stages_that_a_run_did_not_reach_have_no_row() {
    let mut run = interrupted(["1m:3000", "30m:3000", "30s:6000"], [60, 7, 0], None);
    run.judge_only(criterion("arrivals", "arrivals.achieved_share", Good::AtLeast, 0.99, "%"));
    let text = summary(&run.result(), None, Lang::En, Page::PLAIN);
    let rows = text.lines().skip_while(|line| !line.starts_with("stage ")).skip(1);
    let names: Vec<&str> = rows.map_while(|line| line.split_whitespace().next()).collect();
    assert_eq!(names, ["1", "2"], "{text}");
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("of stages only the share of arrivals is measured"), "{text}");
}

#[test]
fn a_criterion_that_is_named_after_its_figure_prints_it_once() {
    let mut run = Run::good();
    run.judge_only(criterion("ping p95", "steps.ping.p95_ms", Good::Below, 200.0, "ms"));
    let text = summary(&run.result(), None, Lang::En, Page::PLAIN);
    assert!(text.contains("✓ ping p95  "), "{text}");
    assert!(!text.contains("p95 p95"), "{text}");
}

#[test]
fn clocks_differ_where_ages_are_negative_by_more_than_a_reading_s_precision() {
    let mut result = Run::good().result();
    let shown = |least_ms: f64, result: &mut startline::report::RunResult| {
        let age = AgeResult { count: 9, negative: 2, ..AgeResult::default() };
        let least_ms = [("ws://one".to_owned(), least_ms)].into_iter().collect();
        result.messages.ages = [("said".to_owned(), AgeResult { least_ms, ..age })].into_iter().collect();
        summary(result, None, Lang::En, Page::PLAIN)
    };
    assert!(shown(-7.0, &mut result).contains("2 of 9 messages said were sent later than they came"));
    assert!(!shown(-0.005, &mut result).contains("clocks differ"));
}

#[test]
fn what_awaits_no_reply_is_no_heartbeat() {
    let mut result = Run::good().result();
    let shown = |result: &startline::report::RunResult| summary(result, None, Lang::En, Page::PLAIN);
    assert!(shown(&result).contains("\nHeartbeat   ping: "), "{}", shown(&result));
    result.every.0[0].0 = "note".into();
    assert!(shown(&result).contains("\nPeriodic    note: "), "{}", shown(&result));
    assert!(!shown(&result).contains("Heartbeat"), "{}", shown(&result));
}

#[test]
fn a_good_run_says_so_in_few_lines() {
    let text = summary(&Run::good().result(), None, Lang::En, Page::PLAIN);
    println!("{text}");
    assert!(text.starts_with("PASS  At least 5,998 of 6,000 sessions were open"), "{text}");
    assert!(text.lines().count() <= 40);
    assert!(!text.contains('✗') && !text.contains('→'));
}

#[test]
fn what_could_not_be_measured_of_messages_is_said() {
    let mut result = Run::good().result();
    let messages = &mut result.messages;
    messages.received = 16;
    messages.by_type = Ordered(vec![("head".into(), 7), ("tick".into(), 0), ("trade".into(), 9)]);
    let age = |unread| AgeResult { unread, ..AgeResult::default() };
    let numbers = |unread| SequenceResult { unread, missing: 1, ..SequenceResult::default() };
    messages.ages = Ordered(vec![("head".into(), age(7)), ("tick".into(), age(0))]);
    messages.sequences =
        Ordered(vec![("head".into(), numbers(7)), ("tick".into(), numbers(0)), ("trade".into(), numbers(2))]);
    for lang in Lang::ALL {
        let text = summary(&result, None, lang, Page::PLAIN);
        assert!(!text.contains("head: 1 ") && !text.contains("tick: 1 "), "nothing was read: {text}");
    }
    let text = summary(&result, None, Lang::En, Page::PLAIN).replace("\n            ", " ");
    for wanted in [
        "warning: no message tick came, though the scenario measures its age or number",
        "warning: 7 messages head have no instant at sent_at that can be read (see sent_unit)",
        "warning: 7 messages head have no number at sequence that can be read",
        "warning: 2 messages trade have no number at sequence that can be read",
        "trade: 1 missing, 0 duplicate",
    ] {
        assert!(text.contains(wanted), "{wanted} in\n{text}");
    }
}

#[test]
fn shared_connections_are_told_with_the_waits_for_them() {
    assert!(
        !summary(&Run::good().result(), None, Lang::En, Page::PLAIN).contains("HTTP"),
        "an own one each is nothing to speak of"
    );
    let mut run = Run::good();
    run.plan.http = Http::Pooled { connections: 32 };
    (0..64).for_each(|_| run.recorder.http_connection());
    (0..12_000).for_each(|request| run.recorder.http_request(request >= 64));
    let text = summary(&run.result(), None, Lang::En, Page::PLAIN);
    let line = "HTTP        12,000 requests on 64 shared connections (at most 32 a worker),\n            \
                11,936 of them on a reused one";
    assert!(text.contains(line), "{text}");
    assert!(!text.contains("waited"), "{text}");

    let mut run = Run::good();
    run.plan.http = Http::Pooled { connections: 32 };
    (0..500).for_each(|_| run.recorder.http_waited(Ticks::from_duration(Duration::from_millis(20))));
    let text = summary(&run.result(), None, Lang::En, Page::PLAIN);
    assert!(text.contains("500 sessions waited for one, p99 20"), "{text}");
}

#[test]
fn colour_only_repeats_what_the_words_say() {
    let result = rich();
    let (plain, coloured) = (
        summary(&result, None, Lang::En, Page::PLAIN),
        summary(&result, None, Lang::En, Page { colour: true, ..Page::PLAIN }),
    );
    let mut stripped = coloured.clone();
    for code in ["1;31", "1;32", "1;33", "2", "0"] {
        stripped = stripped.replace(&format!("\x1b[{code}m"), "");
    }
    assert_ne!(plain, coloured);
    assert_eq!(plain, stripped);
}

#[test]
fn members_who_moved_and_an_uneven_spread_are_said() {
    let mut run = Run::good();
    assert!(!summary(&run.result(), None, Lang::En, Page::PLAIN).contains("even share"));
    run = Run::good();
    // Members whose hash says the second server.
    let moved: Vec<u32> = (10_000..12_000).filter(|session| bucket(*session) == 1).take(900).collect();
    for session in moved {
        run.recorder.routing().record("wss://a.example/ws/1", member(session), 38);
        run.recorder.routing().opened("wss://a.example/ws/1", Duration::from_secs(250));
    }
    let result = run.result();
    let text = summary(&result, None, Lang::En, Page::PLAIN);
    for part in [
        "wss://a.example/ws/1  3,900 of 3,900 sessions opened (56.52 % of",
        "wss://b.example/ws/2  3,000 of 3,000 sessions opened (43.48 % of",
        "an even share is 3,450 opened; the smallest is 0.87 of it, the",
        "all), 3,000 by hash, 900 of them misrouted",
        "all), 3,900 by hash\n",
        "900 members of wss://b.example/ws/2 came to wss://a.example/ws/1",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    let korean = summary(&result, None, Lang::Ko, Page::PLAIN);
    assert!(korean.contains("wss://b.example/ws/2의 회원 900명이"), "{korean}");
}
