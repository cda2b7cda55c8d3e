//! A real nginx with two upstreams of the test's own, one that is slow and one that is gone.

use std::fs;
use std::io::{BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};

use tempfile::TempDir;

use crate::common::http::{read_request, respond};
use crate::common::processes::{Guarded, free_port};
use crate::common::{DEADLINE, eventually, finish, piped};
use crate::programs::program;

/// Ports tried: another process may take one between its finding and its use.
const TRIES: usize = 20;

/// nginx in a directory and on a port of its own.
#[derive(Debug)]
pub struct Proxy {
    process: Guarded,
    directory: TempDir,
    program: PathBuf,
    pub port: u16,
    pub upstreams: [String; 2],
    /// Paths of requests that nobody answers, as they arrive.
    unanswered: Receiver<String>,
}

/// An upstream: upgrades end at once, `/…/slow` is never answered, everything else is.
fn upstream(unanswered: Sender<String>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for mut stream in listener.incoming().map_while(|stream| stream.ok()) {
            let Ok(reading) = stream.try_clone() else { return };
            let Some(request) = read_request(&mut BufReader::new(reading)) else { continue };
            if request.contains("/slow") {
                kept.push(stream);
                let _ = unanswered.send(request);
            } else if request.contains("/ws/") {
                let _ = stream.write_all(
                    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
                );
            } else {
                let _ = respond(&mut stream, "200 OK", "{}");
            }
        }
    });
    address
}

impl Proxy {
    /// With these directives in the `http` block besides, and at most this many connections.
    #[track_caller]
    pub fn start(directives: &str, connections: u32) -> Self {
        let (sender, unanswered) = channel();
        let upstreams = [upstream(sender.clone()), upstream(sender)];
        Self::with(upstreams, None, unanswered, directives, connections)
    }

    /// In front of a mock server, which is both upstreams.
    #[track_caller]
    pub fn before(address: &str, directives: &str) -> Self {
        Self::with([address.to_owned(), address.to_owned()], None, channel().1, directives, 512)
    }

    /// In front of a mock server, with as many connections; one API request in five goes to a server that is gone.
    #[track_caller]
    pub fn failing_before(address: &str, directives: &str) -> Self {
        let upstream = format!(
            "upstream partly {{ server {address} weight=4; server 127.0.0.1:{} max_fails=0; }}\nproxy_next_upstream off;",
            free_port()
        );
        let upstreams = [address.to_owned(), address.to_owned()];
        Self::with(upstreams, Some("partly"), channel().1, &format!("{upstream}\n{directives}"), 512)
    }

    /// In front of a mock server, with this many connections, of which a session has two.
    #[track_caller]
    pub fn narrow_before(address: &str, directives: &str, connections: u32) -> Self {
        Self::with([address.to_owned(), address.to_owned()], None, channel().1, directives, connections)
    }

