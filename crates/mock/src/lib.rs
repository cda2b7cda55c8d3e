//! The built-in mock of Runnity's servers: business servers and WebSocket servers behind one port.
//!
//! Start one with [`Server::start`]. Pure state is in [`world`], the texts of messages in
//! [`messages`], HTTP in `api`, the event loop in `worker`. It shares [`startline_protocol`] and
//! [`startline_os`] with the load generator and nothing else, so that the two cannot share a
//! misunderstanding. Invariant: its answers and their order follow the description of the real
//! servers; where it is more orderly than they are (`racy` off), that is stated.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

mod api;
mod bridge;
mod config;
mod connection;
mod counters;
mod identity;
pub mod ids;
mod incoming;
pub mod injection;
pub mod loss;
mod mailbox;
pub mod messages;
pub mod outage;
mod receivers;
mod relay;
mod server_clock;
mod shared;
mod timings;
mod tls;
mod token;
mod worker;
pub mod world;

pub use self::config::{Config, Preload, TIME_SCALE_MAX};
pub use self::counters::Counters;
pub use self::identity::{Identity, IdentityError};
pub use self::tls::{Tls, TlsSettings, TlsVersions};

use startline_os::{affinity, descriptors, spawn};

use self::bridge::Bridge;
use self::injection::Injection;
use self::mailbox::Notice;
use self::outage::Outage;
use self::relay::hear;
use self::relay::publish::Publisher;
use self::shared::Shared;
use self::worker::Worker;

/// Connections that wait to be accepted, for each worker (the kernel's `net.core.somaxconn` bounds
/// it).
pub const BACKLOG: i32 = 4096;

/// A running mock server; dropping it stops it.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<io::Result<()>>>,
    /// The threads to and from other mock servers.
    bridge: Vec<JoinHandle<()>>,
}

impl Server {
    /// Starts the workers and returns once all of them listen.
    ///
    /// # Errors
    /// When the address cannot be listened on, or an argument makes no sense.
    pub fn start(config: Config) -> io::Result<Self> {
        check(&config)?;
        let count = if config.workers == 0 { affinity::cores() } else { config.workers };
        let mut addr = config.listen;
        if addr.port() != 0 {
            ensure_free(addr)?;
        }
        let (bridge, queue) = config.redis.as_deref().map(Bridge::open).transpose()?.unzip();
        let shared = Arc::new(Shared::new(config, count, bridge));
        let mut server = Self { addr, shared, workers: Vec::with_capacity(count), bridge: Vec::new() };
        if queue.is_some() {
            // Before anybody can enter.
            server.start_hearing()?;
        }
        for id in 0..count {
            // The first worker's listener chooses the port.
            addr = server.start_worker(id, addr)?;
            server.addr = addr;
        }
        if let Some(queue) = queue {
            let publisher = Publisher::new(Arc::clone(&server.shared), queue, server.urls());
            server.start_thread("mock-redis", move || publisher.run())?;
        }
        Ok(server)
    }

    /// Returns the address that it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Returns the counts at this moment.
    pub fn counters(&self) -> Counters {
        self.shared.counters()
    }

    /// Returns why a connection could not be accepted, the last time that this happened.
    pub fn accept_failure(&self) -> Option<io::Error> {
        let errno = self.shared.accept_errno.load(Relaxed);
        (errno != 0).then(|| io::Error::from_raw_os_error(errno))
    }

    /// Returns the number of its event loops.
    pub fn workers(&self) -> usize {
        self.workers.len()
    }

    /// Returns why the mock server ends by itself: the first worker found that died. A worker that
    /// dies takes the others with it; they are not named.
    pub fn failure(&mut self) -> Option<io::Error> {
        while let Some(index) = self.workers.iter().position(JoinHandle::is_finished) {
            let worker = self.workers.swap_remove(index);
            let name = worker.thread().name().unwrap_or("a worker").to_owned();
            match worker.join() {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Some(io::Error::new(error.kind(), format!("{name}: {error}"))),
                Err(panic) => {
                    return Some(io::Error::other(format!("{name} panicked: {}", message_of(&*panic))));
                }
            }
        }
        let dead = self.bridge.iter().position(JoinHandle::is_finished)?;
        let panic = self.bridge.swap_remove(dead).join().err()?;
        Some(io::Error::other(format!("the thread to Redis panicked: {}", message_of(&*panic))))
    }

    /// Closes every WebSocket with 1001, waits for the workers (two seconds at most) and returns
    /// the last counts.
    pub fn stop(mut self) -> Counters {
        self.end();
        self.shared.counters()
    }

    fn start_worker(&mut self, id: usize, addr: SocketAddr) -> io::Result<SocketAddr> {
        let (started, report) = mpsc::channel();
        let shared = Arc::clone(&self.shared);
        let body = move || match prepare(id, shared, addr) {
            Err(error) => {
                let _ = started.send(Err(error));
                Ok(())
            }
            Ok((worker, addr)) => {
                let _ = started.send(Ok(addr));
                // Only epoll itself failing ends a loop early, and then the worker's drop stops the
                // others.
                worker.run()
            }
        };
        let thread = std::thread::Builder::new().name(format!("mock-{id}"));
        let thread = thread.spawn(body).map_err(spawn::explained)?;
        self.workers.push(thread);
        report.recv().map_err(|_| io::Error::other("a worker of the mock server died at its start"))?
    }

