//! Shards written down, read back and added up: the sum is what one machine would have recorded.

mod watched;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use startline::checks::Page;
use startline::measure::{Interval, Layout, PingEvent, Recorder, Totals};
use startline::members::{MemberId, SessionNumber};
use startline::merge::{self, MergeError, Merged};
use startline::plan::roster::Roster;
use startline::plan::{Plan, ScenarioSettings, Settings, Shard};
use startline::report::files::{ResultsDir, SHARD, Second};
use startline::report::kept::{Head, instant};
use startline::report::{
    ClockResult, Ending, Facts, Phase, RampDownFacts, ReachedResult, RunResult, ShardResult, StageFacts,
    Verdict,
};
use startline::scenario::every::EveryIndex;
use startline::scenario::{MessageType, StepIndex};
use tempfile::TempDir;

use super::fixture::{Run, micros, timed_of};

const SHARDS: u32 = 4;
const SESSIONS: u32 = 10;
const SECONDS: u64 = 4;
const PAGE: Page = Page { columns: 120, colour: false };
const PATIENCE: fn() -> Duration = || Duration::from_secs(60);

fn settings(shard: Option<Shard>) -> Settings {
    Settings {
        target: Some("http://192.0.2.1:8080".into()),
        sessions: SESSIONS,
        members: Roster::range(13, 12 + u64::from(SESSIONS), 38),
        ramp: Duration::from_secs(1),
        hold: Duration::from_secs(2),
        time_zone: "UTC".into(),
        scenario: ScenarioSettings::find("runnity").expect("built in"),
        shard,
        ..Settings::default()
    }
}

fn shard(index: u32) -> Shard {
    Shard::new(index, SHARDS).expect("a shard")
}

fn plan(shard: Option<Shard>) -> Plan {
    settings(shard).into_read_plan(None).expect("a plan")
}

/// What a worker records of these sessions in a second.
fn recorded(plan: &Plan, sessions: &[u32], second: u64) -> Interval {
    let mut recorder = Recorder::new(&Layout::of(&plan.scenario));
    for session in sessions {
        let latency = 1_000 * u64::from(session + 1) + 7 * second;
        if second == 0 {
            recorder.session_started(micros(200 + u64::from(*session)));
            (0..4).for_each(|step| recorder.step_ok(StepIndex(step), timed_of(latency + 90, latency)));
            recorder.routing().record("ws://one", MemberId(13 + u64::from(*session)), 38);
            recorder.session_opened();
        } else {
            let every = EveryIndex(0);
            let answered = PingEvent::Answered(timed_of(latency, latency));
            for event in [PingEvent::Due, PingEvent::Sent, answered] {
                recorder.ping(every, event);
            }
        }
        recorder.message(140);
        recorder.record(MessageType(1));
        recorder.bytes(1_000 + u64::from(*session), 100);
    }
    recorder.lag(micros(150));
    recorder.take().covering(Duration::from_secs(second), Duration::from_secs(second + 1))
}

fn facts(run: &Facts, sessions: u64) -> Facts {
    Facts {
        hold_actual: Duration::from_secs(2),
        first_start: Some(Duration::ZERO),
        last_start: Some(Duration::from_millis(900)),
        peak: sessions,
        min_in_hold: Some(sessions),
        held_to_end: sessions,
        held_seconds: 2.0 * sessions as f64,
        ledger: None,
        ramp_down: Some(RampDownFacts {
            closed: sessions,
            took: Duration::from_secs(1),
            ..Default::default()
        }),
        cpu_seconds: sessions as f64,
        rss_at_start: 0,
        rss_in_hold: 1_000 * sessions,
        open_at_rss: sessions,
        ..run.clone()
    }
}

fn totals(plan: &Plan, intervals: &[Interval]) -> Totals {
    let mut totals = Totals::new(&Layout::of(&plan.scenario));
    intervals.iter().for_each(|interval| totals.add(interval));
    totals
}

