//! nginx as Runnity has it: TLS ends there, `/api/` and two WebSocket servers are behind it, all of which are one plain mock server.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::common::processes::{Guarded, MockServer, free_port};
use crate::common::{DEADLINE, Run, eventually, text};
use crate::programs::program;
use crate::tools::{Certified, NAME};

/// Ports tried: another process may take one between its finding and its use.
const TRIES: usize = 20;

/// The challenge that the mock server has ready.
const CHALLENGE: &str = "38";

/// nginx, the mock server behind it, and their certificate.
#[derive(Debug)]
pub struct Proxied {
    // In this order: nginx lets go of its upstreams first.
    _nginx: Guarded,
    pub mock: MockServer,
    pub certified: Certified,
    pub port: u16,
    _directory: TempDir,
}

impl Proxied {
    /// With these directives in the server's block besides.
    #[track_caller]
    pub fn start(directives: &str) -> Self {
        Self::with(Certified::new(), directives)
    }

    /// With a certificate of the test's.
    #[track_caller]
    pub fn with(certified: Certified, directives: &str) -> Self {
        let nginx = program(&["nginx"], "apt-get install nginx-light (or nginx)");
        let members = ["--ready", "--members", "13-612", "--challenge", CHALLENGE];
        let mock = MockServer::start(&members);
        let directory = tempfile::tempdir().expect("a directory");
        for _ in 0..TRIES {
            let port = free_port();
            if let Some(process) =
                serve(&nginx, directory.path(), &certified, port, address(&mock), directives)
            {
                return Self { _nginx: process, mock, certified, port, _directory: directory };
            }
        }
        panic!("nginx found no port in {TRIES} tries: {}", said(directory.path()));
    }

    /// A run of this many sessions that trusts the CA, all phases of which are seen. Timeouts are the scenario's, which a busy
    /// machine does not reach.
    pub fn run(&self, sessions: u32, out: &Path) -> Run {
        self.distrustful_run(sessions, out).with("ca", self.certified.ca().display())
    }

    /// The same, trusting the system's CAs.
    pub fn distrustful_run(&self, sessions: u32, out: &Path) -> Run {
        let target = format!("https://{NAME}:{}", self.port);
        Run::against(&target, sessions, out)
            .with("challenge", CHALLENGE)
            .with("resolve", format!("{NAME}:{}:127.0.0.1", self.port))
            .with("ramp", "1s")
            .with("hold", "2500ms")
            .with("ramp-down", "200ms")
            .with("ping-interval", "1s")
    }

    /// Sessions that the mock server has let in so far.
    pub fn connected(&self) -> u64 {
        let mut stream = TcpStream::connect(address(&self.mock)).expect("the stand-in listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a socket");
        let request = "GET /mock/counters HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a head");
        let counters: Value = serde_json::from_str(body).expect("JSON");
        counters["connected"].as_u64().expect("a count")
    }
}

/// Where it listens, without the scheme.
fn address(mock: &MockServer) -> &str {
    mock.url.split_once("://").expect("a URL").1
}

/// Starts nginx on this port; `None` when somebody else has it.
#[track_caller]
fn serve(
    nginx: &Path,
    directory: &Path,
    certified: &Certified,
    port: u16,
    upstream: &str,
    directives: &str,
) -> Option<Guarded> {
    let pid_file = directory.join("nginx.pid");
    fs::write(directory.join("nginx.conf"), config(certified, port, upstream, directives)).expect("written");
    let mut command = Command::new(nginx);
    command.arg("-p").arg(directory).args(["-c", "nginx.conf", "-e", "error.log"]);
    let mut process =
        Guarded::spawn(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()));
    let mut ended = false;
    // It writes its id once it listens.
    eventually("nginx", || {
        ended = process.0.try_wait().expect("our own child").is_some();
        ended || fs::read_to_string(&pid_file).is_ok_and(|id| id.ends_with('\n'))
    });
    if !ended {
        return Some(process);
    }
    assert!(said(directory).contains("Address already in use"), "nginx ended: {}", said(directory));
    None
}

fn config(certified: &Certified, port: u16, upstream: &str, directives: &str) -> String {
    let (certificate, key) = (certified.certificate(), certified.key());
    let (certificate, key) = (text(&certificate), text(&key));
    // What Debian's nginx.conf says; 1.22's own default stops at 1.2.
    let protocols = if directives.contains("ssl_protocols") { "" } else { "ssl_protocols TLSv1.2 TLSv1.3;" };
    let upgrade = "proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_read_timeout 120s;";
    format!(
        "daemon off;
master_process off;
pid nginx.pid;
error_log error.log warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
    upstream api {{ server {upstream}; }}
    upstream ws1 {{ server {upstream}; }}
    upstream ws2 {{ server {upstream}; }}
    server {{
        listen 127.0.0.1:{port} ssl;
        server_name {NAME};
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        {protocols}
        {directives}
        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-Proto https;
        location /api/ {{ proxy_pass http://api; }}
        location /ws/ws1 {{
            proxy_pass http://ws1;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-Proto https;
            {upgrade}
        }}
        location /ws/ws2 {{
            proxy_pass http://ws2;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-Proto https;
            {upgrade}
        }}
    }}
}}
"
    )
}

fn said(directory: &Path) -> String {
    fs::read_to_string(directory.join("error.log")).unwrap_or_default()
}
