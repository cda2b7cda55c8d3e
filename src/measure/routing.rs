//! Which server each member was sent to, and whether the hash would have sent it there.
//!
//! Servers choose by the Java hash of `"{memberId}:{challengeId}"` over their configured list,
//! whose order is not known here. Kept a server: sessions by hash modulo 840, the least common
//! multiple of 1 to 8, from which the bucket for any number of servers up to 8 follows exactly and
//! without keeping members. The list's order is then whichever assignment of buckets to servers
//! explains most members; the rest are misrouted.
//!
//! Beside it stands what became of each server's sessions: how many opened, which failed, and how.
//!
//! Misleading when a configured server got nobody at all and nobody says how many there are: the
//! number of servers seen is taken for the number configured. Invariant: memory is bounded whatever
//! URLs a server hands out.

mod hashed;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::hashed::{Hashed, Move, java_hash};
use self::hashed::{RESIDUES, residue};
use super::servers::{PATHS_MAX, is_path_of, origin};
use super::{FAULT_KINDS_MAX, Failures};
use crate::fault::Fault;
use crate::members::MemberId;
use crate::scenario::StepIndex;

/// URLs told apart; sessions sent to others are only counted.
pub const URLS_MAX: usize = 64;

/// As many paths of a host with a session each are sessions' own.
const LONE_PATHS_MIN: usize = 3;

/// Servers among which routing can be judged.
pub const JUDGED_SERVERS_MAX: usize = 8;

/// The servers that members were sent to.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Routing {
    servers: Vec<Server>,
    beyond: u64,
}

/// A server: one URL, as [`super::servers`] names it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Server {
    /// Scheme, host and port, perhaps with a path.
    pub url: String,
    /// Sessions sent there.
    pub sessions: u64,
    /// Sessions that opened there.
    pub opened: u64,
    /// When the first and the last of them did, since the run began.
    pub opened_between: Option<(Duration, Duration)>,
    /// Sessions that were open there and are so no longer, for whatever reason.
    #[serde(default)]
    pub gone: u64,
    /// Sessions that failed on their way there, or there.
    pub failures: Failures,
    /// When the first and the last of each kind did, since the run began.
    #[serde(with = "super::listed")]
    between: BTreeMap<(StepIndex, Fault), (Duration, Duration)>,
    /// Heartbeats that failed there, but for this machine's stalls.
    pub ping_failed: u64,
    /// Sessions by hash residue; empty from the ninth server on, where nothing can be judged any
    /// more.
    by_residue: Vec<u32>,
}

impl Routing {
    /// The same, with failures in other steps and of other kinds.
    pub(super) fn moved(&self, to: impl Fn(StepIndex, Fault) -> (StepIndex, Fault) + Copy) -> Self {
        let server = |server: &Server| Server {
            failures: server.failures.moved(to),
            between: server.between.iter().map(|(&(step, fault), &when)| (to(step, fault), when)).collect(),
            ..server.clone()
        };
        Self { servers: self.servers.iter().map(server).collect(), beyond: self.beyond }
    }

    /// A member of this challenge was sent to this server.
    pub fn record(&mut self, url: &str, member_id: MemberId, challenge_id: u64) {
        let Some(server) = self.server(url) else {
            self.beyond += 1;
            return;
        };
        server.sessions += 1;
        if let Some(count) = server.by_residue.get_mut(residue(member_id, challenge_id)) {
            *count += 1;
        }
    }

    /// Adds another's.
    pub fn add(&mut self, other: &Self) {
        self.beyond += other.beyond;
        for theirs in &other.servers {
            match self.server(&theirs.url) {
                Some(server) => server.add(theirs),
                None => self.beyond += theirs.sessions,
            }
        }
    }

    /// A session opened on this server.
    pub fn opened(&mut self, url: &str, at: Duration) {
        if let Some(server) = self.server(url) {
            server.opened += 1;
            server.opened_between = joined(server.opened_between, Some((at, at)));
        }
    }