/// Writes the directory of a shard; a killed one has no end.
fn write(path: &Path, settings: Settings, facts: &Facts, is_killed: bool) {
    let shard = settings.shard.expect("a shard");
    let about = ShardResult {
        index: shard.index(),
        of: shard.of(),
        plan_hash: settings.plan_hash(),
        start_at: None,
        clock: ClockResult { synchronised: Some(true), error_max_ms: Some(f64::from(shard.index()) + 1.0) },
    };
    let text = settings.to_toml();
    let plan = settings.into_read_plan(None).expect("a plan");
    let own: Vec<u32> = (0..SESSIONS).filter(|session| session % shard.of() == shard.index()).collect();
    let layout = Layout::of(&plan.scenario);
    let head = Head::new(about.clone(), None);
    let mut directory = ResultsDir::create(path, &layout, &text, Some(&head)).expect("a new directory");
    let mut so_far = Totals::new(&layout);
    for number in 0..SECONDS {
        let interval = recorded(&plan, &own, number);
        so_far.add(&interval);
        let end = Duration::from_secs(number + 1);
        let second = Second {
            // A little early or late, as they are.
            start: Duration::from_millis((1_000 * number).saturating_sub(3 * u64::from(shard.index()))),
            end,
            ended_at: instant(facts.started_at, end),
            is_after: false,
            phase: Phase::Hold,
            planned: own.len() as u64,
            open: own.len() as u64,
            paused: Duration::ZERO,
            cpu_seconds: 0.5,
            rss_bytes: 100,
            totals: &so_far,
            expected_servers: None,
        };
        directory.second(&second, &interval, &*plan.scenario);
    }
    let ending = if is_killed { Ending::Running } else { Ending::Finished };
    let facts = Facts { shard: Some(about), ending, ..self::facts(facts, own.len() as u64) };
    if !is_killed {
        directory.end(&facts, &so_far);
    }
    let lacking = directory.finish(&RunResult::build(&so_far, &facts, &plan), PATIENCE);
    assert_eq!(lacking.lines, [""; 0]);
}

/// The directories of all shards, of which these were killed.
fn shards(temp: &TempDir, killed: &[u32]) -> Vec<PathBuf> {
    let run = Run::good();
    let one = |index: u32| {
        let path = temp.path().join(format!("shard-{index}"));
        write(&path, settings(Some(shard(index))), &run.facts, killed.contains(&index));
        path
    };
    (0..SHARDS).map(one).collect()
}

fn merged(directories: &[PathBuf]) -> Merged {
    Merged::new(merge::read(directories).expect("shards of one plan")).expect("something to add up")
}

#[track_caller]
fn refused(directories: &[PathBuf]) -> String {
    let error: MergeError = match merge::read(directories).and_then(Merged::new) {
        Err(error) => error,
        Ok(_) => panic!("it was not refused"),
    };
    error.to_string()
}

#[test]
fn the_sum_of_shards_is_what_one_machine_would_have_recorded() {
    let temp = tempfile::tempdir().expect("a directory");
    let sum = merged(&shards(&temp, &[])).result();

    let whole = plan(None);
    let everyone: Vec<u32> = (0..SESSIONS).collect();
    let intervals: Vec<Interval> = (0..SECONDS).map(|k| recorded(&whole, &everyone, k)).collect();
    let facts = facts(&Run::good().facts, u64::from(SESSIONS));
    let mut alone = RunResult::build(&totals(&whole, &intervals), &facts, &whole);

    assert_eq!(sum.sessions, alone.sessions);
    assert_eq!(sum.steps, alone.steps, "percentiles too: histograms are added");
    assert_eq!(sum.criteria, alone.criteria);
    // What is of machines, and not of the load.
    let merged = sum.merged.clone().expect("it is a sum");
    alone.generator = sum.generator.clone();
    (alone.host, alone.merged, alone.plan) = (sum.host.clone(), sum.merged.clone(), sum.plan.clone());
    assert_eq!(sum, alone);

    assert_eq!(merged.shards.iter().map(|part| part.planned).collect::<Vec<_>>(), [3, 3, 2, 2]);
    assert_eq!((merged.missing_sessions, merged.start_spread_ms, merged.clock_error_ms), (0, 0.0, Some(7.0)));
    assert_eq!((sum.generator.cpu_seconds, sum.host.cores), (10.0, 32));
    assert_eq!(sum.plan["sessions"], SESSIONS);
    assert_eq!(sum.plan.get("shard"), None, "it is the whole plan's");
}

