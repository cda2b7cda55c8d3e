//! The way to the mock server: a proxy that can be shut, that can answer in the servers' place, and that can lose their answers.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// How a request is seen from the way: the beginning of its first line.
const JOIN: &[u8] = b"POST /api/v1/challenges/";
const LEAVE: &[u8] = b"DELETE /api/v1/challenges/";

#[derive(Default)]
struct State {
    is_shut: AtomicBool,
    is_over: AtomicBool,
    /// Requests to join are taken and never answered.
    is_silent: AtomicBool,
    /// Requests to join take effect, and their answers never come.
    is_withholding: AtomicBool,
    /// How long each request to join is held up, in milliseconds, …
    slow_ms: AtomicU64,
    /// … how many are at this moment, and how many were at most.
    held: AtomicUsize,
    held_max: AtomicUsize,
    /// All requests are taken and never answered.
    is_mute: AtomicBool,
    /// Requests that were taken so.
    unanswered: AtomicUsize,
    /// Requests to join that came by.
    joins: AtomicUsize,
    /// Requests to leave that came by.
    leaves: AtomicUsize,
    /// Shuts the way once this many have come by; 0: never.
    shut_after: AtomicUsize,
    /// What the next requests to join or leave are answered with, and how many.
    instead: Mutex<Option<(usize, Vec<u8>)>>,
    /// The same, but they take effect: only the servers' own answer is lost.
    lost: Mutex<Option<(usize, Vec<u8>)>>,
    /// How many requests came while it was shut.
    turned_away: AtomicUsize,
}

/// See the module.
pub struct Way {
    addr: SocketAddr,
    state: Arc<State>,
}

impl Way {
    /// To this mock server.
    pub fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = listener.local_addr().expect("its address");
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if shared.is_over.load(Ordering::SeqCst) {
                    return;
                }
                if shared.is_shut.load(Ordering::SeqCst) {
                    shared.turned_away.fetch_add(1, Ordering::SeqCst);
                    continue;
                }
                let shared = Arc::clone(&shared);
                thread::spawn(move || carry(client, target, &shared));
            }
        });
        Self { addr, state }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// From here on connections are closed as soon as they come.
    pub fn shut(&self) {
        self.state.is_shut.store(true, Ordering::SeqCst);
    }

    /// Shuts by itself once this many requests to join have come by.
    pub fn shut_after(&self, joins: usize) {
        self.state.shut_after.store(joins, Ordering::SeqCst);
    }

    pub fn open(&self) {
        self.state.shut_after.store(0, Ordering::SeqCst);
        self.state.is_shut.store(false, Ordering::SeqCst);
    }

    /// From here on requests to join are taken and never answered.
    pub fn fall_silent(&self) {
        self.state.is_silent.store(true, Ordering::SeqCst);
    }

    /// From here on requests to join take effect, and their answers never come.
    pub fn withhold_answers(&self) {
        self.state.is_withholding.store(true, Ordering::SeqCst);
    }

    /// From here on all requests are taken and never answered.
    pub fn fall_mute(&self) {
        self.state.is_mute.store(true, Ordering::SeqCst);
    }

    /// From here on each request to join is held up for so long.
    pub fn slow_down(&self, by: Duration) {
        self.state.slow_ms.store(by.as_millis() as u64, Ordering::SeqCst);
    }

    /// The most requests to join that were held up at once.
    pub fn held_max(&self) -> usize {
        self.state.held_max.load(Ordering::SeqCst)
    }

    /// How many have been taken so.
    pub fn unanswered(&self) -> usize {
        self.state.unanswered.load(Ordering::SeqCst)
    }

    /// Answers the next requests to join or leave itself.
    pub fn answer(&self, count: usize, answer: &str) {
        *self.state.instead.lock().expect("not poisoned") = Some((count, answer.as_bytes().to_vec()));
    }

    /// Has the next requests to join or leave take effect and loses their answers: this comes instead, and the connection is closed.
    pub fn lose_answers(&self, count: usize, instead: &str) {
        *self.state.lost.lock().expect("not poisoned") = Some((count, instead.as_bytes().to_vec()));
    }

    /// Requests to join that came by so far, whoever answered.
    pub fn joins(&self) -> usize {
        self.state.joins.load(Ordering::SeqCst)
    }

    /// The same of requests to leave.
    pub fn leaves(&self) -> usize {
        self.state.leaves.load(Ordering::SeqCst)
    }

    /// Connections that were turned away.
    pub fn turned_away(&self) -> usize {
        self.state.turned_away.load(Ordering::SeqCst)
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect_timeout(&self.addr, Duration::from_secs(1));
    }
}

