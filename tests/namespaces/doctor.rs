//! `startline doctor` as a user runs it: exit statuses, the table, JSON against its schema; and what a run makes of it.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::common::{Finished, Run, assert_every_key_counts, finish, results, run};
use crate::isolated::{HOW_TO_INSTALL, isolated};
use serde_json::{Value, json};

/// Nobody's (RFC 5737): nothing is ever connected to.
const ELSEWHERE: &str = "http://192.0.2.1";

fn fixture(name: &str) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/doctor").join(name);
    root.to_str().expect("UTF-8").to_owned()
}

#[track_caller]
fn doctor(args: &[&str]) -> Finished {
    run(&[&["doctor"], args].concat())
}

#[track_caller]
fn checks(finished: &Finished) -> Value {
    serde_json::from_str(&finished.stdout).expect("nothing but JSON")
}

#[track_caller]
fn check<'v>(report: &'v Value, id: &str) -> &'v Value {
    let checks = report["checks"].as_array().expect("checks");
    checks.iter().find(|check| check["id"] == id).unwrap_or_else(|| panic!("no {id} in {report:#}"))
}

/// Without the breaks between lines.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// With this limit of descriptors, soft and hard.
fn with_descriptors(limit: u32, args: &[&str]) -> Finished {
    let child = Command::new("sh")
        .args(["-c", &format!("ulimit -n {limit} && exec \"$0\" \"$@\"")])
        .arg(env!("CARGO_BIN_EXE_startline"))
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    finish(child.expect("a shell"))
}

/// By the user who may on this machine.
fn says_how_to_raise_it(said: &str) -> bool {
    let here =
        said.contains("→ prlimit --pid $$ --nofile=") || said.contains("→ sudo prlimit --pid $$ --nofile=");
    here || said.contains("→ no user in here may raise it, not even root (no CAP_SYS_RESOURCE): set it")
}

fn validator() -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(include_str!("../../schema/doctor.schema.json")).expect("JSON");
    jsonschema::meta::validate(&schema).expect("the schema is a schema");
    jsonschema::validator_for(&schema).expect("usable")
}

