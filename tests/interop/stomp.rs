//! STOMP: RabbitMQ with its plugin for WebSockets, and the counters that it keeps of every protocol.

use std::path::Path;
use std::process::Command;

use crate::broker::Broker;
use crate::common::processes::free_port;
use crate::common::{eventually, finish, kinds, piped};
use crate::played::{Playing, SESSIONS, built_in, playing, quiet_at_the_end};
use crate::programs::program;

/// Debian's scripts drop privileges to a user of their own; these are what they call.
const PROGRAMS: &str = "/usr/lib/rabbitmq/bin";

/// Messages received, confirmed and delivered, as JSON.
const COUNTERS: &str = "
Counters = rabbit_global_counters:overview(),
Of = fun(Labels, Names) -> [maps:get(Name, maps:get(Labels, Counters)) || Name <- Names] end,
Of([{protocol, amqp091}], [messages_received_total, messages_confirmed_total]) ++
Of([{protocol, amqp091}, {queue_type, rabbit_classic_queue}], [messages_delivered_total]).";

struct RabbitMq {
    broker: Broker,
    // Erlang's register of nodes, which would outlive the broker if that started it.
    _register: Broker,
    register_port: u16,
    url: String,
}

impl RabbitMq {
    #[track_caller]
    fn start() -> Self {
        let (port, register_port, node_port) = (free_port(), free_port(), free_port());
        let register = |_: &Path| {
            let mut command = Command::new(program(&["epmd"], "apt-get install rabbitmq-server"));
            command.args(["-address", "127.0.0.1", "-port", &register_port.to_string()]);
            command
        };
        let register =
            Broker::start(register, |_| std::net::TcpStream::connect(("127.0.0.1", register_port)).is_ok());
        let prepare = |directory: &Path| {
            let configuration = format!(
                "listeners.tcp = none\nstomp.listeners.tcp = none\nlog.console.level = info\n\
                 web_stomp.tcp.ip = 127.0.0.1\nweb_stomp.tcp.port = {port}\n"
            );
            std::fs::write(directory.join("rabbitmq.conf"), configuration).expect("written");
            std::fs::write(directory.join("plugins"), "[rabbitmq_web_stomp].\n").expect("written");
            let mut command = command(directory, "rabbitmq-server", register_port);
            command.env("RABBITMQ_DIST_PORT", node_port.to_string());
            command
        };
        let broker = Broker::start(prepare, |broker| broker.logged(&["Server startup complete"]) == 1);
        Self { broker, _register: register, register_port, url: format!("http://127.0.0.1:{port}") }
    }

    /// Messages received, confirmed and delivered so far.
    #[track_caller]
    fn counters(&self) -> [u64; 3] {
        let mut asking = command(self.broker.directory(), "rabbitmqctl", self.register_port);
        asking.args(["-n", NODE, "eval", COUNTERS]);
        let answer = finish(piped(&mut asking).spawn().expect("it starts"));
        let stdout = &answer.assert_status(0).stdout;
        serde_json::from_str(stdout).unwrap_or_else(|_| panic!("{stdout:?} is no list of three"))
    }

    fn playing(&self, source: &str) -> Playing {
        playing(source, &self.url).and("every", "say.interval=1s").and("every", "beat.interval=1s")
    }
}

const NODE: &str = "startline@localhost";

/// One of RabbitMQ's programs, with everything that it writes in this directory.
#[track_caller]
fn command(directory: &Path, name: &str, register_port: u16) -> Command {
    let path = Path::new(PROGRAMS).join(name);
    assert!(
        path.exists(),
        "{name} is missing. As root: apt-get install --no-install-recommends rabbitmq-server"
    );
    let mut command = Command::new(path);
    let within = |name: &str| directory.join(name);
    command
        .env("HOME", directory)
        .env("ERL_EPMD_PORT", register_port.to_string())
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("RABBITMQ_NODENAME", NODE)
        .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}")
        .env("RABBITMQ_MNESIA_BASE", within("data"))
        .env("RABBITMQ_LOG_BASE", within("logs"))
        .env("RABBITMQ_LOGS", "-")
        .env("RABBITMQ_CONFIG_FILE", within("rabbitmq.conf"))
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", within("plugins"));
    command
}

#[test]
#[ignore = "RabbitMQ takes long to start: scripts/release-check"]
fn the_broker_confirms_and_delivers_what_was_said() {
    let rabbit = RabbitMq::start();
    let played = rabbit.playing(&quiet_at_the_end("stomp")).with("end", "quit").finish(0);
    played.assert_all_held();
    let sent = played.count("/every/say/sent");
    let mut counters = [0; 3];
    eventually("the broker's count", || {
        counters = rabbit.counters();
        counters[0] >= sent
    });
    let [received, confirmed, delivered] = counters;
    // The broker counts no heartbeats: all others of those that came late are messages.
    assert!(sent <= received && received <= sent + played.count("/ramp_down/sent"), "{received} received");
    assert_eq!(confirmed, received);
    let of = |kind| played.count(&format!("/messages/by_type/{kind}"));
    let late = played.count("/ramp_down/messages");
    assert_eq!(of("connected"), u64::from(SESSIONS));
    // Of each subscription, and of each message.
    let receipts = u64::from(SESSIONS) + confirmed;
    assert!(
        of("receipt") <= receipts && of("receipt") + late >= receipts,
        "{:#}",
        played.summary["messages"]
    );
    assert!(of("message") <= delivered && of("message") + late >= delivered, "{delivered} delivered");
    assert_eq!(of("other"), 0);
    assert_eq!(played.count("/every/beat/sent"), played.count("/every/beat/due"));
}

#[test]
#[ignore = "RabbitMQ takes long to start: scripts/release-check"]
fn a_wrong_passcode_is_refused() {
    let rabbit = RabbitMq::start();
    let played = rabbit.playing(&built_in("stomp")).with("set", "passcode=wrong").finish(1);
    let started = played.count("/sessions/started");
    assert_eq!(
        kinds(&played.summary),
        [("refused:failed".to_owned(), started)],
        "{:#}",
        played.summary["errors"]
    );
    assert!(rabbit.broker.logged(&["login failed"]) >= started, "{}", rabbit.broker.log());
}