    #[track_caller]
    fn with(
        upstreams: [String; 2],
        api: Option<&str>,
        unanswered: Receiver<String>,
        directives: &str,
        connections: u32,
    ) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let nginx = program(&["nginx"], "apt-get install nginx-light (or nginx)");
        for _ in 0..TRIES {
            let port = free_port();
            let config = config(port, (&upstreams, api), &free_port(), directives, connections);
            fs::write(directory.path().join("nginx.conf"), config).expect("written");
            if let Some(process) = serve(&nginx, directory.path()) {
                return Self { process, directory, program: nginx, port, upstreams, unanswered };
            }
        }
        panic!("nginx found no port in {TRIES} tries: {}", said(directory.path()));
    }

    /// A file in its directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Sends it a signal, as `nginx -s` does, and waits until `is_done`.
    #[track_caller]
    pub fn signal(&self, signal: &str, is_done: impl FnMut() -> bool) {
        let mut command = Command::new(&self.program);
        command.arg("-p").arg(self.directory.path()).args([
            "-c",
            "nginx.conf",
            "-e",
            "error.log",
            "-s",
            signal,
        ]);
        finish(piped(&mut command).spawn().expect("nginx starts")).assert_status(0);
        eventually(signal, is_done);
    }

    /// Adds directives to the `http` block; the next start has them.
    pub fn restart_with(&mut self, directives: &str) {
        let file = self.path("nginx.conf");
        let config = fs::read_to_string(&file).expect("it is there");
        fs::write(&file, config.replacen("http {", &format!("http {{\n{directives}"), 1)).expect("written");
        self.process.kill();
        self.process = serve(&self.program, self.directory.path()).expect("its port is its own");
    }

    /// Ends it, as a crash would.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("nginx listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a socket");
        stream
    }

    /// An open connection without a request.
    pub fn idle(&self) -> TcpStream {
        self.connect()
    }

    /// Half a request. A server that has no room may have closed the connection.
    pub fn begin_half(&self) -> TcpStream {
        let mut stream = self.connect();
        let _ = stream.write_all(b"GET /api/x HTTP/1.1\r\n");
        stream
    }

    /// A request whose answer nobody waits for.
    fn begin(&self, path: &str) -> TcpStream {
        let mut stream = self.connect();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
        stream
    }

    /// One request to its end; the status is returned.
    #[track_caller]
    pub fn get(&self, path: &str) -> u16 {
        let upgrade = if path.contains("/ws/") {
            "Upgrade: websocket\r\nConnection: upgrade"
        } else {
            "Connection: close"
        };
        let mut stream = self.connect();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n{upgrade}\r\n\r\n").expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        let answer = String::from_utf8_lossy(&answer).into_owned();
        answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{answer}"))
    }

    /// A request whose client has enough of waiting once the upstream has it.
    #[track_caller]
    pub fn give_up_on(&self, path: &str) {
        let _stream = self.begin(path);
        self.unanswered.recv_timeout(DEADLINE).expect("it reaches the upstream");
    }
}

/// Starts nginx; `None` when somebody else has its port.
#[track_caller]
fn serve(nginx: &Path, directory: &Path) -> Option<Guarded> {
    let pid_file = directory.join("nginx.pid");
    let _ = fs::remove_file(&pid_file);
    let mut command = Command::new(nginx);
    command.arg("-p").arg(directory).args(["-c", "nginx.conf", "-e", "error.log"]);
    let mut process =
        Guarded::spawn(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()));
    let mut has_ended = false;
    eventually("nginx", || {
        has_ended = process.0.try_wait().expect("our own child").is_some();
        has_ended || fs::read_to_string(&pid_file).is_ok_and(|id| id.ends_with('\n'))
    });
    if has_ended {
        assert!(said(directory).contains("Address already in use"), "nginx ended: {}", said(directory));
        return None;
    }
    Some(process)
}

fn said(directory: &Path) -> String {
    fs::read_to_string(directory.join("error.log")).unwrap_or_default()
}

fn config(
    port: u16,
    (upstreams, api): (&[String; 2], Option<&str>),
    gone: &u16,
    directives: &str,
    connections: u32,
) -> String {
    let [one, two] = upstreams;
    let api = api.unwrap_or(one);
    format!(
        "daemon off;
master_process off;
pid nginx.pid;
error_log error.log warn;
events {{ worker_connections {connections}; }}
http {{
    {directives}
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    upstream either {{ server 127.0.0.1:{gone}; server {one}; }}
    server {{
        listen 127.0.0.1:{port};
        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        location /api/ {{ proxy_pass http://{api}; }}
        location /gone {{ proxy_pass http://127.0.0.1:{gone}; }}
        location /either {{ proxy_pass http://either; }}
        location /ws/ws1 {{
            proxy_pass http://{one};
            proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
        }}
        location /ws/ws2 {{
            proxy_pass http://{two};
            proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
        }}
        location = /stub_status {{ stub_status; access_log off; }}
    }}
}}
"
    )
}