#[test]
fn the_default_run_fits_here() {
    let finished = doctor(&[]);
    finished.assert_status(0);
    assert!(finished.stdout.contains("\nThe plan fits this machine"), "{}", finished.stdout);
    assert!(!finished.stdout.contains('\u{1b}'), "no colours where no terminal is");
    for line in finished.stdout.lines().filter(|line| !line.trim_start().starts_with("→ ")) {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn a_million_sessions_say_which_limit_and_how_to_mend_it() {
    let finished = doctor(&["--root", &fixture("default"), "--target", ELSEWHERE, "--sessions", "1000k"]);
    finished.assert_status(2);
    assert!(finished.stdout.contains("\n✗ local ports"), "{}", finished.stdout);
    let table = flat(&finished.stdout);
    assert!(table.contains("1,000,000 sessions and 1,000,000 HTTP connections in TIME_WAIT"), "{table}");
    assert!(table.contains("→ startline addresses add ADDRESS… (as root)"), "{table}");
    assert!(table.contains("The plan does not fit this machine: "), "{table}");
    assert!(finished.stderr.is_empty(), "{}", finished.stderr);
}

#[test]
fn hosts_that_websockets_may_lead_to_have_ports_of_their_own() {
    let root = fixture("default");
    let args = ["--json", "--root", &root, "--target", ELSEWHERE, "--sessions", "60k", "--ramp", "10m"];
    let alone = doctor(&args);
    alone.assert_status(2);
    assert_eq!(check(&checks(&alone), "ports")["reading"]["value"], 28_232);
    let three = "ws1.invalid:80:10.0.0.1,10.0.0.2,10.0.0.3";
    let others = doctor(&[&args[..], &["--allow-host", "ws1.invalid", "--resolve", three]].concat());
    others.assert_status(0);
    let report = checks(&others);
    let ports = check(&report, "ports");
    assert_eq!((&ports["verdict"], &ports["reading"]["value"]), (&json!("warn"), &json!(4 * 28_232)));
    let nobody = doctor(&[&args[..], &["--resolve", three]].concat());
    nobody.assert_status(2);
    assert!(nobody.stderr.contains("neither the target's host nor an --allow-host"), "{}", nobody.stderr);
}

#[test]
fn json_of_every_box_fits_the_schema() {
    let validator = validator();
    for name in ["default", "tuned", "container", "garbage", "conntrack-full", "powersave", "slow-clock"] {
        for more in [&["--sessions", "5"][..], &["--sessions", "1000k", "--target", ELSEWHERE]] {
            let root = fixture(name);
            let finished = doctor(&[&["--json", "--root", &root], more].concat());
            let report = checks(&finished);
            let errors: Vec<String> = validator
                .iter_errors(&report)
                .map(|error| format!("{error} at {}", error.instance_path()))
                .collect();
            assert!(errors.is_empty(), "{name}: {errors:#?}");
            finished.assert_status(if report["verdict"] == "refuse" { 2 } else { 0 });
        }
    }
}

#[test]
fn the_schema_knows_every_key_and_misses_none() {
    let validator = validator();
    let args = ["--json", "--root", &fixture("slow-clock"), "--sessions", "5"];
    let whole = checks(&doctor(&args));
    let place = whole["checks"].as_array().expect("checks").iter().position(|it| it["id"] == "clock-source");
    let slow = format!("/checks/{}", place.expect("it is there"));
    for at in ["", &slow, &format!("{slow}/reading"), &format!("{slow}/fixes/0")] {
        assert_every_key_counts(&whole, at, &|spoilt| validator.is_valid(spoilt));
    }
}

#[test]
fn what_a_box_s_files_say_is_what_is_judged() {
    let root = fixture("conntrack-full");
    let refused = doctor(&["--json", "--root", &root, "--target", ELSEWHERE, "--ramp", "240s"]);
    refused.assert_status(2);
    let report = checks(&refused);
    assert_eq!(check(&report, "conntrack")["verdict"], "refuse");
    let command = &check(&report, "conntrack")["fixes"][0];
    assert_eq!(command["command"], "sysctl -w net.netfilter.nf_conntrack_max=70200");
    assert_eq!(command["needs_root"], true);
    // Twenty fit.
    doctor(&["--root", &root, "--target", ELSEWHERE, "--sessions", "20"]).assert_status(0);
    let slow = doctor(&["--json", "--root", &fixture("slow-clock"), "--sessions", "20"]);
    slow.assert_status(0);
    assert_eq!(check(&checks(&slow), "clock-source")["verdict"], "warn");
}

#[test]
fn a_plan_file_is_checked_as_options_are() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    Run::small(10, &out).finish().assert_status(0);
    let plan = out.join("plan.toml");
    let finished = doctor(&["--json", "--plan", plan.to_str().expect("UTF-8")]);
    finished.assert_status(0);
    assert_eq!(check(&checks(&finished), "nr-open")["verdict"], "ok");
    let both = doctor(&["--plan", plan.to_str().expect("UTF-8"), "--sessions", "5"]);
    both.assert_status(0);
    let nonsense = doctor(&["--plan", plan.to_str().expect("UTF-8"), "--demo"]);
    nonsense.assert_status(2);
}

#[test]
fn a_run_that_cannot_fit_is_refused_before_anything_opens() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let refused = Run::against(ELSEWHERE, 1_000_000, &out).finish();
    refused.assert_status(2);
    assert!(refused.stderr.starts_with("error: the plan does not fit this machine:\n"), "{}", refused.stderr);
    assert!(refused.stderr.contains("local ports: "), "{}", refused.stderr);
    assert!(refused.stderr.contains("→ startline addresses add ADDRESS… (as root)"), "{}", refused.stderr);
    assert!(!out.exists(), "nothing is left behind");
}

