//! Options as they are typed, and the settings or the refusal that they mean.

use clap::{Args, Parser};

use super::*;
use crate::cli::run::RunArgs;
use crate::cli::{Cli, Command};
use crate::plan::End;
use crate::scenario::every::Interval;

fn parse(arguments: &[&str]) -> Result<SettingsArgs, clap::Error> {
    let all = ["startline", "run"].iter().chain(arguments);
    Cli::try_parse_from(all).map(|cli| match cli.command {
        Command::Run(args) => args.settings,
        _ => panic!("it was run"),
    })
}

fn settings(arguments: &[&str]) -> Settings {
    parse(arguments).expect("it parses").into_settings().expect("it makes sense")
}

/// What is wrong, by clap or by us.
fn refused(arguments: &[&str]) -> String {
    match parse(arguments) {
        Ok(args) => format!("{:#}", args.into_settings().expect_err("it makes no sense")),
        Err(error) => error.to_string(),
    }
}

const TARGET: [&str; 6] = ["--target", "http://x", "--members", "13-6012", "--challenge", "38"];

fn with_target(more: &[&'static str]) -> Vec<&'static str> {
    TARGET.iter().chain(more).copied().collect()
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn nothing_typed_is_a_run_against_the_mock_server() {
    let settings = settings(&[]);
    assert_eq!(settings.target, None);
    assert_eq!(settings.sessions, 6000);
    assert_eq!((settings.ramp, settings.hold, settings.ramp_down), (seconds(60), seconds(60), seconds(30)));
    assert_eq!(settings.members, Roster::range(13, 6012, 1));
    assert_eq!(settings.workers, None, "as many as this machine needs");
    let ws = settings.scenario().expect("it compiles").websocket.expect("it has one");
    assert_eq!(ws.every[0].interval, Interval::Fixed(seconds(30)));
}

#[test]
fn the_guide_s_preset_gives_way_to_single_options() {
    let guide = settings(&with_target(&["--preset", "guide"]));
    assert_eq!((guide.sessions, guide.ramp, guide.hold), (6000, seconds(240), seconds(1800)));
    assert_eq!((guide.ping_interval, guide.pong_timeout), (Some(seconds(30)), Some(seconds(5))));
    let shorter =
        settings(&with_target(&["--preset", "guide", "--hold", "5m", "--rate", "50/s", "--sessions", "4k"]));
    assert_eq!((shorter.sessions, shorter.ramp, shorter.hold), (4000, seconds(80), seconds(300)));
}

#[test]
fn the_demo_is_short_and_has_no_target() {
    let demo = settings(&["--demo"]);
    assert_eq!((demo.target.as_deref(), demo.sessions), (None, 500));
    assert_eq!(demo.ramp + demo.hold + demo.ramp_down, seconds(20));
    assert_eq!(settings(&["--demo", "--hold", "1s", "--sessions", "50"]).sessions, 50);
    for other in [&["--target", "http://x"][..], &["--preset", "guide"], &["--plan", "plan.toml"]] {
        let refused = refused(&[&["--demo"], other].concat());
        assert!(refused.contains("cannot be used with"), "{refused}");
    }
}

#[test]
fn without_sessions_all_members_take_part() {
    assert_eq!(settings(&TARGET).sessions, 6000);
    assert_eq!(settings(&["--members", "13-112"]).sessions, 100);
    let fewer = settings(&with_target(&["--sessions", "100"]));
    assert_eq!(fewer.members, Roster::range(13, 112, 38), "a plan has exactly the members that take part");
}

#[test]
fn too_few_members_are_refused_with_both_numbers() {
    assert_eq!(
        refused(&with_target(&["--sessions", "7000"])),
        "6,000 members are given for 7,000 sessions: give more members, --sessions 6000, or --recycle to use them again"
    );
}

#[test]
fn members_come_from_files() {
    let dir = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).expect("written");
        path.display().to_string()
    };
    let first = write("a.csv", "memberId,challengeId\n13,38\n14,38\n");
    let second = write("b.csv", "memberId,challengeId\n15,38\n");
    let both = settings(&["--target", "http://x", "--members", &first, "--members", &second]);
    assert_eq!(both.members, Roster::range(13, 15, 38));
    assert_eq!(both.sessions, 3);
    let missing = refused(&["--members", "no/such.csv"]);
    assert!(missing.starts_with("cannot read the members' file no/such.csv: "), "{missing}");
    let mixed = refused(&["--members", &first, "--members", "13-14"]);
    assert!(mixed.contains("one range or any number of files"), "{mixed}");
    let contradiction = refused(&["--members", &first, "--challenge", "39"]);
    assert!(contradiction.ends_with("a.csv:2: challengeId 38 contradicts --challenge 39"), "{contradiction}");
    let empty = write("c.csv", "memberId,challengeId\n");
    assert!(refused(&["--members", &empty]).contains("there are none in"));
}

const FEED: &str = "name = \"feed\"\n[websocket]\nurl = \"/{room}?k={key}\"\n";

/// A scenario and a file of three members, and the options that name them.
fn fed(dir: &Path, more: &[&str]) -> Vec<String> {
    let scenario = dir.join("feed.toml");
    let members = dir.join("m.csv");
    fs::write(&scenario, FEED).expect("written");
    fs::write(&members, "user,room,key\nanna,blue,k1\nben,red,k2\nclea,green,k3\n").expect("written");
    let [scenario, members] = [scenario, members].map(|path| path.display().to_string());
    let options = ["--scenario", &scenario, "--target", "http://127.0.0.1:1", "--members", &members];
    options.iter().chain(more).map(|text| (*text).to_owned()).collect()
}

#[test]
fn members_feed_any_scenario() {
    let dir = tempfile::tempdir().expect("a directory");
    let typed = |more: &[&str]| fed(dir.path(), more);
    let all = typed(&[]);
    let fed = settings(&all.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!((fed.sessions, fed.members_used(), fed.rows.is_empty()), (3, 3, false));
    let plan = fed.to_toml();
    assert!(plan.contains("m.csv") && !plan.contains("k1"), "where they are, not what they say: {plan}");
    let target = fed.target().expect("it resolves").expect("one");
    let limits = crate::plan::capacity::Limits {
        descriptors_hard: 1 << 20,
        ports: None,
        loopback_time_wait: seconds(1),
    };
    let planned = fed.clone().into_plan(target, &limits).expect("it makes sense");
    let shown = crate::plan::summary::Summary::new(&planned).to_string();
    assert!(shown.contains("m.csv (room, key), 1 KiB in memory\n"), "{shown}");
    assert_eq!(planned.members.name_of(crate::members::SessionNumber(2)).to_string(), "clea");
    // A plan finds its members' rows again.
    let file = dir.path().join("plan.toml");
    fs::write(&file, &plan).expect("written");
    let again = settings(&["--plan", &file.display().to_string()]);
    assert_eq!((again.rows, again.members), (fed.rows, fed.members));
    // One of them is named by its id, as the command of a failed session does.
    let one = settings(&["--plan", &file.display().to_string(), "--members", "ben", "--sessions", "1"]);
    let one = one.members.members().expect("one").with_rows(one.rows);
    let first = crate::members::SessionNumber(0);
    assert_eq!((one.len(), one.name_of(first).to_string().as_str()), (1, "ben"));
    assert_eq!(one.cell(first, 2), Some("k2"));
    let none = refused(&["--plan", &file.display().to_string(), "--members", "bob"]);
    assert!(none.contains("--members bob: the plan's members have none of this id"), "{none}");
}

#[test]
fn more_sessions_than_rows_use_them_again_only_if_asked_to() {
    let dir = tempfile::tempdir().expect("a directory");
    let with = |more: &[&str]| fed(dir.path(), more);
    let strings = |all: &[String]| refused(&all.iter().map(String::as_str).collect::<Vec<_>>());
    let message = strings(&with(&["--sessions", "7"]));
    assert!(
        message.starts_with("3 members are given for 7 sessions") && message.contains("--recycle"),
        "{message}"
    );
    let all = with(&["--sessions", "7", "--recycle"]);
    let fed = settings(&all.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!((fed.sessions, fed.members_used(), fed.members.len()), (7, 3, 3));
    // Who learns of whom cannot be judged where several sessions are one member.
    let runnity = ["--members", "13-20", "--sessions", "20", "--recycle"];
    assert!(refused(&runnity).contains("recycle: several sessions are the same member then"));
    let quiet = settings(&["--members", "13-20", "--sessions", "20", "--recycle", "--no-broadcast"]);
    assert_eq!((quiet.sessions, quiet.members_used()), (20, 8));
}

#[test]
fn a_scenario_without_its_members_is_refused_by_the_column() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut all = fed(dir.path(), &[]);
    all.truncate(4);
    let message = refused(&all.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(
        message.contains("unknown variable {room}: neither") && message.contains("--members"),
        "{message}"
    );
}

#[test]
fn a_range_against_a_real_target_needs_its_challenge() {
    assert_eq!(
        refused(&["--target", "http://x", "--members", "13-6012"]),
        "--members 13-6012 does not say which challenge they are in: give --challenge ID"
    );
    assert!(refused(&["--members", "6012-13"]).contains("did you mean 13-6012?"));
}

#[test]
fn shared_connections_have_a_number() {
    let own = settings(&[]);
    assert_eq!((own.http, own.http_connections), (HttpMode::PerSession, None));
    let shared = settings(&["--http", "pooled"]);
    assert_eq!((shared.http, shared.http_connections), (HttpMode::Pooled, Some(http::CONNECTIONS_DEFAULT)));
    let few = settings(&["--http", "pooled", "--http-connections", "4"]);
    assert_eq!(few.http_connections, Some(4));
    assert!(refused(&["--http-connections", "4"]).contains("--http"));
    assert!(refused(&["--http", "shared"]).contains("per-session"));
    use clap::Args as _;
    let help = RunArgs::augment_args(clap::Command::new("run")).render_long_help().to_string();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains(&format!("[default: {}]", http::CONNECTIONS_DEFAULT)), "{help}");
}

#[test]
fn sharing_what_the_scenario_has_none_of_is_refused() {
    let refused =
        refused(&["--scenario", "echo", "--target", "ws://x", "--sessions", "3", "--http", "pooled"]);
    assert!(refused.contains("--http pooled is asked for"), "{refused}");
    assert!(refused.contains("has no [[http]] step"), "{refused}");
}

#[test]
fn options_that_would_be_ignored_are_refused() {
    assert!(refused(&["--target", "http://x"]).contains("--members"));
    assert!(settings(&with_target(&["--no-broadcast"])).no_broadcast, "none are expected");
    assert!(refused(&["--wait-ready"]).contains("--target"));
    assert!(refused(&["--time-zone", "UTC"]).contains("--target"));
    assert!(refused(&["--allow-host", "x"]).contains("--target"));
    assert!(refused(&["--ws-map", "ws://a=ws://b"]).contains("--target"));
    assert!(refused(&["--ramp", "1m", "--rate", "1/s"]).contains("cannot be used with"));
}

/// A plan file of a run with these options.
fn plan_file_of(arguments: &[&str]) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(&file, settings(arguments).to_toml()).expect("written");
    file
}

/// The settings of a plan file with these options beside it.
fn overridden(file: &tempfile::NamedTempFile, more: &[&str]) -> Settings {
    settings(&[&["--plan", &file.path().display().to_string()], more].concat())
}

#[test]
fn every_option_overrides_a_plan_file() {
    let with_ca = with_target(&["--seed", "1", "--insecure", "--http", "pooled"]);
    let (target, mock) = (plan_file_of(&with_ca), plan_file_of(&["--seed", "1"]));
    let certificate = rcgen::generate_simple_self_signed(vec!["x".into()]).expect("a certificate");
    let pem = tempfile::NamedTempFile::new().expect("a file");
    fs::write(&pem, certificate.cert.pem()).expect("written");
    let scenario = tempfile::NamedTempFile::new().expect("a file");
    let (_, source) = Scenario::find("runnity").expect("built in");
    fs::write(&scenario, format!("# A copy.\n{source}")).expect("written");
    let pace = tempfile::NamedTempFile::new().expect("a file");
    fs::write(&pace, "301\n").expect("written");
    let set_file = format!("pace_s_per_km={}", pace.path().display());
    let plan = SettingsArgs::augment_args(clap::Command::new("plan"));
    let others = ["plan", "preset", "demo", "help", "url"];
    for option in plan.get_arguments().filter(|option| !others.contains(&option.get_id().as_str())) {
        let id = option.get_id().as_str();
        let names = option.get_value_names().unwrap_or_default().iter();
        let possible = option.get_possible_values();
        let value = match names.map(|name| name.as_str()).next() {
            _ if !option.get_action().takes_values() => None,
            _ if id == "http" => Some("per-session"),
            _ if !possible.is_empty() => possible.last().map(|value| value.get_name()),
            Some("URL") => Some("http://other.example"),
            Some("ID") => Some("39"),
            Some("SPEC") => Some("1-6000"),
            Some("HOST") => Some("ws.example"),
            Some("FROM=TO") => Some("wss://a=ws://b"),
            Some("HOST:PORT:ADDR") => Some("x:443:10.0.0.5"),
            Some("ZONE") => Some("-09:00"),
            Some("N") => Some("7"),
            Some("TIME") => Some("77s"),
            Some("RATE") => Some("7/s"),
            Some("NAME=PATH") => Some(set_file.as_str()),
            Some("NAME=VALUE") => Some("pace_s_per_km=301"),
            Some("NAME|FILE") => scenario.path().to_str(),
            Some("FILE") => pem.path().to_str(),
            Some("ADDR") => Some("10.0.0.1"),
            Some("TIME:SESSIONS") => Some("9s:77"),
            Some("SHARE%@TIME:HOW") => Some("7%@9s:reset"),
            Some("I/N") => Some("1/7"),
            Some("INSTANT") => Some("2026-01-31T09:30:00Z"),
            Some("CHANGE") => Some("ping.interval=77s"),
            Some("MEASURE>LIMIT[:TIME]") => Some("errors.rate>7%:1s"),
            other => panic!("--{id}: give an example of {other:?}"),
        };
        let file = if ["tls", "no_broadcast", "insecure"].contains(&id) { &mock } else { &target };
        let name = format!("--{}", id.replace('_', "-"));
        let mut typed: Vec<&str> = std::iter::once(name.as_str()).chain(value).collect();
        match id {
            "cert" => typed.extend(["--key", "x"]),
            "key" => typed.extend(["--cert", "x"]),
            "step" => typed.push("--find-max"),
            _ => {}
        }
        assert_ne!(overridden(file, &typed), overridden(file, &[]), "{typed:?} changes nothing");
    }
}

#[test]
fn options_beside_a_plan_file_are_those_that_hold() {
    let file = plan_file_of(&with_target(&["--seed", "7", "--set", "pace_s_per_km=300", "--insecure"]));
    let plain = overridden(&file, &[]);
    let hold = overridden(&file, &["--hold", "5m"]);
    assert_eq!(hold, Settings { hold: seconds(300), ..plain.clone() });
    let limited = overridden(&file, &["--lag-limit", "77ms"]);
    assert_eq!(limited, Settings { lag_limit: Some(Duration::from_millis(77)), ..plain.clone() });
    let rate = overridden(&file, &["--rate", "100/s", "--sessions", "3k"]);
    assert_eq!((rate.sessions, rate.ramp, rate.members.len()), (3000, seconds(30), 3000));
    let other = overridden(&file, &["--challenge", "39"]);
    assert_eq!(other.members, Roster::range(13, 6012, 39), "the same members, who joined another challenge");
    let members = overridden(&file, &["--members", "7001-14000"]);
    assert_eq!(members.members, Roster::range(7001, 13_000, 38), "the plan's number and challenge");
    assert!(overridden(&file, &["--no-tls-resumption"]).tls.insecure, "the others of its table stay");
    let set = overridden(&file, &["--set", "pace_s_per_km=200"]);
    assert_eq!(set.scenario.set["pace_s_per_km"], "200");
    let pooled = plan_file_of(&with_target(&["--http", "pooled"]));
    let own = overridden(&pooled, &["--http", "per-session"]);
    assert_eq!(
        (own.http, own.http_connections),
        (HttpMode::PerSession, None),
        "a number of what is not shared"
    );
    let name = file.path().display().to_string();
    assert!(refused(&["--plan", &name, "--sessions", "7k"]).contains("6,000 members are given"));
    assert!(refused(&["--plan", &name, "--preset", "guide"]).contains("cannot be used with"));
    let mock = plan_file_of(&["--sessions", "10"]);
    assert_eq!(overridden(&mock, &["--sessions", "20"]).members, Roster::range(13, 32, 1));
    let name = mock.path().display().to_string();
    assert!(refused(&["--plan", &name, "--target", "http://x"]).contains("--target needs --members"));
}

#[test]
fn the_last_of_a_repeated_option_holds_and_lists_collect() {
    let twice = settings(&with_target(&["--hold", "5m", "--hold", "6m", "--end", "quit", "--end", "close"]));
    assert_eq!((twice.hold, twice.end), (seconds(360), End::Close));
    let listed =
        settings(&with_target(&["--allow-host", "a", "--allow-host", "b", "--insecure", "--insecure"]));
    assert_eq!(listed.allow_hosts, ["a", "b"]);
}

#[test]
fn negative_values_are_refused_as_values() {
    for option in ["--hold", "--ramp", "--ping-interval", "--lag-limit"] {
        let refused = refused(&[option, "-5s"]);
        let begin = format!("error: invalid value '-5s' for '{option} <TIME>'");
        assert!(refused.starts_with(&begin) && refused.contains("must not be negative"), "{refused}");
    }
    assert!(refused(&["--sessions", "-5"]).contains("\"-5\" is not a count"));
    assert!(refused(&["--seed", "-1"]).contains("is not a whole number from 0"));
}

#[test]
fn a_plan_repeats_its_run() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("plan.toml");
    let first =
        settings(&with_target(&["--seed", "7", "--set", "pace_s_per_km=300", "--ws-map", "wss://a=ws://b"]));
    fs::write(&file, first.to_toml()).expect("written");
    let name = file.display().to_string();
    assert_eq!(settings(&["--plan", &name, "--quiet"]), first);
}