#[test]
fn the_directory_of_the_sum_is_like_a_runs() {
    let temp = tempfile::tempdir().expect("a directory");
    let sum = merged(&shards(&temp, &[]));
    let (result, out) = (sum.result(), temp.path().join("merged"));
    let lacking = sum.write(&out, &result, PATIENCE).expect("written");
    assert_eq!((lacking.lines.len(), lacking.summary), (0, None));
    assert!(!out.join(SHARD).exists(), "a sum is no shard");
    let read = startline::report::recorded::read(&out).expect("it reads");
    assert_eq!(read.result.merged, result.merged);
    let timeline = read.timeline;
    let opens: Vec<u64> = timeline.points.iter().map(|point| point.open).collect();
    assert_eq!(opens, [10; 4], "a row a second, of all shards together");
    let login = timeline.steps.iter().position(|step| step == "login").expect("a step");
    let band = timeline.points[0].bands[login].expect("it was measured");
    assert_eq!(band.count, u64::from(SESSIONS));
    assert!(band.max_ms > 10.0, "the slowest of all shards: {band:?}");
    let page = startline::report::page::html(
        &startline::report::recorded::read(&out).expect("it reads"),
        startline::lang::Lang::En,
    );
    assert!(page.contains("id=\"shards\""), "the page shows the shards");
    for index in 0..SHARDS {
        assert!(page.contains(&format!("shard-{index}")), "shard {index}");
    }
}

#[test]
fn a_killed_shard_is_left_out_and_the_rest_is_inconclusive_with_the_missing_share() {
    let temp = tempfile::tempdir().expect("a directory");
    let sum = merged(&shards(&temp, &[2])).result();
    assert_eq!(sum.verdict, Verdict::Inconclusive);
    assert_eq!((sum.sessions.planned, sum.sessions.started), (10, 8));
    let reasons: Vec<String> = sum.reasons.iter().map(ToString::to_string).collect();
    assert!(reasons[0].starts_with("2 of the planned sessions (20 %) are missing"), "{reasons:?}");
    assert!(reasons[1].starts_with("Shard 2 of 4 did not finish"), "{reasons:?}");
    assert_eq!(sum.ping.due, sum.ping.sent + sum.ping.missed, "the accounts of the others close");
    assert!(!reasons.iter().any(|reason| reason.contains("defect")), "{reasons:?}");
    let parts = sum.merged.expect("a sum").shards;
    assert_eq!(parts.iter().map(|part| part.is_merged).collect::<Vec<_>>(), [true, true, false, true]);
}

#[test]
fn how_far_a_killed_shard_came_is_said() {
    let temp = tempfile::tempdir().expect("a directory");
    let directories = shards(&temp, &[2, 3]);
    // Killed while it wrote its last second.
    let file = directories[2].join(SHARD);
    let text = std::fs::read_to_string(&file).expect("lines");
    std::fs::write(&file, &text[..text.len() - 40]).expect("written");
    // Killed before its first.
    let file = directories[3].join(SHARD);
    let text = std::fs::read_to_string(&file).expect("lines");
    std::fs::write(&file, text.lines().next().expect("a head")).expect("written");
    std::fs::write(directories[3].join("summary.json"), "").expect("written");

    let sum = merged(&directories).result();
    let parts = &sum.merged.as_ref().expect("a sum").shards;
    let reached = parts.iter().map(|part| part.reached).collect::<Vec<_>>();
    let at = |seconds, open| Some(ReachedResult { seconds, open });
    assert_eq!(reached, [at(4.0, 3), at(4.0, 3), at(3.0, 2), None]);
    assert_eq!((parts[3].planned, parts[3].started_at, parts[3].is_merged), (2, None, false));
    assert_eq!((sum.sessions.planned, sum.sessions.started), (10, 6), "accounts are of those that finished");
    let text = startline::report::text::summary(&sum, None, startline::lang::Lang::En, PAGE);
    let said = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for line in [
        "shard 2 was killed after 3 s: until then 2 of 2 sessions had started, 2 had opened, 0 had failed, \
         and 2 were open; none of it is in the sum",
        "shard 3 was killed before its first second",
    ] {
        assert!(said.contains(line), "{text}");
    }
}

