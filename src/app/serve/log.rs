//! `serve --log`: the lines that the real servers log, as many as the mock server's counts say.
//!
//! Compares counts with those of the last look, several times a second; no connection waits for it. So lines
//! have no member and no time of their own. Invariant: as many lines of a kind as there were events.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use anyhow::Context;
use startline_mock::Counters;

/// A kind of line: its level and its text, and how many there were.
type Kind = (&'static str, &'static str, fn(&Counters) -> u64);

const KINDS: [Kind; 5] = [
    ("INFO", "세션 등록 완료: challengeId=, userId=", |it| it.connected),
    ("WARN", "티켓 검증 실패", |it| it.tickets_refused),
    ("INFO", "타임아웃 감지", |it| it.idle_drops),
    (
        "ERROR",
        "메시지 브로드캐스트 실패: java.lang.IllegalStateException: The remote endpoint was in state [TEXT_PARTIAL_WRITING]",
        |it| injected(it, "broadcast-cut"),
    ),
    (
        "ERROR",
        "RunnityHikariPool - Connection is not available, request timed out after 30000ms (total=10, active=10, idle=0, waiting=1)",
        |it| injected(it, "pool-exhausted"),
    ),
];

fn injected(counters: &Counters, kind: &str) -> u64 {
    counters.injected.get(kind).copied().unwrap_or(0)
}

/// A log that is appended to.
pub(super) struct Log {
    file: File,
    written: [u64; KINDS.len()],
}

impl Log {
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.with_context(|| format!("--log {}: it cannot be written", path.display()))?;
        Ok(Self { file, written: [0; KINDS.len()] })
    }

    /// Appends a line for each event since the last look.
    pub(super) fn write(&mut self, counters: &Counters) {
        let time = jiff::Timestamp::now().strftime("%FT%H:%M:%S%.3fZ").to_string();
        let mut lines = String::new();
        for ((level, text, count), written) in KINDS.iter().zip(&mut self.written) {
            let all = count(counters);
            let new = usize::try_from(all.saturating_sub(*written)).unwrap_or(0);
            lines += &format!("{time} {level:>5} --- [mock] {text}\n").repeat(new);
            *written = all.max(*written);
        }
        // A full disk costs lines of a mock's log, and nothing else.
        let _ = self.file.write_all(lines.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_is_a_line_that_is_looked_for() {
        let temp = tempfile::NamedTempFile::new().expect("a file");
        let mut log = Log::open(temp.path()).expect("it can be written");
        let injected = [("broadcast-cut", 3), ("pool-exhausted", 1)].into();
        let counters =
            Counters { connected: 2, tickets_refused: 1, idle_drops: 4, injected, ..Counters::default() };
        log.write(&counters);
        log.write(&counters);
        log.write(&Counters { connected: 3, ..counters });
        let text = std::fs::read_to_string(temp.path()).expect("text");
        for (name, expected) in [
            ("sessions_registered", 3),
            ("tickets_refused", 1),
            ("timeouts_detected", 4),
            ("broadcasts_cut", 3),
            ("pool_exhausted", 1),
        ] {
            let (_, pattern) = crate::watch::log::patterns::BUILT_IN
                .into_iter()
                .find(|(own, _)| *own == name)
                .expect("it is looked for");
            assert_eq!(text.lines().filter(|line| line.contains(pattern)).count(), expected, "{name}");
        }
    }
}
