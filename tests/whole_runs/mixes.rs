//! Mixes: several scenarios in one run, each with its own results, against servers that keep books.

use std::fs;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::common::served::Served;
use crate::common::{Finished, Run, results, startline};
use crate::foreign::echo::{self, Answering};
use crate::schema::assert_valid;

const RUNNITY: &str = include_str!("../../scenarios/runnity.toml");

fn written(temp: &TempDir, name: &str, text: &str) -> String {
    let file = temp.path().join(name);
    fs::write(&file, text).expect("written");
    file.display().to_string()
}

fn summary(directory: &Path) -> Value {
    let text = fs::read_to_string(directory.join("summary.json")).expect("a summary");
    serde_json::from_str(&text).expect("JSON")
}

#[track_caller]
fn count(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("{pointer} in {value:#}"))
}

/// Runnity's scenario under another name, without its limits to latencies: this machine is busy.
fn patient(name: &str) -> String {
    let text = RUNNITY.replacen("name = \"runnity\"", &format!("name = \"{name}\""), 1);
    let limits = ["below = 100\n", "below = 200\nwarn = 500\n", "below = 1000\n"];
    limits.iter().fold(text, |text, limit| text.replace(limit, "below = 30000\n"))
}

/// Runners and spectators of one challenge, three to one.
fn runners_and_spectators(temp: &TempDir) -> String {
    written(temp, "runners.toml", &patient("runners"));
    written(temp, "spectators.toml", &patient("spectators"));
    let mix = "name = \"race\"\n[[mix]]\nscenario = \"runners.toml\"\nweight = 3\n\
        [[mix]]\nscenario = \"spectators.toml\"\n";
    written(temp, "mix.toml", mix)
}

fn run(mix: &str, mock: &Served, out: &Path) -> Finished {
    Run::against(&mock.url, 40, out)
        .with("scenario", mix)
        .with("hold", "1500ms")
        .with("ping-interval", "500ms")
        .with("ramp-down", "300ms")
        .finish()
}

#[test]
fn a_directory_that_is_taken_is_refused_before_anything_is_opened() {
    let temp = tempfile::tempdir().expect("a directory");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a socket");
    let taken = results(&temp);
    fs::create_dir(&taken).expect("a directory");
    fs::write(taken.join("notes"), "").expect("written");
    let target = format!("http://{}", listener.local_addr().expect("an address"));
    let run = Run::against(&target, 40, &taken).with("scenario", runners_and_spectators(&temp));
    let finished = run.finish();
    finished.assert_status(2);
    assert!(finished.stderr.contains("is not empty; name a new directory"), "{}", finished.stderr);
    let came = listener.accept().map(|_| ()).map_err(|error| error.kind());
    assert_eq!(came, Err(ErrorKind::WouldBlock), "nothing was asked of the servers");
}

#[test]
fn parts_share_sessions_and_members_and_keep_their_own_books() {
    let temp = tempfile::tempdir().expect("a directory");
    let mock = Served::start(&["--ready", "--members", "13-52"]);
    let finished = run(&runners_and_spectators(&temp), &mock, &results(&temp));
    finished.assert_status(0);
    let whole = summary(&results(&temp));
    let parts = whole["parts"].as_array().expect("parts");
    assert_eq!(parts.iter().map(|part| &part["name"]).collect::<Vec<_>>(), ["runners", "spectators"]);
    let mut sums = [0, 0, 0, 0];
    for (part, (name, sessions)) in parts.iter().zip([("runners", 30), ("spectators", 10)]) {
        let own = summary(&results(&temp).join("parts").join(name));
        assert_eq!(part["directory"], format!("parts/{name}"));
        assert_eq!(part["result"]["sessions"], own["sessions"]);
        assert_eq!(
            (count(&own, "/sessions/planned"), count(&own, "/sessions/held_to_end")),
            (sessions, sessions)
        );
        // Who learns of whom is judged among the part's own, and the result says so.
        let ledger = &own["ledger"];
        assert_eq!((count(ledger, "/missing"), count(ledger, "/duplicate")), (0, 0), "{ledger:#}");
        assert!(count(ledger, "/strangers") > 0, "{ledger:#}");
        let other = if name == "runners" { "spectators" } else { "runners" };
        assert_eq!(part["unjudged_with"], serde_json::json!([other]));
        assert_eq!(own["verdict"], "pass", "{:#}", own["reasons"]);
        let of_part = format!("/steps/{name}~1enter/count");
        assert_eq!(count(&whole, &of_part), count(&own, "/steps/enter/count"));
        assert_eq!(whole.pointer(&format!("/every/{name}~1ping")), own.pointer("/every/ping"));
        let counts = ["/sessions/started", "/messages/received", "/ping/answered", "/http/requests"];
        sums.iter_mut().zip(counts).for_each(|(sum, figure)| *sum += count(&own, figure));
    }
    let figures = ["/sessions/started", "/messages/received", "/ping/answered", "/http/requests"];
    assert_eq!(figures.map(|figure| count(&whole, figure)), sums);
    assert_eq!((count(&whole, "/sessions/planned"), count(&whole, "/steps/open/count")), (40, 40));
    assert_eq!(count(&mock.call("GET", "/mock/counters", ""), "/connected"), 40);
    assert_eq!(count(&whole, "/errors/total"), 0, "{:#}", whole["errors"]);
    let criteria = whole["criteria"].as_array().expect("criteria");
    assert!(criteria.iter().any(|one| one["name"] == "spectators: connections-held"), "{criteria:#?}");
    for part in ["runners: 30 sessions (weight 3)", "spectators: 10 sessions (weight 1)"] {
        assert!(finished.stdout.contains(part), "{}", finished.stdout);
    }
    let unjudged = "told of the members of spectators, in the same challenge, is not judged";
    assert!(finished.stdout.replace("\n              ", " ").contains(unjudged), "{}", finished.stdout);
    assert_valid(&results(&temp));
    let page = fs::read_to_string(results(&temp).join("report.html")).expect("a page");
    assert!(page.contains(unjudged), "the page says it, too");
    assert!(page.replace('\u{a0}', " ").contains("100 %, at least 99.9 %"), "shares are in per cent");
    assert!(page.contains("parts/spectators/report.html"));
    assert!(results(&temp).join("parts/runners/report.html").exists());
}