#[test]
fn a_scenario_without_websocket_is_not_held() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("join.toml");
    let source =
        "name = \"join\"\nmock = true\n[[http]]\nname = \"join\"\nmethod = \"POST\"\npath = \"/join\"\n";
    fs::write(&file, source).expect("written");
    let name = file.display().to_string();
    assert_eq!(settings(&["--scenario", &name]).hold, Duration::ZERO);
    assert_eq!(
        refused(&["--scenario", &name, "--hold", "5m"]),
        "--hold is asked for, and the scenario \"join\" has no [websocket] to hold"
    );
}

#[test]
fn values_are_checked_as_they_are_typed() {
    assert!(refused(&["--hold", "30"]).contains("write 30s for seconds"));
    assert!(refused(&["--end", "slam"]).contains("possible values: close, quit"));
    assert!(refused(&["--sessions", "0"]).contains("at least 1"));
    assert!(refused(&["--sesions", "1"]).contains("--sessions"));
    assert!(refused(&["--set", "pace=1"]).contains("the scenario has no such variable"));
}

/// Nobody has said what another server bears.
#[test]
fn other_servers_get_a_hundred_sessions_where_no_number_is_given() {
    assert_eq!(settings(&["ws://x/chat"]).sessions, 100);
    assert_eq!(settings(&["ws://x/chat", "--sessions", "7k"]).sessions, 7000);
    assert_eq!(settings(&["ws://x/chat", "--rate", "10/s"]).ramp, seconds(10));
    assert_eq!(settings(&["ws://x/chat", "--rate", "10/s", "--lifetime", "1m"]).sessions, 600);
    assert_eq!(settings(&["ws://x/chat", "--find-max"]).sessions, 6000);
    assert_eq!(settings(&["--scenario", "echo", "--target", "http://x"]).sessions, 100);
    assert_eq!(settings(&["--scenario", "echo", "--target", "http://x", "--members", "1-300"]).sessions, 300);
    assert_eq!(settings(&TARGET).sessions, 6000);
}

