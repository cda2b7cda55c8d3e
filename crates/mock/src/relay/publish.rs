//! The thread that publishes what happens here, keeps this process's heartbeats, and looks for those
//! of others.
//!
//! Invariant: bulletins go out in the order in which they happened; while Redis does not answer they
//! are lost, as on the real servers, and counted.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use redis::{Connection, RedisResult};

use super::TURN;
use crate::bridge::Bridge;
use crate::shared::Shared;
use crate::world::Bulletin;

/// A heartbeat's life, and how often it is refreshed: the real servers'.
const HEARTBEAT_TTL: Duration = Duration::from_secs(30);
const HEARTBEAT_EVERY: Duration = Duration::from_secs(5);
/// How often servers are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Bulletins published at once.
const BATCH: usize = 512;
/// Between two tries to reach Redis.
const PAUSE: Duration = Duration::from_millis(200);
const PREFIX: &str = "ws_health:";

/// The thread. `urls` are this process's servers, as clients connect to them.
pub(crate) struct Publisher {
    pub(crate) shared: Arc<Shared>,
    pub(crate) queue: Receiver<Bulletin>,
    pub(crate) urls: Vec<String>,
    redis: Option<Connection>,
    /// Of which heartbeats the last one is still to be seen.
    beating: BTreeSet<usize>,
    next_beat: Instant,
    next_look: Instant,
    next_try: Instant,
}

impl Publisher {
    pub(crate) fn new(shared: Arc<Shared>, queue: Receiver<Bulletin>, urls: Vec<String>) -> Self {
        let now = Instant::now();
        let (redis, beating) = (None, BTreeSet::new());
        Self { shared, queue, urls, redis, beating, next_beat: now, next_look: now, next_try: now }
    }

    /// Until the bridge is over.
    pub(crate) fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let Some(bridge) = &shared.bridge else { return };
        while !bridge.is_over.load(Relaxed) {
            let batch = match self.queue.recv_timeout(TURN) {
                Ok(first) => std::iter::once(first).chain(self.queue.try_iter()).take(BATCH).collect(),
                Err(RecvTimeoutError::Timeout) => Vec::new(),
                Err(RecvTimeoutError::Disconnected) => break,
            };
            if self.turn(bridge, &batch).is_err() {
                self.redis = None;
                self.next_try = Instant::now() + PAUSE;
                bridge.lost.fetch_add(batch.len() as u64, Relaxed);
            }
        }
        if let Some(redis) = &mut self.redis {
            // An orderly end shows at once: the key is removed, not left to expire.
            let keys: Vec<String> = self.urls.iter().map(|url| key(url)).collect();
            let _ = redis::cmd("DEL").arg(keys).exec(redis);
        }
    }

    fn turn(&mut self, bridge: &Bridge, batch: &[Bulletin]) -> RedisResult<()> {
        let now = Instant::now();
        if self.redis.is_none() && now < self.next_try {
            bridge.lost.fetch_add(batch.len() as u64, Relaxed);
            return Ok(());
        }
        let mut redis = match self.redis.take() {
            Some(redis) => redis,
            None => bridge.connect()?,
        };
        if !batch.is_empty() {
            let mut publish = redis::pipe();
            for bulletin in batch {
                let text = bulletin.text(bridge.origin);
                publish.cmd("PUBLISH").arg(bulletin.channel()).arg(text).ignore();
            }
            publish.exec(&mut redis)?;
        }
        if now >= self.next_look {
            self.next_look = now + LOOK_EVERY;
            self.beat(&mut redis, now)?;
            self.look_for_others(&mut redis)?;
        }
        self.redis = Some(redis);
        Ok(())
    }

    fn beat(&mut self, redis: &mut Connection, now: Instant) -> RedisResult<()> {
        let is_due = now >= self.next_beat;
        let at = self.shared.clock.read().now;
        for (index, url) in self.urls.iter().enumerate() {
            let is_up = self.shared.world(at, |world| world.routing().is_up(index));
            let was_up = self.beating.contains(&index);
            if is_up && (is_due || !was_up) {
                let ttl = HEARTBEAT_TTL.as_secs();
                redis::cmd("SET").arg(key(url)).arg(url).arg("EX").arg(ttl).exec(redis)?;
                self.beating.insert(index);
            } else if !is_up && was_up {
                redis::cmd("DEL").arg(key(url)).exec(redis)?;
                self.beating.remove(&index);
            }
        }
        if is_due {
            self.next_beat = now + HEARTBEAT_EVERY;
        }
        Ok(())
    }

    fn look_for_others(&self, redis: &mut Connection) -> RedisResult<()> {
        let (mut cursor, mut urls) = (0_u64, BTreeSet::new());
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(format!("{PREFIX}*")).arg("COUNT").arg(1_000);
            let (next, keys): (u64, Vec<String>) = scan.query(redis)?;
            if !keys.is_empty() {
                let found: Vec<Option<String>> = redis::cmd("MGET").arg(keys).query(redis)?;
                urls.extend(found.into_iter().flatten());
            }
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        let others: Vec<String> = urls.into_iter().filter(|url| !self.urls.contains(url)).collect();
        let now = self.shared.clock.read().now;
        self.shared.world(now, |world| world.routing_mut().see_others(&others));
        Ok(())
    }
}

/// `ws_health:{host/path}`.
fn key(url: &str) -> String {
    format!("{PREFIX}{}", url.split_once("://").map_or(url, |(_, rest)| rest))
}
