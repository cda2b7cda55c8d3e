//! What joins this mock server with others that share its challenges: a Redis server, as between the
//! real ones.
//!
//! Tickets are kept there (`ws_ticket:*`, taken once), heartbeats (`ws_health:*`), and announcements
//! go over Pub/Sub to every process, the own one included, which tells its own clients. Workers
//! wait for Redis for a ticket only, as real servers do; what is published goes through a bounded
//! queue to a thread, and what is heard comes from another (both in `relay`). Invariant: without a
//! Redis server no bridge is made.

use std::cell::RefCell;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use redis::{Client, Connection, RedisResult};
use serde::{Deserialize, Serialize};

use crate::world::{Bulletin, ChallengeId, Claim, MemberId, TicketId};

/// For each answer of the Redis server.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Bulletins that wait to be published.
const QUEUE: usize = 1 << 16;
/// See the module.
#[derive(Debug)]
pub(crate) struct Bridge {
    client: Client,
    /// This process, among those that share.
    pub(crate) origin: u64,
    outgoing: SyncSender<Bulletin>,
    /// Bulletins that the queue had no room for, and those that could not be published.
    pub(crate) lost: AtomicU64,
    /// Set once, at the end.
    pub(crate) is_over: AtomicBool,
}

thread_local! {
    /// The calling worker's connection for tickets: workers have descriptor tables of their own.
    static TICKETS: RefCell<Option<Connection>> = const { RefCell::new(None) };
}

/// A ticket as it is kept.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ticket<'t> {
    user_id: u64,
    challenge_id: u64,
    ticket_type: &'t str,
}

impl Bridge {
    /// Reaches the Redis server, and gives what is to be published.
    ///
    /// # Errors
    /// The URL makes no sense, or nobody answers there.
    pub(crate) fn open(url: &str) -> io::Result<(Self, Receiver<Bulletin>)> {
        let failed =
            |error: redis::RedisError| io::Error::new(io::ErrorKind::NotConnected, format!("{url}: {error}"));
        let client = Client::open(url).map_err(failed)?;
        let (outgoing, queue) = sync_channel(QUEUE);
        let bridge = Self {
            client,
            origin: fastrand::u64(..),
            outgoing,
            lost: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
        };
        bridge.connect().and_then(|mut redis| redis::cmd("PING").exec(&mut redis)).map_err(failed)?;
        Ok((bridge, queue))
    }

    /// A connection of the calling thread's.
    pub(crate) fn connect(&self) -> RedisResult<Connection> {
        let connection = self.client.get_connection_with_timeout(TIMEOUT)?;
        connection.set_read_timeout(Some(TIMEOUT))?;
        connection.set_write_timeout(Some(TIMEOUT))?;
        Ok(connection)
    }

    /// Has bulletins published, in their order.
    pub(crate) fn post(&self, bulletins: Vec<Bulletin>) {
        for bulletin in bulletins {
            if self.outgoing.try_send(bulletin).is_err() {
                self.lost.fetch_add(1, Relaxed);
            }
        }
    }

    /// Keeps a ticket where every server finds it.
    pub(crate) fn keep_ticket(&self, ticket: TicketId, claim: Claim, ttl: Duration) -> RedisResult<()> {
        let ticket_type = if claim.reenter { "REENTER" } else { "ENTER" };
        let value = Ticket { user_id: claim.member.0, challenge_id: claim.challenge.0, ticket_type };
        // Only maps with keys that are no strings fail, and there are none here.
        let value = serde_json::to_string(&value).unwrap_or_default();
        let ttl_ms = (ttl.as_millis() as u64).max(1);
        self.ask(redis::cmd("SET").arg(key(&ticket.to_string())).arg(value).arg("PX").arg(ttl_ms))
    }

    /// Takes a ticket, which nobody can do again; `None` when it is spent, unknown or expired.
    pub(crate) fn take_ticket(&self, ticket: &str) -> RedisResult<Option<Claim>> {
        // What no server has issued is not looked for.
        let Some(ticket) = TicketId::parse(ticket) else { return Ok(None) };
        let value: Option<String> = self.ask(redis::cmd("GETDEL").arg(key(&ticket.to_string())))?;
        let ticket = value.as_deref().and_then(|value| serde_json::from_str::<Ticket<'_>>(value).ok());
        Ok(ticket.map(|it| Claim {
            member: MemberId(it.user_id),
            challenge: ChallengeId(it.challenge_id),
            reenter: it.ticket_type == "REENTER",
        }))
    }

    /// On the worker's connection; a fresh one if there is none, or it has failed.
    fn ask<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> RedisResult<T> {
        let mut redis = match TICKETS.take() {
            Some(redis) => redis,
            None => self.connect()?,
        };
        let answer = command.query(&mut redis);
        if answer.is_ok() {
            TICKETS.set(Some(redis));
        }
        answer
    }
}

fn key(ticket: &str) -> String {
    format!("ws_ticket:{ticket}")
}
