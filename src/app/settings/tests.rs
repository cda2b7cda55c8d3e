//! Options as they are typed, and the settings or the refusal that they mean.

use clap::{CommandFactory, Parser};

use super::*;
use crate::cli::run::{RunArgs, SETTINGS};
use crate::cli::{Cli, Command};

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
fn nothing_typed_is_a_run_against_the_stand_in() {
    let settings = settings(&[]);
    assert_eq!(settings.target, None);
    assert_eq!(settings.sessions, 6000);
    assert_eq!((settings.ramp, settings.hold, settings.ramp_down), (seconds(60), seconds(60), seconds(30)));
    assert_eq!(settings.members, Roster::range(13, 6012, 1));
    assert_eq!(settings.workers, None, "as many as the box wants");
    let ws = settings.scenario().expect("it compiles").websocket.expect("it has one");
    assert_eq!(ws.ping.map(|ping| ping.interval), Some(seconds(30)));
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
        "6,000 members are given and 7,000 sessions asked for: give more members or --sessions 6000"
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
    assert!(refused(&with_target(&["--no-broadcast"])).contains("cannot be used with"));
    assert!(refused(&["--wait-ready"]).contains("--target"));
    assert!(refused(&["--time-zone", "UTC"]).contains("--target"));
    assert!(refused(&["--allow-host", "x"]).contains("--target"));
    assert!(refused(&["--ws-map", "ws://a=ws://b"]).contains("--target"));
    assert!(refused(&["--ramp", "1m", "--rate", "1/s"]).contains("cannot be used with"));
}

#[test]
fn a_plan_has_all_settings_and_takes_no_others() {
    let command = Cli::command();
    let run = command.find_subcommand("run").expect("it is one");
    let output = ["plan", "out", "json", "quiet", "help"];
    let mut settings: Vec<&str> =
        run.get_arguments().map(|arg| arg.get_id().as_str()).filter(|id| !output.contains(id)).collect();
    let mut known = SETTINGS.to_vec();
    settings.sort_unstable();
    known.sort_unstable();
    assert_eq!(settings, known);
    assert!(refused(&["--plan", "plan.toml", "--hold", "5m"]).contains("cannot be used with"));
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
    let source = "name = \"join\"\n[[http]]\nname = \"join\"\nmethod = \"POST\"\npath = \"/join\"\n";
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