/// A scenario's own stages, lifetime and rules hold unless the options say otherwise.
#[test]
fn a_scenario_brings_its_load_with_it() {
    let file = tempfile::NamedTempFile::with_suffix(".toml").expect("a file");
    let own = "stages = [\"1m:20\", \"2m:20\"]\nlifetime = \"~30s\"\nabort_on = [\"errors.rate>7%:9s\"]\n";
    let source = format!("{own}{}", include_str!("../../../scenarios/runnity.toml"));
    fs::write(file.path(), source).expect("written");
    let path = file.path().to_str().expect("a path");
    let written = |more: &[&str]| settings(&[&["--scenario", path], more].concat());
    let rules = |settings: &Settings| settings.abort_on.iter().map(ToString::to_string).collect::<Vec<_>>();
    let plain = written(&[]);
    assert_eq!(
        (plain.sessions, plain.stages.len(), rules(&plain)),
        (20, 2, vec!["errors.rate>7%:9s".into()])
    );
    assert_eq!(plain.lifetime, Some(Interval::Exponential(seconds(30))));
    let own = written(&["--stage", "5s:7", "--abort-on", "errors.rate>8%:9s"]);
    assert_eq!(
        (own.sessions, own.lifetime.clone(), rules(&own)),
        (7, None, vec!["errors.rate>8%:9s".into()])
    );
    let classic = written(&["--sessions", "30", "--ramp", "3s"]);
    assert_eq!((classic.sessions, classic.stages.len(), classic.lifetime), (30, 0, None));
}