#[test]
fn shards_that_are_not_all_of_one_plan_are_refused_by_name() {
    let temp = tempfile::tempdir().expect("a directory");
    let all = shards(&temp, &[]);
    assert!(refused(&[all[0].clone(), all[3].clone()]).starts_with("shards 1, 2 of 4 are missing"));
    let twice = refused(&[all.clone(), vec![all[1].clone()]].concat());
    assert!(twice.starts_with("shard 1 is there twice: ") && twice.contains("shard-1"), "{twice}");

    let run = Run::good();
    let other = |name: &str, change: fn(&mut Settings)| {
        let mut settings = settings(Some(shard(3)));
        change(&mut settings);
        let path = temp.path().join(name);
        write(&path, settings, &run.facts, false);
        refused(&[&all[..3], &[path]].concat())
    };
    let hold = other("hold", |settings| settings.hold = Duration::from_secs(7));
    assert!(hold.ends_with("are not shards of one plan: hold is 2s and 7s"), "{hold}");
    let seed = other("seed", |settings| settings.seed = 9);
    assert!(seed.contains("shard-2") && seed.ends_with("seed is 0 and 9"), "{seed}");
    let count = other("count", |settings| settings.shard = Shard::new(3, 5));
    assert!(count.ends_with("one is of 4 shards and the other of 5"), "{count}");
    // What is a machine's own does not matter.
    let path = temp.path().join("own");
    let workers = Settings { workers: Some(3), ..settings(Some(shard(3))) };
    write(&path, workers, &run.facts, false);
    merge::read(&[&all[..3], &[path]].concat()).expect("shards of one plan");

    let path = temp.path().join("release");
    write(&path, settings(Some(shard(3))), &run.facts, false);
    let file = path.join(SHARD);
    let text = std::fs::read_to_string(&file).expect("lines");
    let version = format!("\"version\":\"{}\"", env!("CARGO_PKG_VERSION"));
    std::fs::write(&file, text.replacen(&version, "\"version\":\"9.9.9\"", 1)).expect("written");
    let release = refused(&[&all[..3], &[path]].concat());
    assert!(release.contains("startline 9.9.9 wrote this shard"), "{release}");

    std::fs::remove_file(all[0].join(SHARD)).expect("it was there");
    assert!(refused(&all).contains("has no shard.jsonl: it is not the result of a shard"));
}

#[test]
fn starts_far_apart_and_a_generator_in_doubt_make_the_sum_inconclusive() {
    let temp = tempfile::tempdir().expect("a directory");
    let mut run = Run::good();
    let mut directories = shards(&temp, &[]);
    let late = temp.path().join("late");
    run.facts.started_at = instant(run.facts.started_at, Duration::from_secs(12));
    write(&late, settings(Some(shard(3))), &run.facts, false);
    directories[3] = late;
    let sum = merged(&directories).result();
    assert_eq!(sum.verdict, Verdict::Inconclusive);
    assert!(sum.reasons[0].to_string().starts_with("The shards started 12 s apart"), "{:?}", sum.reasons);

    // What its own result says of a shard: here that its run was stopped.
    let temp = tempfile::tempdir().expect("a directory");
    let directories = shards(&temp, &[]);
    let summary = directories[1].join("summary.json");
    let mut stopped: Value =
        serde_json::from_slice(&std::fs::read(&summary).expect("a summary")).expect("JSON");
    stopped["verdict"] = "inconclusive".into();
    stopped["reason_parts"] = serde_json::json!([{ "key": "stopped", "args": ["SIGTERM"] }]);
    stopped["reasons"] = serde_json::json!(["The run was stopped early: SIGTERM."]);
    std::fs::write(&summary, stopped.to_string()).expect("written");
    let sum = merged(&directories).result();
    assert_eq!(sum.verdict, Verdict::Inconclusive);
    let reason = sum.reasons[0].to_string();
    assert_eq!(reason, "Shard 1 of 4 is inconclusive: The run was stopped early: SIGTERM.");
}

