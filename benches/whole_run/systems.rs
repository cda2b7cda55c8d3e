//! What a session of each built-in scenario takes, against the servers of `tests/interop`; those of
//! chat, STOMP and Centrifugo are played by `standin.js`.
//!
//! Node, Python's packages and mosquitto have to be there (`scripts/test` installs them). Invariant:
//! everyone says nothing, since in one room of ten thousand each word is ten thousand messages; what
//! is measured is being held.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::measured::Measured;
use super::parts::slope;

/// A scenario, its server, the server's settings, and what silences its sessions.
struct System(&'static str, Program, &'static str, &'static str);

#[derive(Clone, Copy)]
enum Program {
    Node(&'static str),
    /// `standin.js` of the benches.
    StandIn,
    Python(&'static str),
    Mosquitto,
}

/// Echo of what is sent, from `ws`.
pub fn echo() -> Result<Value, String> {
    System("echo", Program::Node("echo.js"), "{}", "--ping-interval 5s").measure()
}

/// Socket.IO's own server.
pub fn socketio() -> Result<Value, String> {
    let settings = r#"{"ping_interval_ms":25000,"ping_timeout_ms":20000,"tick_ms":10000}"#;
    System("socketio", Program::Node("socketio.js"), settings, "--every say.interval=1h").measure()
}

/// graphql-ws's own server.
pub fn graphql_ws() -> Result<Value, String> {
    // Sooner than the step that awaits the first tick gives up, which is after 10 s.
    let settings = r#"{"tick_ms":8000,"keep_alive_ms":12000}"#;
    System("graphql-ws", Program::Node("graphqlws.js"), settings, "").measure()
}

/// The server of Python's package for OCPP.
pub fn ocpp() -> Result<Value, String> {
    let settings = r#"{"interval_s":300,"ask_after_s":3600}"#;
    System("ocpp", Program::Python("ocpp_server.py"), settings, "").measure()
}

/// mosquitto.
pub fn mqtt() -> Result<Value, String> {
    System("mqtt", Program::Mosquitto, "", "--every say.interval=1h").measure()
}

/// The tests' server of Phoenix's protocol.
pub fn phoenix() -> Result<Value, String> {
    let program = Program::Node("phoenix.js");
    System("phoenix", program, r#"{"tick_ms":10000}"#, "--every say.interval=1h").measure()
}

/// A server in place of the chat's server.
pub fn chat() -> Result<Value, String> {
    System("chat", Program::StandIn, r#"{"system":"chat"}"#, "--no-broadcast --every say.interval=1h")
        .measure()
}

/// A server in place of a STOMP broker.
pub fn stomp() -> Result<Value, String> {
    System("stomp", Program::StandIn, r#"{"system":"stomp"}"#, "--every say.interval=1h").measure()
}

/// A server in place of Centrifugo.
pub fn centrifugo() -> Result<Value, String> {
    let program = Program::StandIn;
    System("centrifugo", program, r#"{"system":"centrifugo"}"#, "--every say.interval=1h").measure()
}

impl System {
    /// Client memory a held session: the slope of what runs of 2,000 to 10,000 have taken since their start.
    fn measure(&self) -> Result<Value, String> {
        let Self(scenario, program, settings, options) = self;
        let mut points = Vec::new();
        let mut runs = Vec::new();
        for sessions in [2_000, 6_000, 10_000] {
            let server = Server::start(*program, settings)?;
            let run = Measured::of(&format!(
                "--scenario {scenario} --target http://127.0.0.1:{} --sessions {sessions} --ramp 30s --hold 15s \
                 --ramp-down 5s {options}",
                server.port
            ))?;
            points.push((f64::from(sessions), run.growth_bytes()));
            runs.push(run.raw());
        }
        let bytes = slope(&points);
        println!("| scenario | bytes a held session |\n|---|---:|\n| {scenario} | {bytes:.0} |\n");
        Ok(json!({ "bytes_per_held_session": bytes, "runs": runs }))
    }
}

fn node(root: &Path, script: &Path) -> Command {
    let mut command = Command::new("node");
    command.env("NODE_PATH", root.join("target/node/node_modules")).arg(script);
    command
}

/// A server that is ended when dropped.
struct Server {
    process: Child,
    port: u16,
    _directory: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    fn start(program: Program, settings: &str) -> Result<Self, String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let scripts = root.join("tests/interop/servers");
        let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
        let mut command = match program {
            Program::Node(script) => node(root, &scripts.join(script)),
            Program::StandIn => node(root, &root.join("benches/whole_run/standin.js")),
            Program::Python(script) => {
                let mut command = Command::new("python3");
                command.env("PYTHONPATH", root.join("target/python")).arg(scripts.join(script));
                command
            }
            Program::Mosquitto => return Self::mosquitto(directory),
        };
        command.arg(settings).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
        let mut line = String::new();
        let output = process.stdout.take().ok_or("no output")?;
        BufReader::new(output).read_line(&mut line).map_err(|error| error.to_string())?;
        let announced: Value =
            serde_json::from_str(&line).map_err(|_| format!("{command:?} does not start"))?;
        let port = announced["port"].as_u64().and_then(|port| u16::try_from(port).ok()).ok_or("no port")?;
        Ok(Self { process, port, _directory: directory })
    }

    fn mosquitto(directory: tempfile::TempDir) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("mosquitto: {error}");
        let free = || Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port());
        let (port, other) = (free().map_err(failed)?, free().map_err(failed)?);
        let path = directory.path().join("mosquitto.conf");
        // mosquitto needs a plain MQTT listener beside the WebSocket one to start.
        let configuration = format!(
            "listener {port} 127.0.0.1\nprotocol websockets\nmax_connections -1\n\
             listener {other} 127.0.0.1\nallow_anonymous true\n"
        );
        std::fs::write(&path, configuration).map_err(failed)?;
        let mut command = Command::new("/usr/sbin/mosquitto");
        let process = command.arg("-c").arg(path).stderr(Stdio::null()).spawn().map_err(failed)?;
        let server = Self { process, port, _directory: directory };
        let give_up = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if Instant::now() > give_up {
                return Err("mosquitto does not listen".into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(server)
    }
}
