//! A headless Chromium of the test's own, driven over the DevTools protocol.
//!
//! Invariants: it has its own profile, and ends with the test; whatever it does not answer in time fails
//! the test.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tungstenite::{Message, WebSocket};

use super::programs::program;

/// No answer takes longer, on a machine that builds meanwhile.
const DEADLINE: Duration = Duration::from_secs(60);

/// A browser with one page.
pub struct Browser {
    process: Child,
    socket: WebSocket<TcpStream>,
    session: Value,
    last_id: u64,
    /// What happened, as far as nobody has asked: console, exceptions, requests.
    events: Vec<Value>,
    has_scripts: bool,
    /// Its profile; removed after it.
    _profile: TempDir,
}

impl Browser {
    /// Starts it with an empty page.
    #[track_caller]
    pub fn start() -> Self {
        let chromium = program(&["chromium", "chromium-browser"], "apt-get install chromium");
        let profile = tempfile::tempdir().expect("a directory");
        let mut process = Command::new(chromium)
            .args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--hide-scrollbars",
            ])
            .args(["--no-first-run", "--disable-extensions", "--disable-background-networking"])
            .arg("--remote-debugging-port=0")
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("chromium starts");
        let url = devtools_url(&mut process);
        let address = url.trim_start_matches("ws://").split('/').next().expect("an address");
        let stream = TcpStream::connect(address).expect("chromium listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a socket");
        let (socket, _) = tungstenite::client(&url, stream).expect("chromium speaks WebSocket");
        let mut browser = Self {
            process,
            socket,
            session: Value::Null,
            last_id: 0,
            events: Vec::new(),
            has_scripts: true,
            _profile: profile,
        };
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attached =
            browser.call("Target.attachToTarget", json!({ "targetId": target["targetId"], "flatten": true }));
        browser.session = attached["sessionId"].clone();
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser
    }

    /// Opens a file, and forgets what happened before.
    pub fn open(&mut self, file: &Path) {
        self.events.clear();
        self.call("Page.navigate", json!({ "url": format!("file://{}", file.display()) }));
        self.wait_for("Page.loadEventFired");
        self.settle();
    }

    /// How wide the page is seen, and in which colours.
    pub fn view(&mut self, width: u32, height: u32, scheme: &str, media: &str) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", metrics);
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call("Emulation.setEmulatedMedia", json!({ "media": media, "features": features }));
        self.settle();
    }

    /// Runs no script of a page from now on.
    pub fn disable_scripts(&mut self) {
        self.call("Emulation.setScriptExecutionDisabled", json!({ "value": true }));
        self.has_scripts = false;
    }

    /// Waits until what was asked for is drawn. Without scripts there is nothing to wait for.
    pub fn settle(&mut self) {
        if !self.has_scripts {
            return;
        }
        let frames = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 30))))";
        self.call("Runtime.evaluate", json!({ "expression": frames, "awaitPromise": true }));
    }

    /// The value of an expression in the page.
    #[track_caller]
    pub fn eval(&mut self, expression: &str) -> Value {
        let answer =
            self.call("Runtime.evaluate", json!({ "expression": expression, "returnByValue": true }));
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].clone()
    }

    /// Moves the mouse, or presses and releases its button.
    pub fn mouse(&mut self, kind: &str, x: f64, y: f64) {
        let (button, buttons) = if kind == "mouseMoved" { ("none", 0) } else { ("left", 1) };
        let event =
            json!({ "type": kind, "x": x, "y": y, "button": button, "buttons": buttons, "clickCount": 1 });
        self.call("Input.dispatchMouseEvent", event);
    }

    /// Presses a key.
    pub fn key(&mut self, key: &str) {
        for kind in ["rawKeyDown", "keyUp"] {
            self.call("Input.dispatchKeyEvent", json!({ "type": kind, "key": key, "code": key }));
        }
        self.settle();
    }

    /// The whole page as a PNG.
    pub fn screenshot(&mut self) -> Vec<u8> {
        let answer =
            self.call("Page.captureScreenshot", json!({ "format": "png", "captureBeyondViewport": true }));
        base64::Engine::decode(&base64::prelude::BASE64_STANDARD, answer["data"].as_str().expect("a picture"))
            .expect("Base64")
    }

    /// What a page should not do: lines on the console, exceptions, broken rules of its policy.
    pub fn complaints(&self) -> Vec<String> {
        let noisy = ["Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"];
        let is_complaint = |event: &&Value| noisy.iter().any(|method| event["method"] == *method);
        self.events.iter().filter(is_complaint).map(ToString::to_string).collect()
    }

    /// The URLs that were asked for.
    pub fn requests(&self) -> Vec<String> {
        let sent = self.events.iter().filter(|event| event["method"] == "Network.requestWillBeSent");
        sent.map(|event| event["params"]["request"]["url"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Calls a method of the protocol.
    #[track_caller]
    pub fn call(&mut self, method: &str, params: Value) -> Value {
        self.last_id += 1;
        let id = self.last_id;
        let mut command = json!({ "id": id, "method": method, "params": params });
        if !self.session.is_null() {
            command["sessionId"] = self.session.clone();
        }
        self.socket.send(Message::text(command.to_string())).expect("chromium reads");
        let answer = self.read_until(|message| message["id"] == id);
        assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
        answer["result"].clone()
    }

    fn wait_for(&mut self, event: &str) {
        if !self.events.iter().any(|known| known["method"] == event) {
            self.read_until(|message| message["method"] == event);
        }
    }

    /// Reads messages up to this one; others are kept.
    #[track_caller]
    fn read_until(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + DEADLINE;
        while Instant::now() < deadline {
            let message = self.socket.read().expect("chromium answers in time");
            let Message::Text(text) = message else { continue };
            let message: Value = serde_json::from_str(&text).expect("JSON");
            if message.get("method").is_some() {
                self.events.push(message.clone());
            }
            if is_it(&message) {
                return message;
            }
        }
        panic!("chromium did not answer within {DEADLINE:?}");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It ends its own processes, which a kill would leave for a while.
        let close = json!({ "id": 0, "method": "Browser.close" });
        let is_asked = self.socket.send(Message::text(close.to_string())).is_ok();
        let deadline = Instant::now() + Duration::from_secs(5);
        while is_asked && Instant::now() < deadline && matches!(self.process.try_wait(), Ok(None)) {
            std::thread::park_timeout(Duration::from_millis(10));
        }
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Where it listens; read from what it prints.
#[track_caller]
fn devtools_url(process: &mut Child) -> String {
    let output = process.stderr.take().expect("piped");
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        // To its end: a pipe that nobody reads would stop it.
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if let Some((_, url)) = line.split_once("DevTools listening on ") {
                drop(sender.send(url.trim().to_owned()));
            }
        }
    });
    receiver.recv_timeout(DEADLINE).expect("chromium says where it listens")
}