/// Carries one connection to its end. Requests are small and come whole.
fn carry(mut client: TcpStream, target: SocketAddr, state: &State) {
    let Ok(mut server) = TcpStream::connect(target) else { return };
    let (Ok(mut back), Ok(mut answers)) = (client.try_clone(), server.try_clone()) else { return };
    let lost: Arc<Mutex<Option<Vec<u8>>>> = Arc::default();
    let is_lost = Arc::clone(&lost);
    let withheld = Arc::new(AtomicBool::new(false));
    let is_withheld = Arc::clone(&withheld);
    let answering = thread::spawn(move || {
        let mut bytes = vec![0; 64 << 10];
        while let Ok(count) = answers.read(&mut bytes) {
            if count > 0 && is_withheld.load(Ordering::SeqCst) {
                continue;
            }
            let instead = is_lost.lock().expect("not poisoned").take();
            let answer = instead.as_deref().unwrap_or(&bytes[..count]);
            if count == 0 || back.write_all(answer).is_err() || instead.is_some() {
                break;
            }
        }
        let _ = back.shutdown(Shutdown::Both);
    });
    let mut bytes = vec![0; 16 << 10];
    loop {
        let count = match client.read(&mut bytes) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        if state.is_mute.load(Ordering::SeqCst) {
            state.unanswered.fetch_add(1, Ordering::SeqCst);
            continue;
        }
        if bytes.starts_with(JOIN) {
            let number = state.joins.fetch_add(1, Ordering::SeqCst) + 1;
            if number == state.shut_after.load(Ordering::SeqCst) {
                state.is_shut.store(true, Ordering::SeqCst);
            }
            if state.is_silent.load(Ordering::SeqCst) {
                continue;
            }
            hold_up(state);
            withheld.store(state.is_withholding.load(Ordering::SeqCst), Ordering::SeqCst);
        }
        if bytes.starts_with(LEAVE) {
            state.leaves.fetch_add(1, Ordering::SeqCst);
        }
        if bytes.starts_with(JOIN) || bytes.starts_with(LEAVE) {
            if let Some(answer) = next_of(&state.instead) {
                if client.write_all(&answer).is_err() {
                    break;
                }
                continue;
            }
            *lost.lock().expect("not poisoned") = next_of(&state.lost);
        }
        if state.is_shut.load(Ordering::SeqCst) || server.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Both);
    let _ = answering.join();
}

/// A server that takes its time.
fn hold_up(state: &State) {
    let by = Duration::from_millis(state.slow_ms.load(Ordering::SeqCst));
    if by.is_zero() {
        return;
    }
    let held = state.held.fetch_add(1, Ordering::SeqCst) + 1;
    state.held_max.fetch_max(held, Ordering::SeqCst);
    thread::park_timeout(by);
    state.held.fetch_sub(1, Ordering::SeqCst);
}

fn next_of(answers: &Mutex<Option<(usize, Vec<u8>)>>) -> Option<Vec<u8>> {
    let mut answers = answers.lock().expect("not poisoned");
    let (left, answer) = answers.as_mut()?;
    if *left == 0 {
        return None;
    }
    *left -= 1;
    Some(answer.clone())
}
