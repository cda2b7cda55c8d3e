//! Chooses the WebSocket server of a member.
//!
//! By the Java hash of member and challenge over the configured servers, as long as the chosen
//! one's heartbeat is there; else the first healthy one from index 0, and the missing one is shut
//! out for a while: only who looks for it finds it missing. Takes the time in real milliseconds. The
//! servers of this process come first; behind them those of other processes, in the order of their
//! URLs, once they have been seen.
//! Invariant: while all are well the same member of the same challenge always lands on the same
//! server.

use crate::ids::{ChallengeId, MemberId};

/// Java's `String.hashCode` of an ASCII text: 32 bits, wrapping.
pub fn java_hash(text: &str) -> i32 {
    text.bytes().fold(0i32, |hash, byte| hash.wrapping_mul(31).wrapping_add(i32::from(byte)))
}

/// `Math.abs(hash) % count`, with the one value whose `abs` stays negative wrapped into range
/// instead of failing.
pub fn index_for(hash: i32, count: usize) -> usize {
    i64::from(hash.wrapping_abs()).rem_euclid(count.max(1) as i64) as usize
}

/// The configured servers and their health.
#[derive(Debug)]
pub struct Routing {
    shut_out_ms: u64,
    own: usize,
    servers: Vec<Health>,
}

#[derive(Clone, Debug)]
struct Health {
    /// Where it is; one of this process's is where the request has come to.
    url: Option<String>,
    /// The heartbeat is there.
    up: bool,
    /// Members are sent from this time on, if it is up by then.
    shut_out_until_ms: u64,
}

impl Routing {
    /// This many servers, all well; one that is found missing is shut out for `shut_out_ms`.
    pub fn new(servers: usize, shut_out_ms: u64) -> Self {
        let well = Health { url: None, up: true, shut_out_until_ms: 0 };
        Self { shut_out_ms, own: servers, servers: vec![well; servers] }
    }

    /// The servers of other processes whose heartbeats are there; others that were seen before are
    /// missing.
    pub fn see_others(&mut self, urls: &[String]) {
        for other in &mut self.servers[self.own..] {
            other.up = false;
        }
        for url in urls {
            let known = self.servers[self.own..].iter_mut().find(|it| it.url.as_ref() == Some(url));
            match known {
                Some(known) => known.up = true,
                None => self.servers.push(Health { url: Some(url.clone()), up: true, shut_out_until_ms: 0 }),
            }
        }
        self.servers[self.own..].sort_by(|left, right| left.url.cmp(&right.url));
    }

    /// Other processes' servers, and whether each is well.
    pub fn others(&self) -> impl Iterator<Item = (&str, bool)> {
        self.servers.iter().filter_map(|it| Some((it.url.as_deref()?, it.up)))
    }

    /// Where a server is; `None` for one of this process's.
    pub fn url(&self, index: usize) -> Option<&str> {
        self.servers.get(index)?.url.as_deref()
    }

    /// How many servers this process has.
    pub fn own(&self) -> usize {
        self.own
    }

    /// How many servers are configured.
    pub fn count(&self) -> usize {
        self.servers.len()
    }

    /// The server for this member of this challenge; `None` when none is healthy. The member's own,
    /// if its heartbeat is gone, is shut out from now on.
    pub fn choose(&mut self, member: MemberId, challenge: ChallengeId, real_ms: u64) -> Option<usize> {
        let index = index_for(java_hash(&format!("{member}:{challenge}")), self.count());
        if self.is_routable(index, real_ms) {
            return Some(index);
        }
        if let Some(health) = self.servers.get_mut(index)
            && !health.up
            && real_ms >= health.shut_out_until_ms
        {
            health.shut_out_until_ms = real_ms.saturating_add(self.shut_out_ms);
        }
        self.first_healthy(real_ms)
    }

    /// The first server that members may be sent to, from index 0.
    pub fn first_healthy(&self, real_ms: u64) -> Option<usize> {
        (0..self.count()).find(|index| self.is_routable(*index, real_ms))
    }

    /// Another server that members may be sent to, the next one in the list; the same if there is none.
    pub fn other_than(&self, index: usize, real_ms: u64) -> usize {
        let others = (1..self.count()).map(|step| (index + step) % self.count());
        others.into_iter().find(|other| self.is_routable(*other, real_ms)).unwrap_or(index)
    }

    /// [`Routing::first_healthy`] of this process's servers.
    pub fn first_own_healthy(&self, real_ms: u64) -> Option<usize> {
        (0..self.own).find(|index| self.is_routable(*index, real_ms))
    }

    /// Whether the heartbeat is there (the server may still be shut out).
    pub fn is_up(&self, index: usize) -> bool {
        self.servers.get(index).is_some_and(|health| health.up)
    }