/// Each part has its share cut, at one instant, and the whole has them all.
#[test]
fn a_mix_s_sessions_are_cut_in_each_part() {
    let temp = tempfile::tempdir().expect("a directory");
    let mock = Served::start(&["--ready", "--members", "13-52"]);
    let cut = Run::against(&mock.url, 40, &results(&temp))
        .with("scenario", runners_and_spectators(&temp))
        .with("ramp", "500ms")
        .with("hold", "3s")
        .with("ramp-down", "300ms")
        .with("drop", "40%@2s:reset");
    let finished = cut.finish();
    let whole = summary(&results(&temp));
    assert_valid(&results(&temp));
    let dropped = |of: &Value| count(of, "/reconnects/by_cause/cut-on-purpose/dropped");
    let mut sum = 0;
    for (part, sessions, cut) in [("runners", 30, 12_u64), ("spectators", 10, 4)] {
        let own = summary(&results(&temp).join("parts").join(part));
        // A share is exact up to one.
        assert!(dropped(&own).abs_diff(cut) <= 1, "{part}: {}", finished.stdout);
        assert_eq!(count(&own, "/reconnects/unfinished"), dropped(&own));
        // What the plan did is not the servers' failure.
        assert_eq!(count(&own, "/sessions/min_in_hold"), sessions, "{part}: {}", finished.stdout);
        sum += dropped(&own);
    }
    assert_eq!((dropped(&whole), count(&whole, "/sessions/min_in_hold")), (sum, 40), "{}", finished.stdout);
    assert_eq!(count(&whole, "/sessions/failed"), 0);
    // The page counts who is left open at each server.
    let servers = fs::read_to_string(results(&temp).join("servers.csv")).expect("a file");
    let gone = servers.lines().skip(1).filter_map(|line| line.rsplit(',').next()?.parse::<u64>().ok());
    assert!(gone.sum::<u64>() >= sum, "{servers}");
}

