//! The built-in stand-in for Runnity's servers: business servers and WebSocket servers behind one port.
//!
//! Start one with [`Server::start`]. Pure state is in [`world`], the texts of messages in [`messages`], HTTP in `api`, the
//! event loop in `worker`. It is the client's opposite and shares nothing with it but [`crate::protocol`] and the
//! small tools of [`crate::engine`]: never [`crate::session`], or client and stand-in could share a misunderstanding.
//! Invariant: what it says and when follows the description of the real servers; where it is more orderly than they are
//! (`racy` off) that is stated.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

mod api;
mod config;
mod connection;
mod counters;
mod descriptors;
mod incoming;
mod mailbox;
pub mod messages;
mod receivers;
mod server_clock;
mod shared;
mod token;
mod worker;
pub mod world;

pub use self::config::{Config, Preload};
pub use self::counters::Counters;
pub use self::descriptors::raise_limit;

use self::mailbox::Letter;
use self::shared::Shared;
use self::worker::Worker;
use crate::engine::affinity;

/// Connections that wait to be accepted, for each worker (the kernel's `net.core.somaxconn` bounds it).
const BACKLOG: i32 = 4096;

/// A running stand-in; dropping it stops it.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
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
        let shared = Arc::new(Shared::new(config, count)?);
        let mut server = Self { addr, shared, workers: Vec::with_capacity(count) };
        for id in 0..count {
            // The first one settles the port.
            addr = server.start_worker(id, addr)?;
            server.addr = addr;
        }
        Ok(server)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The counts at this moment.
    pub fn counters(&self) -> Counters {
        self.shared.counters()
    }

    /// Closes every WebSocket with 1001, waits for the workers (two seconds at most) and returns the last counts.
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
            }
            Ok((worker, addr)) => {
                let _ = started.send(Ok(addr));
                // Only epoll itself failing ends a loop early, and then the worker's drop stops the others.
                let _ = worker.run();
            }
        };
        let thread = std::thread::Builder::new().name(format!("stand-in-{id}")).spawn(body)?;
        self.workers.push(thread);
        report.recv().map_err(|_| io::Error::other("a worker of the stand-in died at its start"))?
    }

    fn end(&mut self) {
        self.shared.post_to_all(Letter::Stop);
        for worker in self.workers.drain(..) {
            // Joined so that no worker outlives the server; a panic in one has been printed by then.
            let _ = worker.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

fn check(config: &Config) -> io::Result<()> {
    let refuse = |what: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    if config.servers == 0 || config.servers > usize::from(u16::MAX) {
        return refuse("the number of WebSocket servers is not between 1 and 65535");
    }
    if config.workers > usize::from(u16::MAX) {
        return refuse("more than 65535 workers");
    }
    if !(config.time_scale.is_finite() && config.time_scale > 0.0) {
        return refuse("the time scale is not above 0");
    }
    if config.idle_check.is_zero() {
        return refuse("the interval of the idle check is 0");
    }
    if config.preload.is_some() && config.members.is_empty() {
        return refuse("there are no members to preload a challenge with");
    }
    Ok(())
}

/// On the worker's own thread: everything that belongs to it is made here.
fn prepare(id: usize, shared: Arc<Shared>, addr: SocketAddr) -> io::Result<(Worker, SocketAddr)> {
    descriptors::block_signals();
    if shared.config.pin {
        affinity::pin(id);
    }
    let bells: Vec<_> = shared.mailboxes.iter().map(mailbox::Mailbox::bell).collect();
    descriptors::take_private_table(&bells);
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

/// With SO_REUSEPORT a second stand-in on the same port would quietly get half of the first one's connections.
fn ensure_free(addr: SocketAddr) -> io::Result<()> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(addr), socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&addr.into())?;
    socket.listen(1)
}