    /// Whether members are sent there.
    pub fn is_routable(&self, index: usize, real_ms: u64) -> bool {
        self.servers.get(index).is_some_and(|health| health.up && real_ms >= health.shut_out_until_ms)
    }

    /// The heartbeat is gone. `false` when there is no such server.
    pub fn take_down(&mut self, index: usize) -> bool {
        self.set_up(index, false)
    }

    /// The heartbeat is back; a server that is shut out stays so until its time. `false` when there
    /// is no such server.
    pub fn bring_up(&mut self, index: usize) -> bool {
        self.set_up(index, true)
    }

    fn set_up(&mut self, index: usize, up: bool) -> bool {
        let health = self.servers[..self.own].get_mut(index);
        health.map(|health| health.up = up).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_javas() {
        assert_eq!(java_hash(""), 0);
        assert_eq!(java_hash("13:1"), 1_510_617);
        assert_eq!(java_hash("hello"), 99_162_322);
        assert_eq!(java_hash("polygenelubricants"), i32::MIN);
    }

    #[test]
    fn the_most_negative_hash_is_wrapped() {
        for count in 1..10 {
            assert!(index_for(i32::MIN, count) < count);
        }
        assert_eq!(index_for(-7, 2), 1);
    }

    #[test]
    fn six_thousand_members_split_evenly_over_two() {
        let mut routing = Routing::new(2, 0);
        for challenge in [1, 38, 12_345] {
            let first = (13..=6012)
                .filter(|member| routing.choose(MemberId(*member), ChallengeId(challenge), 0) == Some(0))
                .count();
            assert_eq!(first, 3000, "of challenge {challenge}");
        }
    }

    #[test]
    fn members_move_to_the_first_healthy_server_and_back_after_the_shut_out() {
        let mut routing = Routing::new(3, 30_000);
        let member = (13..).map(MemberId).find(|m| routing.choose(*m, ChallengeId(1), 0) == Some(2)).unwrap();
        routing.take_down(2);
        assert_eq!(routing.choose(member, ChallengeId(1), 1_000), Some(0));
        routing.take_down(0);
        // Found missing by a scan only, which shuts nobody out; nor does looking again put off the
        // end of the shut-out.
        assert_eq!(routing.choose(member, ChallengeId(1), 20_000), Some(1));
        routing.bring_up(0);
        assert!(routing.is_routable(0, 20_000));
        routing.bring_up(2);
        assert!(routing.is_up(2));
        assert_eq!(routing.choose(member, ChallengeId(1), 30_999), Some(0));
        assert_eq!(routing.choose(member, ChallengeId(1), 31_000), Some(2));
        for server in 0..3 {
            routing.take_down(server);
        }
        assert_eq!(routing.choose(member, ChallengeId(1), 31_000), None);
        assert!(!routing.take_down(3) && !routing.bring_up(3));
    }

    #[test]
    fn servers_of_other_processes_stay_in_the_list_once_seen() {
        let mut routing = Routing::new(1, 30_000);
        let url = |name: &str| format!("ws://{name}/ws/ws1");
        routing.see_others(&[url("b"), url("a")]);
        assert_eq!((routing.count(), routing.url(0), routing.url(1)), (3, None, Some("ws://a/ws/ws1")));
        routing.see_others(&[url("b")]);
        assert_eq!(routing.others().map(|(_, up)| up).collect::<Vec<_>>(), [false, true]);
        let member = (13..).map(MemberId).find(|m| index_for(java_hash(&format!("{m}:1")), 3) == 1).unwrap();
        assert_eq!(routing.choose(member, ChallengeId(1), 0), Some(0), "the first that is well");
        routing.see_others(&[url("a"), url("b")]);
        assert_eq!(routing.choose(member, ChallengeId(1), 29_999), Some(0), "shut out");
        assert_eq!(routing.choose(member, ChallengeId(1), 30_000), Some(1));
        assert!(!routing.take_down(1), "not ours to take down");
        routing.take_down(0);
        assert_eq!((routing.first_healthy(0), routing.first_own_healthy(0)), (Some(2), None));
    }

    #[test]
    fn another_server_is_one_that_is_well() {
        let mut routing = Routing::new(3, 30_000);
        assert_eq!((routing.other_than(0, 0), routing.other_than(2, 0)), (1, 0));
        routing.take_down(1);
        assert_eq!(routing.other_than(0, 0), 2);
        routing.take_down(2);
        assert_eq!(routing.other_than(0, 0), 0, "there is none");
    }

    #[test]
    fn a_server_that_nobody_missed_is_not_shut_out() {
        let mut routing = Routing::new(2, 30_000);
        let member = (13..).map(MemberId).find(|m| routing.choose(*m, ChallengeId(1), 0) == Some(1)).unwrap();
        routing.take_down(1);
        routing.bring_up(1);
        assert_eq!(routing.choose(member, ChallengeId(1), 1), Some(1));
    }
}
