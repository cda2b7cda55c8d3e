//! MQTT: mosquitto, which logs every packet.

use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use crate::broker::Broker;
use crate::common::processes::free_port;
use crate::common::{eventually, kinds};
use crate::played::{SESSIONS, built_in, playing, quiet_at_the_end};
use crate::programs::program;

struct Mosquitto {
    broker: Broker,
    url: String,
}

impl Mosquitto {
    #[track_caller]
    fn start(anonymous: bool) -> Self {
        let (port, other) = (free_port(), free_port());
        let prepare = |directory: &Path| {
            // mosquitto 2.0.11 needs a plain MQTT listener beside the WebSocket one to start.
            let configuration = format!(
                "listener {port} 127.0.0.1\nprotocol websockets\nlistener {other} 127.0.0.1\n\
                 allow_anonymous {anonymous}\nlog_dest stderr\nlog_type all\n"
            );
            let file = directory.join("mosquitto.conf");
            std::fs::write(&file, configuration).expect("written");
            let mut command = Command::new(program(&["mosquitto"], "apt-get install mosquitto"));
            command.arg("-c").arg(file);
            command
        };
        let broker = Broker::start(prepare, |_| TcpStream::connect(("127.0.0.1", port)).is_ok());
        Self { broker, url: format!("http://127.0.0.1:{port}") }
    }

    fn received(&self, packet: &str) -> u64 {
        self.broker.logged(&[&format!("Received {packet} from")])
    }

    fn sent(&self, packet: &str) -> u64 {
        self.broker.logged(&[&format!("Sending {packet} to")])
    }
}

#[test]
fn everyone_subscribes_and_hears_everyone() {
    let mosquitto = Mosquitto::start(true);
    let playing = playing(&quiet_at_the_end("mqtt"), &mosquitto.url);
    let played = playing
        .and("every", "say.interval=1s")
        .and("every", "ping.interval=1s")
        .with("end", "quit")
        .finish(0);
    played.assert_all_held();
    let sessions = u64::from(SESSIONS);
    eventually("the end of every session", || mosquitto.received("DISCONNECT") == sessions);
    assert_eq!(mosquitto.broker.logged(&["New client connected from"]), sessions);
    // Packets as mosquitto counts them, and as we do.
    assert_eq!(mosquitto.received("SUBSCRIBE"), sessions);
    played.assert_sent(&[("ping", mosquitto.received("PINGREQ")), ("say", mosquitto.received("PUBLISH"))]);
    let sent = ["CONNACK", "SUBACK", "PINGRESP", "PUBLISH"].map(|packet| mosquitto.sent(packet));
    let names = ["connack", "suback", "pingresp", "said"];
    played.assert_heard(&std::array::from_fn::<_, 4, _>(|at| (names[at], sent[at])));
}

#[test]
fn a_broker_that_wants_a_password_refuses_the_session() {
    let mosquitto = Mosquitto::start(false);
    let played = playing(&built_in("mqtt"), &mosquitto.url).finish(1);
    assert_eq!(
        kinds(&played.summary),
        [("refused:connection_refused".to_owned(), played.count("/sessions/started"))]
    );
    assert_eq!(mosquitto.sent("CONNACK"), played.count("/sessions/started"));
    assert_eq!(mosquitto.received("SUBSCRIBE"), 0);
}
