//! Pages of metrics that tests serve, for Prometheus and for the program.

use std::io::BufReader;
use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use crate::common::http::{read_request, respond};

/// The real servers' pages at 3,000 sessions, as far as they are watched.
pub const BUSINESS: &str = include_str!("../fixtures/metrics/business.txt");
pub const WEBSOCKET: &str = include_str!("../fixtures/metrics/websocket.txt");

/// A server of one page at `/metrics`, gone with the test's process.
pub struct Page {
    pub address: String,
    text: Arc<Mutex<String>>,
    status: Arc<AtomicU32>,
}

impl Page {
    /// Serves what `text` makes of the number of the request.
    pub fn counting(text: impl Fn(u32) -> String + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound").to_string();
        let page = Self { address, text: Arc::default(), status: Arc::new(AtomicU32::new(200)) };
        let (replaced, status) = (Arc::clone(&page.text), Arc::clone(&page.status));
        std::thread::spawn(move || {
            for (k, stream) in listener.incoming().map_while(Result::ok).enumerate() {
                let mut reader = BufReader::new(stream);
                let Some(request) = read_request(&mut reader) else { continue };
                let replaced = replaced.lock().expect("no panic").clone();
                let body = if replaced.is_empty() { text(k as u32) } else { replaced };
                let is_page = request.starts_with("GET /metrics");
                let status = if is_page { status.load(Ordering::Relaxed) } else { 404 };
                let head = format!("{status} X\r\nContent-Type: text/plain; version=0.0.4");
                drop(respond(reader.get_mut(), &head, &body));
            }
        });
        page
    }

    /// Serves this text.
    pub fn of(text: &str) -> Self {
        let text = text.to_owned();
        Self::counting(move |_| text.clone())
    }

    pub fn url(&self) -> String {
        format!("http://{}/metrics", self.address)
    }

    /// Serves another text from now on.
    pub fn replace(&self, text: &str) {
        *self.text.lock().expect("no panic") = text.to_owned();
    }

    /// Answers with this status from now on.
    pub fn answer(&self, status: u32) {
        self.status.store(status, Ordering::Relaxed);
    }
}