/// Plays a plan again, of sessions on another mock server.
fn repeated(plan: &Path, mock: &Served, out: &Path) {
    let (plan, out) = (plan.display().to_string(), out.display().to_string());
    let arguments = ["run", "--plan", &plan, "--target", &mock.url, "--out", &out];
    let output = startline().args(arguments).output().expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn a_mix_is_repeated_from_its_plan_and_compared() {
    let temp = tempfile::tempdir().expect("a directory");
    let members = ["--ready", "--members", "13-52"];
    let mix = runners_and_spectators(&temp);
    run(&mix, &Served::start(&members), &results(&temp)).assert_status(0);
    let mock = Served::start(&members);
    let again = temp.path().join("again");
    let plan = results(&temp).join("plan.toml");
    repeated(&plan, &mock, &again);
    let (first, second) = (summary(&results(&temp)), summary(&again));
    assert_eq!(first["plan"]["seed"], second["plan"]["seed"]);
    for part in [0, 1] {
        let planned = format!("/parts/{part}/result/sessions/planned");
        assert_eq!(count(&first, &planned), count(&second, &planned));
    }
    assert_eq!(count(&mock.call("GET", "/mock/counters", ""), "/connected"), 40);
    let compared =
        startline().args(["compare", "--json"]).args([results(&temp), again]).output().expect("it runs");
    let compared: Value = serde_json::from_slice(&compared.stdout).expect("JSON");
    let measures = compared["measures"].as_array().expect("measures");
    let is_of_part = |one: &Value| one["measure"].as_str().is_some_and(|it| it.contains("spectators/login"));
    assert!(measures.iter().any(is_of_part), "{measures:#?}");
    // A part alone, too.
    let alone = temp.path().join("alone");
    let mock = Served::start(&members);
    let plan = results(&temp).join("parts/spectators/plan.toml");
    repeated(&plan, &mock, &alone);
    assert_eq!(count(&summary(&alone), "/sessions/started"), 10);
    assert_eq!(count(&mock.call("GET", "/mock/counters", ""), "/connected"), 10);
}

#[test]
fn parts_have_servers_criteria_and_lifetimes_of_their_own() {
    let temp = tempfile::tempdir().expect("a directory");
    let echo = fs::read_to_string("scenarios/echo.toml").expect("it is there");
    let (echo, _) = echo.split_once("[[criteria]]").expect("it has criteria");
    let strict = "[[criteria]]\nname = \"too-strict\"\nmeasure = \"sessions.min_in_hold\"\nat_least = 1000\n";
    written(&temp, "echo.toml", &(echo.to_owned() + strict));
    written(&temp, "runners.toml", &patient("runners"));
    let target = echo::start(Answering::Same);
    let mix = format!(
        "name = \"two-servers\"\nstages = [\"500ms:20\", \"2s:20\"]\n[[mix]]\nscenario = \"runners.toml\"\n\
         [[mix]]\nscenario = \"echo.toml\"\ntarget = \"{target}\"\nset = {{ payload = \"hello\" }}\n"
    );
    let mix = written(&temp, "mix.toml", &mix);
    let out = results(&temp).display().to_string();
    let arguments = ["run", "--scenario", &mix, "--ramp-down", "300ms", "--lag-limit", "30s", "--out", &out];
    let finished = startline().args(arguments).output().expect("it runs");
    let stdout = String::from_utf8_lossy(&finished.stdout).into_owned();
    assert_eq!(finished.status.code(), Some(1), "{stdout}{}", String::from_utf8_lossy(&finished.stderr));
    let whole = summary(&results(&temp));
    let results = [0, 1].map(|part| &whole["parts"][part]["result"]);
    assert_eq!(
        (&results[1]["verdict"], &whole["verdict"]),
        (&Value::from("fail"), &Value::from("fail")),
        "{stdout}"
    );
    let reasons = whole["reasons"].as_array().expect("reasons");
    let is_its = |reason: &Value| reason.as_str().is_some_and(|it| it.starts_with("echo: too-strict: "));
    assert!(reasons.iter().any(is_its), "{reasons:#?}");
    for result in results {
        assert_eq!((count(result, "/stages/1/level"), count(result, "/sessions/started")), (10, 10));
        assert_eq!(count(result, "/errors/total"), 0, "{:#}", result["errors"]);
    }
    // What each part's servers are is no matter of the other's.
    assert_eq!(whole["troubles"].as_array().map(Vec::len), Some(0), "{:#}", whole["troubles"]);
    // An echo answers each of its messages, and nothing else comes.
    let of_echo = &whole["parts"][1]["result"];
    assert_eq!(count(of_echo, "/messages/received"), count(of_echo, "/ping/answered"));
}

#[test]
fn what_a_mix_cannot_do_is_said_before_anything_opens() {
    let temp = tempfile::tempdir().expect("a directory");
    let mix = runners_and_spectators(&temp);
    let refused = |arguments: &[&str]| {
        let output = startline().args(arguments).output().expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let tried = refused(&["try", &mix, "--target", "http://127.0.0.1:9"]);
    assert!(tried.contains("is a mix of several scenarios"), "{tried}");
    let search = refused(&["run", "--scenario", &mix, "--find-max"]);
    assert!(search.contains("--find-max is for one scenario"), "{search}");
    let unknown = refused(&["run", "--scenario", &mix, "--set", "nothing=1"]);
    assert!(unknown.contains("no part of the mix has such a variable"), "{unknown}");
    let every = refused(&["run", "--scenario", &mix, "--every", "pong=on"]);
    assert!(every.contains("no part of the mix has a periodic message \"pong\""), "{every}");
    let none = refused(&["run", "--scenario", &mix, "--sessions", "1"]);
    assert!(none.contains("the part \"spectators\" gets none of the 1"), "{none}");
    let twice = "name = \"x\"\n[[mix]]\nscenario = \"runnity\"\n[[mix]]\nscenario = \"runnity\"\n";
    let twice = refused(&["run", "--scenario", &written(&temp, "twice.toml", twice)]);
    assert!(twice.contains("two parts are called \"runnity\""), "{twice}");
    let checked = startline().args(["scenario", "check", &mix]).output().expect("it runs");
    let text = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(text.contains("runners: 3 of 4 sessions") && text.matches("is valid").count() == 2, "{text}");
}
