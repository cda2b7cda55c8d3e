//! What a shell and a reader of JSON get: completions, pages of the manual, standard output alone.

use std::process::Command;

use clap::CommandFactory;
use serde_json::Value;
use startline::cli::Cli;

use crate::common::{Run, results, run, text};
use crate::run::ready;

#[test]
fn bash_completes_a_subcommand_s_options() {
    let temp = tempfile::tempdir().expect("a directory");
    let script = run(&["completions", "bash"]).assert_status(0).stdout.clone();
    let file = temp.path().join("startline.bash");
    std::fs::write(&file, script).expect("written");
    let asked = r#"source "$1"; COMP_WORDS=(startline run --sess); COMP_CWORD=2
        _startline startline --sess run; echo "${COMPREPLY[*]}""#;
    let bash = Command::new("bash").args(["-c", asked, "bash", text(&file)]).output().expect("bash");
    assert_eq!(String::from_utf8_lossy(&bash.stdout), "--sessions\n", "{bash:?}");
}

#[test]
fn every_shell_has_completions_and_an_unknown_one_is_refused() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        assert!(run(&["completions", shell]).assert_status(0).stdout.contains("startline"), "{shell}");
    }
    let refused = run(&["completions", "bsh"]);
    assert!(refused.assert_status(2).stderr.contains("'bash'"), "{}", refused.stderr);
}

#[test]
fn every_command_has_a_page_of_the_manual() {
    let temp = tempfile::tempdir().expect("a directory");
    let pages = temp.path().join("share/man/man1");
    run(&["man", "--out", text(&pages)]).assert_status(0);
    let names = |command: &str| std::fs::read_to_string(pages.join(format!("{command}.1"))).expect("a page");
    for page in ["startline", "startline-run", "startline-prepare-join"] {
        assert!(names(page).starts_with(".ie"), "{}", names(page));
    }
    assert_eq!(run(&["man", "prepare", "join"]).assert_status(0).stdout, names("startline-prepare-join"));
    run(&["man", "prepare", "jion"]).assert_status(2);
}

/// The one JSON text that standard output is.
#[track_caller]
fn one_json(args: &[&str]) -> Value {
    let finished = run(args);
    serde_json::from_str(&finished.stdout)
        .unwrap_or_else(|error| panic!("{args:?}: {error}\n{}\n{}", finished.stdout, finished.stderr))
}

/// Subcommands that have this option, by the words that call them.
fn with_option(command: &clap::Command, words: &str, option: &str) -> Vec<String> {
    let has = command.get_arguments().any(|arg| arg.get_long() == Some(option));
    let own = has.then(|| words.trim().to_owned());
    let under = command
        .get_subcommands()
        .flat_map(|next| with_option(next, &format!("{words} {}", next.get_name()), option));
    own.into_iter().chain(under).collect()
}

#[test]
fn json_is_all_that_standard_output_has() {
    // Whatever gets the option is played below.
    let commands = ["compare", "doctor", "merge", "preflight", "prepare challenge", "run", "try"];
    assert_eq!(with_option(&Cli::command(), "", "json"), commands);
    assert_eq!(with_option(&Cli::command(), "", "announce-json"), ["serve"]);

    assert!(one_json(&["doctor", "--json", "--sessions", "5"])["checks"].is_array());
    let server = ready("13-22", &[]);
    let target = ["--target", &server.url, "--challenge", "38", "--members", "13-17", "--json"];
    assert!(one_json(&[&["preflight"], &target[..]].concat())["checks"].is_array());
    let made =
        ["prepare", "challenge", "--target", &server.url, "--admin", "20", "--members", "13-17", "--json"];
    assert!(one_json(&made).is_object());
    let temp = tempfile::tempdir().expect("a directory");
    let (out, again) = (results(&temp), temp.path().join("again"));
    let played = Run::small(10, &out).flag("json").finish();
    let result: Value = serde_json::from_str(&played.assert_status(0).stdout).expect("one JSON text");
    assert_eq!(result["verdict"], "pass");
    Run::small(10, &again).finish().assert_status(0);
    assert!(one_json(&["compare", text(&out), text(&again), "--fail-on", "differs", "--json"]).is_object());
    let shards = [0, 1].map(|k| {
        let out = temp.path().join(format!("shard-{k}"));
        Run::against(&server.url, 4, &out).with("shard", format!("{k}/2")).finish().assert_status(0);
        out
    });
    let sum = temp.path().join("sum");
    let merged = ["merge", text(&shards[0]), text(&shards[1]), "--out", text(&sum), "--json"];
    assert_eq!(one_json(&merged)["sessions"]["established"], 4);
    let member = ["--challenge", "38", "--members", "18", "--ping-interval", "1s"];
    let shown = run(&[&["try", "runnity", "--json", "--target", &server.url], &member[..]].concat()).stdout;
    let is_json = |line: &str| serde_json::from_str::<Value>(line).is_ok_and(|it| it.is_object());
    assert!(shown.lines().count() > 5 && shown.lines().all(is_json), "{shown}");
}