#[test]
fn more_workers_than_there_may_be_are_said_to_be_too_many() {
    let refused = with_descriptors(200, &["doctor", "--target", ELSEWHERE, "--sessions", "6000k"]);
    refused.assert_status(2);
    let said = flat(&refused.stdout);
    assert!(said.contains("it would take 44,118 workers, and a run has at most 256"), "{said}");
}

#[test]
fn too_few_descriptors_are_refused_by_doctor_and_run_alike() {
    with_descriptors(200, &["doctor", "--sessions", "6000"]).assert_status(0);
    let args = ["--sessions", "6000", "--workers", "2"];
    for command in ["doctor", "run"] {
        let refused = with_descriptors(200, &[&[command], &args[..]].concat());
        refused.assert_status(2);
        let said = flat(&format!("{}{}", refused.stdout, refused.stderr));
        assert!(said.contains("and the hard limit is 200"), "{said}");
        assert!(said.contains("→ --workers 45") && says_how_to_raise_it(&said), "{said}");
    }
}

/// A full disk is no verdict.
#[test]
fn what_cannot_be_printed_changes_no_verdict() {
    let into_a_full_disk = |sessions: &str| {
        let command = format!("exec \"$0\" doctor --target {ELSEWHERE} --sessions {sessions} >/dev/full");
        let child = Command::new("sh")
            .args(["-c", &command])
            .arg(env!("CARGO_BIN_EXE_startline"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        finish(child.expect("a shell"))
    };
    for (sessions, status) in [("10", 0), ("1000k", 2)] {
        let full = into_a_full_disk(sessions);
        full.assert_status(status);
        assert!(full.stderr.contains("warning: the checks could not be printed"), "{}", full.stderr);
    }
}

/// A run that has just enough descriptors, by the doctor's estimate, makes it: its mock server with a worker for every few sessions, too.
#[test]
fn what_the_doctor_says_fits_into_few_descriptors_does() {
    let temp = tempfile::tempdir().expect("a directory");
    let options =
        ["--ramp", "3s", "--hold", "500ms", "--ramp-down", "0", "--no-broadcast", "--lag-limit", "1m"];
    for (limit, sessions, how) in
        [(100, "600", "per-session"), (80, "200", "per-session"), (110, "300", "pooled")]
    {
        let out = temp.path().join(limit.to_string());
        let args = [&["--sessions", sessions, "--http", how], &options[..]].concat();
        let doctor = with_descriptors(limit, &[&["doctor", "--json"], &args[..]].concat());
        assert_eq!(check(&checks(&doctor), "descriptors")["verdict"], "ok", "{limit}");
        let dir = out.to_str().expect("UTF-8");
        let run = with_descriptors(limit, &[&["run", "--out", dir], &args[..]].concat());
        let text = std::fs::read_to_string(out.join("summary.json"));
        let summary: Value = serde_json::from_str(&text.expect(&run.stderr)).expect("JSON");
        assert_eq!(summary["errors"]["by_kind"], json!({}), "{limit}: {}", run.stdout);
        assert_eq!(summary["sessions"]["held_to_end"].to_string(), sessions, "{limit}");
    }
    // No number of workers is enough here.
    let args = [&["--sessions", "4000"], &options[..]].concat();
    for command in ["doctor", "run"] {
        let refused = with_descriptors(70, &[&[command], &args[..]].concat());
        refused.assert_status(2);
        let said = flat(&format!("{}{}", refused.stdout, refused.stderr));
        assert!(says_how_to_raise_it(&said), "{said}");
    }
}

/// In a network of its own, whose loopback is down and which has no routes.
#[test]
fn a_target_that_nothing_leads_to_is_refused() {
    let in_it = |before: &str, args: &[&str]| {
        let mut command = isolated(&format!("{before}\nexec \"$0\" \"$@\""));
        finish(command.args(args).spawn().expect(HOW_TO_INSTALL))
    };
    let local = ["doctor", "--sessions", "1000"];
    let down = in_it("", &local);
    down.assert_status(2);
    let said = flat(&down.stdout);
    assert!(said.contains("there is no route to the target 127.0.0.1: Network is unreachable"), "{said}");
    assert!(said.contains("→ ip link set lo up (as root)"), "{said}");
    in_it("ip link set lo up || exit 9", &local).assert_status(0);
    let elsewhere = ["--sessions", "10", "--target", ELSEWHERE, "--members", "1-10", "--challenge", "1"];
    for command in ["doctor", "run"] {
        let nowhere = in_it("ip link set lo up || exit 9", &[&[command], &elsewhere[..]].concat());
        nowhere.assert_status(2);
        let said = flat(&format!("{}{}", nowhere.stdout, nowhere.stderr));
        assert!(said.contains("→ ip route get 192.0.2.1"), "{said}");
    }
}

/// Two ends of a wire, and a server at the other one: what a run leaves in TIME_WAIT the next one has to do without.
#[test]
fn a_second_run_right_after_the_first_is_told_to_wait() {
    let temp = tempfile::tempdir().expect("a directory");
    let script = "
        ip link set lo up && echo '40000 40199' > /proc/sys/net/ipv4/ip_local_port_range || exit 9
        mkfifo \"$1/ready\" || exit 9
        unshare --net bash -c 'echo $$ > \"$1/there\"; read -r _ < \"$1/ready\"
            exec \"$0\" serve --listen 10.9.7.2:8080 --members 1-100 --challenge 1 --ready' \"$0\" \"$1\" > \"$1/serving\" 2>&1 & server=$!
        trap 'kill $server' EXIT
        until [ -s \"$1/there\" ]; do kill -0 $server || exit 9; done
        ip link add here type veth peer name there netns $server && ip address add 10.9.7.1/24 dev here && ip link set here up || exit 9
        nsenter --net=/proc/$server/ns/net bash -c 'ip link set lo up; ip address add 10.9.7.2/24 dev there && ip link set there up' || exit 9
        echo > \"$1/ready\"
        until (exec 3<>/dev/tcp/10.9.7.2/8080) 2>/dev/null; do kill -0 $server || exit 9; done
        plan='--target http://10.9.7.2:8080 --members 1-90 --challenge 1 --sessions 90 --ramp 2s'
        \"$0\" doctor --json $plan > \"$1/before\" || exit 9
        \"$0\" run $plan --hold 200ms --ramp-down 0 --lag-limit 1m --out \"$1/run\" >&2
        \"$0\" doctor --json $plan
        status=$?
        \"$0\" run $plan --out \"$1/again\" >&2
        [ $status = $? ] && exit $status";
    let finished = finish(isolated(script).arg(temp.path()).spawn().expect(HOW_TO_INSTALL));
    finished.assert_status(2);
    let summary = std::fs::read_to_string(temp.path().join("run/summary.json")).expect("the first was made");
    let summary: Value = serde_json::from_str(&summary).expect("JSON");
    assert_eq!(summary["errors"]["by_kind"], json!({}), "{}", finished.stderr);
    let report = checks(&finished);
    let ports = check(&report, "ports");
    assert_eq!((&ports["verdict"], &ports["need"]["value"]), (&json!("refuse"), &json!(180)));
    assert!(ports["reading"]["value"].as_u64().is_some_and(|ports| ports <= 110), "{ports:#}");
    let wait = ports["fixes"][0]["text"].as_str().unwrap_or_default();
    assert!(wait.starts_with("wait "), "{ports:#}");
    assert!(!temp.path().join("again").exists(), "nothing was begun");
    let before: Value =
        serde_json::from_str(&std::fs::read_to_string(temp.path().join("before")).expect("there"))
            .expect("JSON");
    assert_eq!(check(&before, "ports")["reading"]["value"], 200);
}

#[test]
fn options_without_an_effect_are_refused() {
    for args in [&["--out", "x"][..], &["--quiet"], &["--sessions", "none"]] {
        doctor(args).assert_status(2);
    }
    doctor(&["--target", "nowhere"]).assert_status(2);
}
