//! What is looked for in application logs: text by name, those of Runnity's servers among them.
//!
//! Text, and not a regular expression: a line that is looked for has words of its own. Knows no file. Invariant: memory
//! does not grow with the lines.

use std::time::Instant;

use memchr::memmem::Finder;

use super::gc::full_gc_ms;
use crate::foreign;

/// What is always looked for: lines of Runnity's WebSocket and business servers, and the JVM's end.
pub const BUILT_IN: [(&str, &str); 15] = [
    ("sessions_registered", "세션 등록 완료"),
    ("broadcasts_cut", "메시지 브로드캐스트 실패"),
    ("pings_failed", "PING 처리 실패"),
    ("enter_events_failed", "입장 이벤트 발행 실패"),
    ("timeouts_detected", "타임아웃 감지"),
    ("tickets_refused", "티켓 검증 실패"),
    ("entries_failed", "입장 처리 실패"),
    ("tickets_issued", "WebSocket 티켓 발급"),
    ("challenges_ready", "챌린지 READY 상태 전환 완료"),
    ("heartbeats_lost", "WebSocket 서버 heartbeat 만료"),
    ("circuits_broken", "Circuit Breaker 활성화"),
    ("pool_exhausted", "Connection is not available, request timed out after"),
    ("worker_connections_exhausted", "worker_connections are not enough"),
    ("open_files_exhausted", "Too many open files"),
    (OUT_OF_MEMORY, "OutOfMemoryError"),
];
/// The name of the pattern that is an event, too.
const OUT_OF_MEMORY: &str = "out_of_memory";
/// Names of what is not a text that is looked for.
pub const LINES: &str = "lines";
/// Full garbage collections.
pub const FULL_GCS: &str = "full_gcs";
/// The longest of them, in milliseconds.
pub const LONGEST_FULL_GC: &str = "longest_full_gc";

/// Seconds of a minute, each of which is counted by itself.
const SECONDS: usize = 60;
/// Of a line that is shown.
const SHOWN_CHARS_MAX: usize = 200;

/// What came so far, and in the last minute.
#[derive(Clone, Debug)]
struct Count {
    all: u64,
    /// By second; what is older than a minute is overwritten.
    seconds: [(u64, u32); SECONDS],
}

impl Count {
    fn new() -> Self {
        Self { all: 0, seconds: [(0, 0); SECONDS] }
    }

    fn take(&mut self, second: u64) {
        self.all += 1;
        let (last, count) = &mut self.seconds[second as usize % SECONDS];
        *count = if *last == second { count.saturating_add(1) } else { 1 };
        *last = second;
    }

    fn last_minute(&self, second: u64) -> u64 {
        let is_recent = |at: &&(u64, u32)| at.0 + SECONDS as u64 > second && at.0 <= second;
        self.seconds.iter().filter(is_recent).map(|(_, count)| u64::from(*count)).sum()
    }
}

/// What the lines of a log have come to.
#[derive(Debug)]
pub struct Counts {
    began: Instant,
    lines: Count,
    named: Vec<(String, Finder<'static>, Count)>,
    full_gcs: Count,
    longest_full_gc_ms: f64,
    /// The first line of this kind since it was last asked for, from its error's name on.
    out_of_memory: Option<String>,
}

impl Counts {
    /// Looks for these texts besides the built-in ones; one of the same name replaces it.
    pub fn of(patterns: &[(String, String)]) -> Self {
        let is_own = |name: &str| patterns.iter().any(|(own, _)| own == name);
        let built_in = BUILT_IN.iter().filter(|(name, _)| !is_own(name));
        let all = built_in.map(|(name, text)| (*name, *text));
        let own = patterns.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        let count = |(name, text): (&str, &str)| {
            (name.to_owned(), Finder::new(text.as_bytes()).into_owned(), Count::new())
        };
        Self {
            began: Instant::now(),
            lines: Count::new(),
            named: all.chain(own).map(count).collect(),
            full_gcs: Count::new(),
            longest_full_gc_ms: 0.0,
            out_of_memory: None,
        }
    }

    /// Takes a line.
    pub fn take(&mut self, line: &[u8], now: Instant) {
        let second = self.second(now);
        self.lines.take(second);
        for (name, finder, count) in &mut self.named {
            let Some(at) = finder.find(line) else { continue };
            count.take(second);
            if name == OUT_OF_MEMORY && self.out_of_memory.is_none() {
                // What is before it may be anything.
                self.out_of_memory =
                    Some(foreign::line(&String::from_utf8_lossy(&line[at..]), SHOWN_CHARS_MAX));
            }
        }
        if let Some(ms) = full_gc_ms(line) {
            self.full_gcs.take(second);
            self.longest_full_gc_ms = self.longest_full_gc_ms.max(ms);
        }
    }