    /// A session that was open on this server is so no longer.
    pub fn gone(&mut self, url: &str) {
        if let Some(server) = self.server(url) {
            server.gone += 1;
        }
    }

    /// A session failed on its way to this server, or there.
    pub fn failed(&mut self, url: &str, step: StepIndex, fault: Fault, at: Duration) {
        if let Some(server) = self.server(url) {
            server.failures.record(step, fault);
            server.failed_between((step, fault), (at, at));
        }
    }

    /// A heartbeat failed on this server.
    pub fn ping_failed(&mut self, url: &str) {
        if let Some(server) = self.server(url) {
            server.ping_failed += 1;
        }
    }

    /// The servers, in the order of their first appearance.
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// The same with one server of each host whose paths have a session each: those tell sessions apart.
    /// Two may be two servers all the same, and two sessions.
    pub fn without_lone_paths(&self) -> Cow<'_, Self> {
        let is_lone = |server: &Server| server.sessions <= 1;
        let paths_of = |origin: &str| {
            let is_of_host = |it: &&Server| is_path_of(&it.url, origin);
            let of_host: Vec<&Server> = self.servers.iter().filter(is_of_host).collect();
            (of_host.len() >= LONE_PATHS_MIN && of_host.into_iter().all(is_lone)).then(|| origin.to_owned())
        };
        let mut hosts: Vec<String> = self.servers.iter().filter_map(|it| paths_of(origin(&it.url))).collect();
        hosts.dedup();
        if hosts.is_empty() {
            return Cow::Borrowed(self);
        }
        let mut folded = self.clone();
        for host in &hosts {
            folded.fold(host);
        }
        Cow::Owned(folded)
    }

    /// Sessions sent to URLs beyond [`URLS_MAX`].
    pub fn beyond(&self) -> u64 {
        self.beyond
    }

    /// Where members belong by their hash when as many servers are configured as `expected`, or as were
    /// seen. `None` with one server of which nobody says how many there should be, or with more than
    /// [`JUDGED_SERVERS_MAX`].
    pub fn hashed(&self, expected: Option<usize>) -> Option<Hashed> {
        let seen = self.servers.len();
        let least = if expected.is_some() { 1 } else { 2 };
        let count = expected.unwrap_or(seen);
        let can_judge = |count| (least..=JUDGED_SERVERS_MAX).contains(&count);
        if !can_judge(seen) || !can_judge(count) || self.beyond > 0 {
            return None;
        }
        Some(Hashed::new(self.servers.iter().map(|server| server.buckets(count)).collect(), count))
    }

    /// Sessions of a part of this routing, such as its last second, that belong to another server by what is
    /// known in all: by the part's servers, in their order.
    pub fn misrouted_in(&self, part: &Self, expected: Option<usize>) -> Option<Vec<u64>> {
        let hashed = self.hashed(expected)?;
        let misrouted = |server: &Server| {
            let is_same = |own: &Server| own.url == server.url || own.url == origin(&server.url);
            let own = self.servers.iter().position(is_same).unwrap_or(usize::MAX);
            hashed.elsewhere(own, &server.buckets(hashed.count()))
        };
        Some(part.servers.iter().map(misrouted).collect())
    }

    fn server(&mut self, url: &str) -> Option<&mut Server> {
        let position = |servers: &[Server], url: &str| servers.iter().position(|server| server.url == url);
        let known = position(&self.servers, url).or_else(|| self.is_folded(url).then(|| self.fold(url)));
        if let Some(k) = known {
            return Some(&mut self.servers[k]);
        }
        if self.servers.len() == URLS_MAX {
            return None;
        }
        let residues = if self.servers.len() < JUDGED_SERVERS_MAX { RESIDUES } else { 0 };
        self.servers.push(Server::new(url, residues));
        self.servers.last_mut()
    }

    /// Whether the host of a new URL is one server, whatever its paths: it is known as one, or has too
    /// many.
    fn is_folded(&self, url: &str) -> bool {
        let origin = origin(url);
        let paths = self.servers.iter().filter(|server| is_path_of(&server.url, origin)).count();
        let is_known = self.servers.iter().any(|server| server.url == origin);
        is_known || paths == PATHS_MAX || (paths > 0 && url == origin)
    }

    /// Makes one server of all paths of this URL's host; its position.
    fn fold(&mut self, url: &str) -> usize {
        let origin = origin(url).to_owned();
        let is_of_host = |server: &Server| server.url == origin || is_path_of(&server.url, &origin);
        let at = self.servers.iter().position(is_of_host).unwrap_or_default();
        let (paths, mut others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.servers).into_iter().partition(is_of_host);
        let mut whole =
            Server::new(&origin, paths.iter().map(|path| path.by_residue.len()).max().unwrap_or(0));
        paths.iter().for_each(|path| whole.add(path));
        others.insert(at, whole);
        self.servers = others;
        at
    }
}