/// … and so do a plan's, those that a search has decided among them.
#[test]
fn a_plan_s_stages_give_way_to_another_shape() {
    let file = tempfile::NamedTempFile::with_suffix(".toml").expect("a file");
    let planned = |more: &[&str]| {
        let plan = settings(&["--stage", "1s:20", "--stage", "2s:20"]);
        let steps = FindMax { step: 20, ramp: seconds(1), hold: seconds(2) };
        let decided = Settings { find_max: more.contains(&"decided").then_some(steps), ..plan };
        fs::write(file.path(), decided.to_toml()).expect("written");
        let more = more.iter().filter(|it| **it != "decided").copied();
        let plan = file.path().display().to_string();
        settings(&["--plan", &plan].into_iter().chain(more).collect::<Vec<_>>())
    };
    let shape = |it: Settings| (it.sessions, it.stages.len(), it.ramp, it.hold, it.find_max.is_some());
    // The last of 20 arrives 950 ms after the start.
    let arrived = Duration::from_millis(950);
    let held = Duration::from_millis(2_050);
    assert_eq!(shape(planned(&[])), (20, 2, arrived, held, false));
    assert!(shape(planned(&["decided"])).4);
    assert_eq!(shape(planned(&["--sessions", "7"])), (7, 0, arrived, held, false));
    assert_eq!(shape(planned(&["decided", "--hold", "9s"])), (20, 0, arrived, seconds(9), false));
    assert_eq!(shape(planned(&["--rate", "10/s"])), (20, 0, seconds(2), held, false));
    assert_eq!(shape(planned(&["decided", "--stage", "4s:4"])).1, 1);
    assert!(!shape(planned(&["decided", "--stage", "4s:4"])).4);
    let search = planned(&["decided", "--find-max", "--step", "5"]);
    assert_eq!((search.stages.len(), search.find_max.map(|it| it.step)), (0, Some(5)));
}