#[test]
fn stages_are_added_stage_by_stage() {
    let run = Run::good();
    let layout = Layout::of(&plan(None).scenario);
    let stage = |sessions: &[u32], least: u64| StageFacts {
        totals: totals(&plan(None), &[recorded(&plan(None), sessions, 0)]).into(),
        began: Duration::ZERO,
        took: Duration::from_secs(1),
        min_held: Some(least),
        ledger: None,
        membership: None,
    };
    let mut sum = Facts { stages: vec![stage(&[0, 2], 2), stage(&[4], 1)], ..run.facts.clone() };
    sum.join(Facts { stages: vec![stage(&[1], 1), stage(&[], 0)], ..run.facts.clone() });
    let started: Vec<u64> = sum.stages.iter().map(|it| it.totals.tally().counts.started).collect();
    assert_eq!(started, [3, 1]);
    assert_eq!(sum.stages.iter().map(|it| it.min_held).collect::<Vec<_>>(), [Some(3), Some(1)]);
    assert_eq!(sum.stages[0].totals.layout(), &layout);
}

/// Where each part of a summary comes from when shards are added up. A new key has to be made from what
/// shards write down (`Facts` and `Totals`), or its rule is missing.
#[test]
fn every_key_of_a_summary_has_a_rule_for_the_sum() {
    const OF_TOTALS: [&str; 11] = [
        "reconnects",
        "steps",
        "ticket_age",
        "ping",
        "every",
        "errors",
        "messages",
        "updates",
        "propagation",
        "servers",
        "routing",
    ];
    const OF_FACTS: [&str; 13] = [
        "sessions",
        "arrivals",
        "hold",
        "stages",
        "ledger",
        "membership",
        "http",
        "tls",
        "ramp_down",
        "generator",
        "stalls",
        "ending",
        "pauses",
    ];
    const JUDGED_ANEW: [&str; 6] =
        ["verdict", "exit_status", "reasons", "reason_parts", "criteria", "troubles"];
    // Of a search and of a mix there are no shards: they are refused.
    const OF_THE_PLAN: [&str; 6] =
        ["scenario", "acceptance_shown", "plan", "schema_version", "find_max", "parts"];
    const OF_MACHINES: [&str; 6] = ["shard", "merged", "watch", "started_at", "version", "host"];
    let known = [&OF_TOTALS[..], &OF_FACTS, &JUDGED_ANEW, &OF_THE_PLAN, &OF_MACHINES].concat();
    let result = serde_json::to_value(super::fixture::rich()).expect("JSON");
    for key in result.as_object().expect("an object").keys() {
        assert!(known.contains(&key.as_str()), "{key} has no rule for the sum of shards");
    }
    assert_eq!(result.as_object().expect("an object").len(), known.len());
}

#[test]
fn sessions_of_a_shard_have_their_numbers_in_the_whole_plan() {
    let plan = settings(Some(shard(1))).into_read_plan(None).expect("a plan");
    let own: Vec<(u32, u64)> = (0..plan.people())
        .map(SessionNumber)
        .map(|k| (plan.members.number(k).0, plan.members.id(k).0))
        .collect();
    assert_eq!(own, [(1, 14), (5, 18), (9, 22)]);
}
