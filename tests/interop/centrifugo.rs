//! Centrifugo, and the metrics that it keeps of commands and messages.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::broker::Broker;
use crate::common::processes::free_port;
use crate::common::{DEADLINE, eventually, finish, kinds, piped};
use crate::played::{Playing, SESSIONS, playing, quiet_at_the_end};

struct Centrifugo {
    broker: Broker,
    url: String,
}

/// What `scripts/release-check` builds.
#[track_caller]
fn centrifugo() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/go/bin/centrifugo");
    assert!(path.is_file(), "{} is missing: scripts/release-check centrifugo builds it", path.display());
    path
}

impl Centrifugo {
    #[track_caller]
    fn start() -> Self {
        let port = free_port();
        let prepare = |directory: &Path| {
            let configuration = serde_json::json!({
                "client": {
                    "token": { "hmac_secret_key": "secret" },
                    "ping_interval": "1s",
                    "pong_timeout": "900ms",
                },
                "channel": { "without_namespace": {
                    "allow_subscribe_for_client": true,
                    "allow_publish_for_subscriber": true,
                } },
                "http_server": { "address": "127.0.0.1", "port": port },
                "prometheus": { "enabled": true },
                "health": { "enabled": true },
                "log": { "level": "info" },
            });
            std::fs::write(directory.join("config.json"), configuration.to_string()).expect("written");
            let mut command = Command::new(centrifugo());
            command.args(["-c", "config.json"]);
            command
        };
        let url = format!("http://127.0.0.1:{port}");
        let broker = Broker::start(prepare, |broker| broker.logged(&["serving websocket"]) > 0);
        Self { broker, url }
    }

    /// A member's token, in a file.
    #[track_caller]
    fn token(&self) -> String {
        let mut command = Command::new(centrifugo());
        command.current_dir(self.broker.directory()).args([
            "gentoken",
            "-c",
            "config.json",
            "-u",
            "42",
            "-q",
        ]);
        let made = finish(piped(&mut command).spawn().expect("it starts"));
        let file = self.broker.directory().join("token");
        std::fs::write(&file, &made.assert_status(0).stdout).expect("written");
        format!("token={}", file.display())
    }

    /// How many messages of this type it has "sent" or "received".
    #[track_caller]
    fn messages(&self, direction: &str, frame_type: &str) -> u64 {
        let name = format!("centrifugo_transport_messages_{direction}");
        self.metric(&name, &format!("frame_type=\"{frame_type}\""))
    }

    /// The sum of a metric over all series that have this label.
    #[track_caller]
    fn metric(&self, name: &str, label: &str) -> u64 {
        let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(DEADLINE)).build().into();
        let mut answer = agent.get(format!("{}/metrics", self.url)).call().expect("an answer");
        let metrics = answer.body_mut().read_to_string().expect("text");
        let of = metrics.lines().filter(|line| line.starts_with(&format!("{name}{{")));
        let value = |line: &str| line.rsplit(' ').next()?.parse::<f64>().ok();
        of.filter(|line| line.contains(label)).map(|line| value(line).expect("a number")).sum::<f64>() as u64
    }

    fn playing(&self) -> Playing {
        playing(&quiet_at_the_end("centrifugo"), &self.url).and("every", "say.interval=1s")
    }
}

#[test]
#[ignore = "Centrifugo takes minutes to build: scripts/release-check"]
fn everyone_publishes_hears_everyone_and_answers_pings() {
    let centrifugo = Centrifugo::start();
    let played = centrifugo.playing().with("set-file", centrifugo.token()).finish(0);
    played.assert_all_held();
    let sessions = u64::from(SESSIONS);
    eventually("the end of every session", || {
        centrifugo.metric("centrifugo_node_action_count", "action=\"remove_client\"") == sessions
    });
    assert_eq!(centrifugo.messages("received", "connect"), sessions);
    assert_eq!(centrifugo.messages("received", "subscribe"), sessions);
    played.assert_sent(&[("say", centrifugo.messages("received", "publish"))]);
    let sent = |frame_type| centrifugo.messages("sent", frame_type);
    assert!(sent("server_ping") >= 2 * sessions, "it pings each session");
    played.assert_answers(&[("server_ping", centrifugo.messages("received", "client_pong"))]);
    played.assert_records(&[
        ("connected", sent("connect")),
        ("subscribed", sent("subscribe")),
        ("published", sent("publish")),
        ("said", sent("push_publication")),
        ("server_ping", sent("server_ping")),
    ]);
}

#[test]
#[ignore = "Centrifugo takes minutes to build: scripts/release-check"]
fn a_token_of_another_key_is_refused() {
    let centrifugo = Centrifugo::start();
    // Its signature is another's.
    let token =
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMyJ9.63GnFIO2N88SxfnxDIK2QNdw9KV2y3huptBBFgx5Kak";
    let played = centrifugo.playing().with("set", format!("token={token}")).finish(1);
    let started = played.count("/sessions/started");
    assert_eq!(kinds(&played.summary).iter().map(|(_, count)| count).sum::<u64>(), started);
    assert_eq!(centrifugo.messages("received", "subscribe"), 0);
    assert!(!played.finished.stdout.contains(token), "a secret is printed");
}
