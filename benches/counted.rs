//! How many instructions the matcher and the inflater take for a message, counted by valgrind: exact,
//! whatever else the machine does.
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

use serde_json::{Map, Value};
use startline_protocol::matching::Matching;
use startline_protocol::websocket::Inflater;

/// Where the counts go, from the repository's root.
const RESULTS: &str = "benches/results/instructions.json";

/// The shorter of two plays.
const TIMES: u64 = 1_000;

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

/// Of a whole process that does the work so many times.
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
