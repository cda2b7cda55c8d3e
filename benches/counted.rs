//! How many instructions the matcher, the inflater and the accounts of broadcasts take for a message,
//! counted by valgrind: exact, whatever else the machine does.
//!
//!     cargo bench --bench counted              # all
//!     cargo bench --bench counted -- rule      # those with "rule" in their names
//!
//! Prints a table and writes `benches/results/instructions.json`, in which each case replaces its former
//! self. Needs valgrind (Debian: `apt-get install valgrind`). Invariant: a count is the difference between
//! two plays of the same process, one twice as long, so that it holds no start and no set-up.

#[path = "pieces/cases.rs"]
#[allow(dead_code, reason = "`pieces` uses all of it")]
mod cases;

use std::hint::black_box;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;

use serde_json::{Map, Value};
use startline::measure::acts::{Act, Acts, Announced, Deed, Key};
use startline::measure::ledger::{Board, Ledger};
use startline::measure::propagation::{Propagation, Shared};
use startline::measure::servers::ServerIndex;
use startline::members::{MemberId, Members, SessionNumber};
use startline_os::tick::Tick;
use startline_protocol::matching::Matching;
use startline_protocol::websocket::Inflater;

/// Where the counts go, from the repository's root.
const RESULTS: &str = "benches/results/instructions.json";

/// The shorter of two plays.
const TIMES: u64 = 1_000;

/// Members of the one challenge in which announcements are made.
const MEMBERS: u32 = 1_000;

/// A piece of work, by name.
type Case = (String, Box<dyn FnMut()>);

fn main() -> ExitCode {
    // `cargo bench` adds `--bench`.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    if let [flag, name, times] = &args[..]
        && flag == "--play"
    {
        play(name, times.parse().unwrap_or(0));
        return ExitCode::SUCCESS;
    }
    match count(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

fn all() -> Vec<Case> {
    let mut all: Vec<Case> = Vec::new();
    let matcher = cases::runnity();
    let broadcast = move || {
        black_box(matcher.quick(black_box(cases::USER_ENTERED.as_bytes())));
    };
    all.push(("message: USER_ENTERED, quick".to_owned(), Box::new(broadcast)));
    all.extend(announcements());
    for rules in cases::rules() {
        let mut matching = Matching::default();
        let name = format!("rule: {}", rules.name);
        let find = move || {
            black_box(rules.find(&mut matching));
        };
        all.push((name, Box::new(find)));
    }
    for message in cases::compressed() {
        let mut inflater = Inflater::default();
        all.push((format!("inflate: {}", message.name), Box::new(move || message.inflate(&mut inflater))));
    }
    all
}

/// What an announcement costs in the accounts: its pair in the ledger, and its time.
fn announcements() -> [Case; 2] {
    let all: Vec<SessionNumber> = (0..MEMBERS).map(SessionNumber).collect();
    let members = Arc::new(Members::range(MemberId(13), MEMBERS, 38));
    let mut ledger = Ledger::new(Arc::clone(&members), MEMBERS, &all, Board::new(MEMBERS));
    let shared = Shared::new(Acts::new(MEMBERS), MEMBERS, &all, 1);
    let mut propagation = Propagation::new(shared, members, MEMBERS, 0).expect("a member each");
    let (deed, key) = (Deed::ENTER, Key::default());
    let act = Act { at: Tick::from_micros(0), server: ServerIndex(0), deed, key };
    all.iter().for_each(|session| propagation.acted(*session, act));
    // To one observer after the other of one member after the other.
    let next =
        |k: u32| (SessionNumber(k % MEMBERS), MemberId(13 + u64::from((k + 1 + k / MEMBERS) % MEMBERS)));
    let (mut pair, mut time) = (0, 0);
    let pairs = move || {
        let (observer, member_id) = next(pair);
        black_box(ledger.entered(observer, black_box(member_id)));
        pair += 1;
    };
    let times = move || {
        let (observer, member_id) = next(time);
        let told = Announced { deed, member_id, key, at: Tick::from_micros(1_600) };
        propagation.received(observer, ServerIndex(1), black_box(told));
        time += 1;
    };
    let name = |what: &str| format!("announcement: {what}");
    [(name("its pair in the ledger"), Box::new(pairs)), (name("its time"), Box::new(times))]
}

fn play(name: &str, times: u64) {
    for (known, mut work) in all() {
        if known == name {
            (0..times).for_each(|_| work());
        }
    }
}

fn count(words: &[String]) -> Result<(), String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(RESULTS);
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let mut results: Map<String, Value> = serde_json::from_str(&text).unwrap_or_default();
    println!("| case | instructions |\n|---|---:|");
    for (name, _) in all() {
        if !words.is_empty() && !words.iter().any(|word| name.contains(word)) {
            continue;
        }
        let each = (instructions(&name, 2 * TIMES)? - instructions(&name, TIMES)?) / TIMES;
        println!("| {name} | {each} |");
        results.insert(name, each.into());
    }
    let text = serde_json::to_string_pretty(&results).map_err(|error| error.to_string())?;
    std::fs::write(&path, text + "\n").map_err(|error| format!("{}: {error}", path.display()))?;
    println!("counts: {RESULTS}");
    Ok(())
}

/// Of a whole process that does the work this many times.
fn instructions(name: &str, times: u64) -> Result<u64, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(own);
    command.args(["--play", name, &times.to_string()]);
    let output = command
        .output()
        .map_err(|error| format!("valgrind: {error}. Install it as root: apt-get install valgrind"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let collected = said.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    collected.ok_or_else(|| format!("valgrind counted nothing: {said}"))
}