impl Server {
    fn new(url: &str, residues: usize) -> Self {
        Self {
            url: url.to_owned(),
            sessions: 0,
            opened: 0,
            opened_between: None,
            gone: 0,
            failures: Failures::default(),
            between: BTreeMap::new(),
            ping_failed: 0,
            by_residue: vec![0; residues],
        }
    }

    /// When the first and the last session failed there in this way.
    pub fn first_and_last(&self, step: StepIndex, fault: Fault) -> (Duration, Duration) {
        self.between.get(&(step, fault)).copied().unwrap_or_default()
    }

    fn failed_between(&mut self, kind: (StepIndex, Fault), (first, last): (Duration, Duration)) {
        let is_full = self.between.len() >= FAULT_KINDS_MAX;
        if is_full && !self.between.contains_key(&kind) {
            return;
        }
        let span = self.between.entry(kind).or_insert((first, last));
        *span = (span.0.min(first), span.1.max(last));
    }

    fn add(&mut self, other: &Self) {
        self.sessions += other.sessions;
        self.opened += other.opened;
        self.opened_between = joined(self.opened_between, other.opened_between);
        self.failures.add(&other.failures);
        other.between.iter().for_each(|(kind, span)| self.failed_between(*kind, *span));
        self.ping_failed += other.ping_failed;
        self.gone += other.gone;
        for (mine, count) in self.by_residue.iter_mut().zip(&other.by_residue) {
            *mine += count;
        }
    }

    /// Sessions by bucket when `count` servers are configured.
    fn buckets(&self, count: usize) -> Vec<u64> {
        let mut buckets = vec![0; count];
        for (residue, &sessions) in self.by_residue.iter().enumerate() {
            buckets[residue % count] += u64::from(sessions);
        }
        buckets
    }
}