/// A plan's drops are replaced, or taken out, where its hold ends before them.
#[test]
fn a_plan_s_drops_give_way() {
    let file = plan_file_of(&["--sessions", "10", "--drop", "10%@90s:fin", "--drop", "20%@95s:reset"]);
    let name = file.path().display().to_string();
    let shorter = refused(&["--plan", &name, "--hold", "10s"]);
    assert!(
        shorter.contains("10%@1m30s:fin would cut nobody") && shorter.contains("--drop off"),
        "{shorter}"
    );
    let drops = |more: &[&str]| {
        let drops = overridden(&file, more).drops;
        drops.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(drops(&[]), "10%@1m30s:fin 20%@1m35s:reset");
    assert_eq!(drops(&["--hold", "10s", "--drop", "off"]), "");
    assert_eq!(drops(&["--find-max", "--drop", "off"]), "");
    assert_eq!(drops(&["--hold", "10s", "--drop", "30%@65s:silent"]), "30%@1m5s:silent");
    let both = refused(&["--drop", "off", "--drop", "30%@65s:silent"]);
    assert_eq!(both, "--drop: \"off\" is not SHARE%@TIME:HOW, such as 10%@5m:fin");
}

#[test]
fn stages_open_some_session() {
    assert_eq!(refused(&["--stage", "5s:0"]), "the stages open no session: give one of them a level above 0");
}
