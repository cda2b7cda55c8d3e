//! Full broadcasting: every session hears of every other, every pair is judged, and both ends are on
//! one machine.
//!
//! Says what each end takes for an announcement. Invariant: as everywhere in the bench, an incomplete
//! run leaves no figure, and so does one in which an announcement is missing.

use serde_json::{Value, json};

use super::measured::Measured;

/// Sessions, and the seconds over which they arrive.
struct Everyone(u32, u32);

/// 3,000 in one challenge, half as many as the default run's.
pub fn of_3k() -> Result<Value, String> {
    Everyone(3_000, 60).measure()
}

/// 6,000, the default run's.
pub fn of_6k() -> Result<Value, String> {
    Everyone(6_000, 60).measure()
}

/// 20,000: six minutes, in which both cores are used.
pub fn of_20k() -> Result<Value, String> {
    Everyone(20_000, 300).measure()
}

impl Everyone {
    fn measure(&self) -> Result<Value, String> {
        let Self(sessions, ramp_s) = self;
        let run = Measured::of(&format!(
            "--sessions {sessions} --observers all --ramp {ramp_s}s --hold 30s --ramp-down 5s"
        ))?;
        let announced = run.number("/messages/by_type/USER_ENTERED");
        if run.number("/ledger/missing") != 0.0 || run.number("/ledger/observers") != f64::from(*sessions) {
            return Err(format!("not every pair was judged, or some are missing: {}", run.summary["ledger"]));
        }
        let (client_s, mock_s) = (run.number("/generator/cpu_seconds"), run.mock_cpu_s);
        let micros = |seconds: f64| seconds / announced * 1e6;
        let verdict = run.summary["verdict"].as_str().unwrap_or("none").to_owned();
        println!(
            "| sessions | verdict | pairs judged | client CPU, s | an announcement, µs | mock server's CPU, s | an announcement, µs | client, MB | login p95, ms | open p95, ms | PING p99, ms | lag p99, ms |"
        );
        println!("|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
        println!(
            "| {sessions} | {verdict} | {:.0} | {client_s:.1} | {:.2} | {mock_s:.1} | {:.2} | {:.0} | {:.1} | {:.1} | {:.1} | {:.1} |\n",
            run.number("/ledger/expected"),
            micros(client_s),
            micros(mock_s),
            run.number("/generator/rss_bytes") / 1e6,
            run.number("/steps/login/p95_ms"),
            run.number("/steps/open/p95_ms"),
            run.number("/steps/ping/p99_ms"),
            run.number("/generator/lag_p99_ms"),
        );
        Ok(json!({
            "verdict": verdict,
            "client_micros_per_announcement": micros(client_s),
            "mock_micros_per_announcement": micros(mock_s),
            "run": run.raw(),
        }))
    }
}