    fn start_hearing(&mut self) -> io::Result<()> {
        let (ready, report) = mpsc::channel();
        for index in 0..self.shared.config.servers {
            let (shared, ready) = (Arc::clone(&self.shared), ready.clone());
            self.start_thread("mock-ears", move || hear::run(&shared, index == 0, &ready))?;
        }
        for _ in 0..self.shared.config.servers {
            let heard = report.recv().map_err(io::Error::other)?;
            heard.map_err(|error| io::Error::new(io::ErrorKind::NotConnected, error.to_string()))?;
        }
        Ok(())
    }

    fn start_thread(&mut self, name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let body = move || {
            descriptors::block_signals();
            body();
        };
        let thread = std::thread::Builder::new().name(name.into()).spawn(body).map_err(spawn::explained)?;
        self.bridge.push(thread);
        Ok(())
    }

    /// Its WebSocket servers, as clients of other processes connect to them.
    fn urls(&self) -> Vec<String> {
        let config = &self.shared.config;
        let scheme = if config.tls.is_some() { "wss" } else { "ws" };
        let origin = match &config.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("{scheme}://{}", self.addr),
        };
        (1..=config.servers).map(|number| format!("{origin}/ws/ws{number}")).collect()
    }

    fn end(&mut self) {
        self.shared.post_to_all(Notice::Stop);
        for worker in self.workers.drain(..) {
            // Joined so that no worker outlives the server; what ended it was for `failure` to say.
            let _ = worker.join();
        }
        if let Some(bridge) = &self.shared.bridge {
            bridge.is_over.store(true, Relaxed);
        }
        for thread in self.bridge.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// Returns a panic's message.
fn message_of(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}

fn check(config: &Config) -> io::Result<()> {
    let refuse = |what: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    if config.servers == 0 || config.servers > usize::from(u16::MAX) {
        return refuse("the number of WebSocket servers is not between 1 and 65535");
    }
    if config.workers > usize::from(u16::MAX) {
        return refuse("more than 65535 workers");
    }
    if !(config.time_scale > 0.0 && config.time_scale <= TIME_SCALE_MAX) {
        return refuse("the time scale is not above 0 and at most a million");
    }
    if !config.are_members_countable() {
        return refuse("more than ten million members, or a number beyond 2^63");
    }
    if config.idle_check.is_zero() {
        return refuse("the interval of the idle check is 0");
    }
    if config
        .injections
        .iter()
        .filter_map(Injection::server)
        .chain(config.outages.iter().filter_map(Outage::server))
        .any(|server| usize::from(server) >= config.servers)
    {
        return refuse("a fault or an outage names a WebSocket server that there is not");
    }
    if config.redis.is_some() && config.public_url.is_none() && config.listen.ip().is_unspecified() {
        return refuse(
            "servers that share challenges need an address of their own: a public URL, or one to listen on",
        );
    }
    if config.preload.is_some() && config.members.is_empty() {
        return refuse("there are no members to preload a challenge with");
    }
    Ok(())
}

/// Makes everything that belongs to a worker, on the worker's own thread.
fn prepare(id: usize, shared: Arc<Shared>, addr: SocketAddr) -> io::Result<(Worker, SocketAddr)> {
    descriptors::block_signals();
    if shared.config.pin {
        affinity::pin(id);
    }
    if descriptors::take_private_table(&[]) {
        // Where /proc is not mounted nobody counts descriptors.
        if let Ok(thread) = std::fs::read_link("/proc/thread-self") {
            let _ = shared.tables[id].set(thread);
        }
    }
    let listener = listen(addr)?;
    let addr = listener.local_addr()?;
    Ok((Worker::new(id as u16, shared, listener)?, addr))
}

fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(addr), socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// With SO_REUSEPORT a second mock server on the same port would quietly get half of the first
/// one's connections.
fn ensure_free(addr: SocketAddr) -> io::Result<()> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(addr), socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&addr.into())?;
    socket.listen(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_dies_is_named() {
        let config = Config { workers: 1, pin: false, ..Config::default() };
        let mut server = Server::start(config).unwrap();
        assert!(server.failure().is_none());
        let bodies: [fn() -> io::Result<()>; 3] =
            [|| Ok(()), || Err(io::Error::other("no more epoll")), || panic!("a rule is {}", "broken")];
        for (body, text) in
            bodies.into_iter().zip([None, Some("w: no more epoll"), Some("w panicked: a rule is broken")])
        {
            let worker = std::thread::Builder::new().name("w".into()).spawn(body).unwrap();
            while !worker.is_finished() {
                std::thread::yield_now();
            }
            server.workers.push(worker);
            assert_eq!(server.failure().map(|error| error.to_string()).as_deref(), text);
        }
    }

    #[test]
    fn values_out_of_all_bounds_are_refused() {
        for config in [
            Config { members: 0..=u64::MAX, ..Config::default() },
            Config { members: u64::MAX..=u64::MAX, ..Config::default() },
            Config { time_scale: 1e300, ..Config::default() },
        ] {
            assert!(check(&config).is_err());
        }
    }
}