/// The span from the first to the last of both.
fn joined(
    one: Option<(Duration, Duration)>,
    other: Option<(Duration, Duration)>,
) -> Option<(Duration, Duration)> {
    match (one, other) {
        (Some(one), Some(other)) => Some((one.0.min(other.0), one.1.max(other.1))),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "wss://one/ws/a";
    const B: &str = "wss://two/ws/b";

    fn bucket(member: MemberId, count: i32) -> usize {
        (java_hash(member, 38).wrapping_abs() % count) as usize
    }

    /// The known split of the real system: members 13 to 6012 over two servers, half and half.
    fn split(urls: &[&str]) -> Routing {
        let mut routing = Routing::default();
        for member in (13..=6012).map(MemberId) {
            routing.record(urls[bucket(member, urls.len() as i32)], member, 38);
        }
        routing
    }

    #[test]
    fn the_hash_is_java_s() {
        // "1:1": ((49·31) + 58)·31 + 49.
        assert_eq!(java_hash(MemberId(1), 1), (49 * 31 + 58) * 31 + 49);
        // Long enough to wrap: computed with 64-bit arithmetic and cut.
        let wide = "123456789:987654321".bytes().fold(0u64, |h, b| h.wrapping_mul(31) + u64::from(b));
        assert_eq!(java_hash(MemberId(123_456_789), 987_654_321), wide as u32 as i32);
        java_hash(MemberId(u64::MAX), u64::MAX);
    }

    #[test]
    fn members_of_one_challenge_split_evenly_and_none_is_misrouted() {
        let routing = split(&[A, B]);
        assert_eq!(routing.servers().iter().map(|it| it.sessions).collect::<Vec<_>>(), [3000, 3000]);
        assert_eq!(routing.hashed(None).map(|it| it.misrouted()), Some(vec![0, 0]));
    }

    #[test]
    fn the_list_s_order_does_not_matter_for_any_number_of_servers() {
        let urls = ["s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7"];
        for count in 2..=8 {
            let mut reversed = urls[..count].to_vec();
            reversed.reverse();
            assert_eq!(
                split(&reversed).hashed(None).map(|it| it.misrouted()),
                Some(vec![0; count]),
                "{count} servers"
            );
        }
    }

    #[test]
    fn a_member_on_the_wrong_server_is_counted_there() {
        let mut routing = split(&[A, B]);
        for member in (7000..7100).map(MemberId) {
            let wrong = [B, A][bucket(member, 2)];
            routing.record(wrong, member, 38);
        }
        assert_eq!(routing.hashed(None).map(|it| it.misrouted()).unwrap().iter().sum::<u64>(), 100);
    }

    #[test]
    fn members_of_a_server_that_nobody_saw_are_misrouted() {
        let mut routing = Routing::default();
        (13..=6012).map(MemberId).for_each(|member| routing.record(A, member, 38));
        assert_eq!(
            (routing.hashed(None).map(|it| it.misrouted()), routing.hashed(Some(2)).map(|it| it.misrouted())),
            (None, Some(vec![3000]))
        );
        assert_eq!(routing.hashed(Some(9)).map(|it| it.misrouted()), None);
        // The second of three was gone: the first healthy one took its members.
        let mut routing = Routing::default();
        for member in (13..=6012).map(MemberId) {
            routing.record([A, A, B][bucket(member, 3)], member, 38);
        }
        let misrouted = routing.hashed(Some(3)).map(|it| it.misrouted()).unwrap();
        assert!((1_800..2_200).contains(&misrouted[0]) && misrouted[1] == 0, "{misrouted:?}");
    }

    #[test]
    fn a_server_too_many_owns_nobody() {
        let mut routing = split(&[A, B]);
        (7000..7010).map(MemberId).for_each(|member| routing.record("wss://three", member, 38));
        assert_eq!(routing.hashed(Some(2)).map(|it| it.misrouted()), Some(vec![0, 0, 10]));
    }

    #[test]
    fn a_server_that_took_over_another_s_members_does_not_own_both_buckets() {
        let mut routing = Routing::default();
        for member in (13..=6012).map(MemberId) {
            // The second server was gone for most of the ramp.
            let url = if member.0 < 5000 { A } else { [A, B][bucket(member, 2)] };
            routing.record(url, member, 38);
        }
        let misrouted = routing.hashed(None).map(|it| it.misrouted()).unwrap();
        assert_eq!(misrouted[1], 0);
        assert!((2_300..2_700).contains(&misrouted[0]), "{misrouted:?}");
        let hashed = routing.hashed(None).unwrap();
        assert_eq!(hashed.moves(), [Move { home: Some(1), to: 0, sessions: misrouted[0] }]);
        assert_eq!(hashed.expected(), [3_000, 3_000]);
        // A part of it is held against all of it, whatever the part alone would say.
        let mut part = Routing::default();
        let others = (13..5_000).map(MemberId).filter(|member| bucket(*member, 2) == 1).take(20);
        others.for_each(|member| part.record(A, member, 38));
        part.record(B, MemberId(5_001), 38);
        let wrong = u64::from(bucket(MemberId(5_001), 2) == 0);
        assert_eq!(routing.misrouted_in(&part, None), Some(vec![20, wrong]));
    }

    #[test]
    fn a_merge_equals_recording_in_one_place() {
        let (mut even, mut odd) = (Routing::default(), Routing::default());
        for member in (13..=6012).map(MemberId) {
            let url = [A, B][bucket(member, 2)];
            if member.0 % 2 == 0 { &mut even } else { &mut odd }.record(url, member, 38);
        }
        odd.add(&even);
        let mut servers: Vec<_> = odd.servers().iter().map(|it| (it.url.as_str(), it.sessions)).collect();
        servers.sort_unstable();
        assert_eq!(servers, [(A, 3000), (B, 3000)]);
        assert_eq!(odd.hashed(None).map(|it| it.misrouted()), Some(vec![0, 0]));
    }

    #[test]
    fn urls_are_bounded() {
        let mut routing = Routing::default();
        for k in 0..1000 {
            routing.record(&format!("ws://h-{k}"), MemberId(k), 1);
        }
        assert_eq!((routing.servers().len(), routing.beyond()), (URLS_MAX, 936));
        assert_eq!(routing.hashed(None).map(|it| it.misrouted()), None);
        let kept: usize = routing.servers.iter().map(|server| server.by_residue.len()).sum();
        assert_eq!(kept, JUDGED_SERVERS_MAX * RESIDUES);
    }

    #[test]
    fn a_host_with_many_paths_is_one_server_on_whichever_worker_they_were() {
        let (mut one, mut other) = (Routing::default(), Routing::default());
        for k in 0..20 {
            let half = if k % 2 == 0 { &mut one } else { &mut other };
            half.record(&format!("ws://h/{k}"), MemberId(k), 1);
            half.opened(&format!("ws://h/{k}"), Duration::from_secs(k));
        }
        assert_eq!(one.servers().len(), 10);
        one.add(&other);
        let servers: Vec<_> =
            one.servers().iter().map(|it| (it.url.as_str(), it.sessions, it.opened)).collect();
        assert_eq!(servers, [("ws://h", 20, 20)]);
        let last = Duration::from_secs(19);
        assert_eq!(one.servers()[0].opened_between, Some((Duration::ZERO, last)));
        let at = Duration::from_secs;
        one.failed("ws://h/3", StepIndex(2), Fault::Cut, at(5));
        one.failed("ws://h/4", StepIndex(2), Fault::Cut, at(3));
        let server = &one.servers()[0];
        assert_eq!(server.failures.total(), 2);
        assert_eq!(server.first_and_last(StepIndex(2), Fault::Cut), (at(3), at(5)));
    }

    #[test]
    fn paths_with_a_session_each_are_no_servers() {
        let paths = |count: u64, again: u64| {
            let mut routing = Routing::default();
            for k in 0..count {
                routing.record(&format!("ws://one:81/s/{k}"), MemberId(k), 1);
            }
            (0..again).for_each(|k| routing.record("ws://one:81/s/0", MemberId(k), 1));
            routing.record("ws://two/ws/a", MemberId(0), 1);
            routing
        };
        let names = |routing: Routing| {
            let routing = routing.without_lone_paths().into_owned();
            routing.servers().iter().map(|it| (it.url.clone(), it.sessions)).collect::<Vec<_>>()
        };
        let (one, two) = (|count| ("ws://one:81".to_owned(), count), || ("ws://two/ws/a".to_owned(), 1));
        assert_eq!(names(paths(3, 0)), [one(3), two()]);
        assert_eq!(names(paths(9, 0)), [one(9), two()]);
        // Two may be two servers, and a path with two sessions is one.
        assert_eq!(names(paths(2, 0)).len(), 3);
        assert_eq!(names(paths(3, 1)).len(), 4);
    }
}
