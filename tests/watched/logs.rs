//! Logs, ports and nginx before a test: what `startline preflight --watch` finds.

use std::fs;
use std::path::Path;

use crate::common::processes::{Guarded, free_port};
use crate::common::served::{Served, assert_check, found_by, preflight, usual};
use crate::common::{eventually, signal, text};
use crate::proxy::Proxy;

#[track_caller]
fn watching(status: i32, served: &Served, content: &str) -> serde_json::Value {
    let temp = tempfile::tempdir().expect("a directory");
    let file = temp.path().join("watch.toml");
    fs::write(&file, content).expect("written");
    found_by(status, &mut preflight(&[&usual(&served.url)[..], &["--json", "--watch", text(&file)]].concat()))
}

fn block(source: &str, keys: &str) -> String {
    format!("[[watch]]\nsource = \"{source}\"\nname = \"it\"\n{keys}\n")
}

#[test]
fn an_nginx_and_its_log_are_there_or_say_what_is_missing() {
    let served = Served::ready();
    let proxy = Proxy::start("access_log access.log;", 512);
    let url = format!("url = \"http://127.0.0.1:{}/stub_status\"", proxy.port);
    let report = watching(0, &served, &block("nginx", &url));
    let check = assert_check(&report, "watch-nginx", "ok", "");
    assert!(check["reading"]["text"].as_str().expect("text").starts_with("active "), "{check}");
    // The lines from before show what its format lacks.
    assert_eq!(proxy.get("/api/x"), 200);
    eventually("a line", || fs::read_to_string(proxy.path("access.log")).is_ok_and(|log| !log.is_empty()));
    let log = format!("file = {:?}\nexpression = \"spread status=101\"", proxy.path("access.log"));
    let report = watching(1, &served, &block("nginx", &log));
    let check = assert_check(&report, "watch-nginx", "fail", "the access log has no $upstream_addr");
    assert!(check["fixes"][0]["text"].as_str().expect("text").contains("log_format startline"), "{check}");
}

#[test]
fn a_port_answers_or_fails() {
    let served = Served::ready();
    watching(0, &served, &block("tcp", &format!("address = \"{}\"", served.address())));
    let report = watching(1, &served, &block("tcp", &format!("address = \"127.0.0.1:{}\"", free_port())));
    assert_check(&report, "watch-tcp", "fail", "refused");
}

#[test]
fn a_log_s_command_goes_on_or_its_last_line_is_said() {
    let served = Served::ready();
    let command = |script: &str| block("log", &format!("command = [\"sh\", \"-c\", \"{script}\"]"));
    let report = watching(0, &served, &command("echo a line; exec sleep 300"));
    assert_check(&report, "watch-log", "ok", "");
    let report = watching(1, &served, &command("echo 'Permission denied (publickey).' >&2; exit 255"));
    assert_check(&report, "watch-log", "fail", "sh: exit status 255: Permission denied (publickey).");
    let report = watching(1, &served, &block("log", "command = [\"/nowhere/ssh\"]"));
    assert_check(&report, "watch-log", "fail", "it cannot be started: No such file");
}

/// Not even a kill leaves a command behind.
#[test]
fn a_command_does_not_outlive_the_program() {
    let served = Served::ready();
    let temp = tempfile::tempdir().expect("a directory");
    let (id_file, file) = (temp.path().join("id"), temp.path().join("watch.toml"));
    let script = format!("echo $$ > {}; exec sleep 300", id_file.display());
    fs::write(&file, block("log", &format!("command = [\"sh\", \"-c\", \"{script}\"]"))).expect("written");
    let args = [&usual(&served.url)[..], &["--watch", text(&file)]].concat();
    let mut program = Guarded::spawn(&mut preflight(&args));
    let mut id = 0;
    eventually("the command", || {
        id = fs::read_to_string(&id_file).ok().and_then(|id| id.trim().parse().ok()).unwrap_or(0);
        id > 0
    });
    assert!(is_running(id));
    signal(program.0.id(), libc::SIGKILL);
    let _ = program.0.wait();
    eventually("the command's end", || !is_running(id));
}

/// An orphan that was killed stays a zombie until init has waited for it.
fn is_running(id: u32) -> bool {
    let stat = fs::read_to_string(Path::new("/proc").join(id.to_string()).join("stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z"))
}
