//! `startline serve` as a process, and `startline preflight` against it.

use std::process::Command;

use serde_json::Value;

use crate::common::processes::MockServer;
use crate::common::{DEADLINE, Finished, finish, startline};

/// The challenge that mock servers have.
pub(crate) const CHALLENGE: &str = "38";

/// A mock server that ends with the test.
#[derive(Debug)]
pub(crate) struct Served {
    mock: MockServer,
    pub(crate) url: String,
}

impl Served {
    /// With these options; members 13 to 32 and the challenge, if they do not say otherwise.
    #[track_caller]
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut args = args.to_vec();
        for (option, value) in [("--workers", "1"), ("--members", "13-32"), ("--challenge", CHALLENGE)] {
            if !args.contains(&option) {
                args.extend([option, value]);
            }
        }
        let mock = MockServer::start(&args);
        Self { url: mock.url.clone(), mock }
    }

    /// With the challenge READY.
    #[track_caller]
    pub(crate) fn ready() -> Self {
        Self::start(&["--ready"])
    }

    /// Where it listens, without the scheme.
    pub(crate) fn address(&self) -> &str {
        self.url.split_once("://").expect("a URL").1
    }

    /// Ends it, as a crash would.
    pub(crate) fn kill(&mut self) {
        self.mock.kill();
    }

    /// Has it do nothing any more, and keep its connections.
    #[allow(dead_code, reason = "`watched` alone does it")]
    pub(crate) fn freeze(&self) {
        crate::common::signal(self.mock.id(), libc::SIGSTOP);
    }

    /// One request; the answer's JSON.
    #[track_caller]
    pub(crate) fn call(&self, method: &str, path: &str, token: &str) -> Value {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("Authorization", format!("Bearer {token}"))
            .body(())
            .expect("a request");
        let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(DEADLINE)).build().into();
        let mut answer = agent.run(request).expect("an answer");
        serde_json::from_str(&answer.body_mut().read_to_string().expect("a body")).expect("JSON")
    }

    /// A member's token.
    #[track_caller]
    pub(crate) fn login(&self, member: u64) -> String {
        let answer = self.call("POST", &format!("/api/v1/auth/test-login?memberId={member}"), "");
        answer["data"]["accessToken"].as_str().expect("a token").to_owned()
    }

    /// What the look-up says.
    #[track_caller]
    pub(crate) fn look_up(&self) -> Value {
        let token = self.login(13);
        self.call("GET", &format!("/api/v1/challenges/{CHALLENGE}"), &token)["data"].clone()
    }

    /// How many participants there are of each status: `WAITING`, 20.
    #[track_caller]
    pub(crate) fn count(&self, status: &str) -> usize {
        let looked_up = self.look_up();
        let participants = looked_up["participants"].as_array().expect("a list");
        participants.iter().filter(|one| one["status"] == status).count()
    }
}

/// `startline preflight` with these options.
pub(crate) fn preflight(args: &[&str]) -> Command {
    let mut command = startline();
    command.arg("preflight").args(args);
    command
}

/// All that it takes to look at members 13 to 32, for a short run.
pub(crate) fn usual(url: &str) -> Vec<&str> {
    let load = ["--ramp", "5s", "--hold", "20s", "--seed", "7"];
    [&["--target", url, "--challenge", CHALLENGE, "--members", "13-32"][..], &load].concat()
}

/// What preflight finds, as data; its exit status is asserted.
#[track_caller]
pub(crate) fn found(status: i32, args: &[&str]) -> Value {
    found_by(status, &mut preflight(&[args, &["--json"]].concat()))
}

/// The same, of a command of the test's.
#[track_caller]
pub(crate) fn found_by(status: i32, command: &mut Command) -> Value {
    let finished = finish(command.spawn().expect("the binary starts"));
    finished.assert_status(status);
    serde_json::from_str(&finished.stdout).expect("nothing but JSON")
}

/// What it prints for people.
#[track_caller]
pub(crate) fn printed(args: &[&str]) -> Finished {
    finish(preflight(args).spawn().expect("the binary starts"))
}

/// The check of this id; the first, if there are several.
#[track_caller]
pub(crate) fn check<'v>(report: &'v Value, id: &str) -> &'v Value {
    let checks = report["checks"].as_array().expect("checks");
    checks.iter().find(|check| check["id"] == id).unwrap_or_else(|| panic!("no {id} in {report:#}"))
}

/// Asserts a check's verdict, and what its reason says; gives the check.
#[track_caller]
pub(crate) fn assert_check<'v>(report: &'v Value, id: &str, verdict: &str, why: &str) -> &'v Value {
    let check = check(report, id);
    assert_eq!(check["verdict"], verdict, "{check:#}");
    assert!(check["why"].as_str().unwrap_or_default().contains(why), "{check:#}");
    check
}

/// Asserts that all other checks are ok, except for this machine, which is whatever the tests run
/// on.
#[track_caller]
pub(crate) fn assert_others_well(report: &Value, but: &[&str]) {
    for check in report["checks"].as_array().expect("checks") {
        let id = check["id"].as_str().expect("an id");
        if id != "machine" && !but.contains(&id) {
            assert_eq!(check["verdict"], "ok", "{check:#}");
        }
    }
}