    /// The evidence of a server out of memory, since the last call.
    pub fn out_of_memory(&mut self) -> Option<String> {
        self.out_of_memory.take()
    }

    /// How many lines of this name came so far.
    pub fn all(&self, name: &str) -> Option<f64> {
        self.count(name).map(|count| count.all as f64)
    }

    /// How many came in the last minute.
    pub fn last_minute(&self, name: &str, now: Instant) -> Option<f64> {
        self.count(name).map(|count| count.last_minute(self.second(now)) as f64)
    }

    /// The longest full garbage collection, in milliseconds; 0 if there was none.
    pub fn longest_full_gc_ms(&self) -> f64 {
        self.longest_full_gc_ms
    }

    fn count(&self, name: &str) -> Option<&Count> {
        match name {
            LINES => Some(&self.lines),
            FULL_GCS => Some(&self.full_gcs),
            name => self.named.iter().find(|(known, ..)| known == name).map(|(_, _, count)| count),
        }
    }

    fn second(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.began).as_secs()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// The lines of the real servers, as far as they are known.
    const LINES_OF_RUNNITY: &str = "\
세션 등록 완료: challengeId=38, userId=13, sessionId=a
메시지 브로드캐스트 실패: sessionId=a
PING 처리 실패
입장 이벤트 발행 실패
타임아웃 감지: userId=13
티켓 검증 실패
입장 처리 실패
WebSocket 티켓 발급: ticket=a
챌린지 READY 상태 전환 완료
WebSocket 서버 heartbeat 만료: http://ws1
Circuit Breaker 활성화: http://ws1 (30초간)
RunnityHikariPool - Connection is not available, request timed out after 30000ms (total=10, active=10, idle=0, waiting=188)
2026/11/28 20:04:00 [alert] 7#7: 1024 worker_connections are not enough
java.io.IOException: Too many open files
Exception in thread \"main\" java.lang.OutOfMemoryError: Java heap space";

    #[test]
    fn each_line_of_the_servers_has_its_name() {
        let mut counts = Counts::of(&[]);
        LINES_OF_RUNNITY.lines().for_each(|line| counts.take(line.as_bytes(), Instant::now()));
        for (name, text) in BUILT_IN {
            assert_eq!(counts.all(name), Some(1.0), "{name}: {text}");
        }
        assert_eq!(counts.all(LINES), Some(15.0));
        assert_eq!(counts.all("others"), None);
        assert_eq!(counts.out_of_memory().as_deref(), Some("OutOfMemoryError: Java heap space"));
        assert_eq!(counts.out_of_memory(), None);
    }

    #[test]
    fn the_manual_lists_them_all() {
        let manual = include_str!("../../../docs/watch.md");
        for (name, text) in BUILT_IN {
            assert!(manual.contains(&format!("| `{name}` | {text} |")), "{name}");
        }
    }

    #[test]
    fn a_user_s_pattern_is_counted_and_may_replace_one() {
        let own = [("slow", "took too long"), ("broadcasts_cut", "broadcast failed")];
        let mut counts = Counts::of(&own.map(|(name, text)| (name.into(), text.into())));
        for line in
            [&b"it took too long"[..], b"\xff took too long\xff", "메시지 브로드캐스트 실패".as_bytes()]
        {
            counts.take(line, Instant::now());
        }
        assert_eq!((counts.all("slow"), counts.all("broadcasts_cut")), (Some(2.0), Some(0.0)));
    }

    #[test]
    fn full_collections_are_counted_by_the_minute() {
        let mut counts = Counts::of(&[]);
        let began = Instant::now();
        for (second, ms) in [(1, "10.5"), (30, "1234.5"), (59, "7.0"), (100, "8.0")] {
            let line = format!("[1s][info][gc] GC(1) Pause Full (x) 1M->1M(2M) {ms}ms");
            counts.take(line.as_bytes(), began + Duration::from_secs(second));
        }
        let minute = |second| counts.last_minute(FULL_GCS, began + Duration::from_secs(second));
        assert_eq!((counts.all(FULL_GCS), counts.longest_full_gc_ms()), (Some(4.0), 1234.5));
        assert_eq!([59, 80, 100, 130, 170].map(minute), [3.0, 2.0, 2.0, 1.0, 0.0].map(Some));
    }
}
