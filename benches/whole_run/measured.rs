//! One run of the binary, and what its results say.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// What one run gave.
pub struct Measured {
    /// Its `summary.json`.
    pub summary: Value,
    /// CPU seconds of the client in the hold.
    pub hold_cpu_s: f64,
    /// PINGs that fell due in the hold.
    pub hold_pings: f64,
    options: String,
}

impl Measured {
    /// Runs `startline run` with these options, as one would type them.
    ///
    /// # Errors
    /// The run could not be made, or its counts are not whole.
    pub fn of(options: &str) -> Result<Self, String> {
        eprintln!("startline run {options}");
        let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
        let out = dir.path().join("run");
        let output = Command::new(env!("CARGO_BIN_EXE_startline"))
            .arg("run")
            .args(options.split_whitespace())
            .arg("--out")
            .arg(&out)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| error.to_string())?;
        let summary = std::fs::read_to_string(out.join("summary.json"))
            .map_err(|error| format!("no summary: {error}\n{}", String::from_utf8_lossy(&output.stderr)))?;
        let summary: Value = serde_json::from_str(&summary).map_err(|error| error.to_string())?;
        let (hold_cpu_s, hold_pings) = hold_of(&out.join("timeline.csv"))?;
        let measured = Self { summary, hold_cpu_s, hold_pings, options: options.to_owned() };
        measured.is_whole()?;
        Ok(measured)
    }

    /// A number of the summary, by JSON pointer.
    pub fn number(&self, pointer: &str) -> f64 {
        self.summary.pointer(pointer).and_then(Value::as_f64).unwrap_or(f64::NAN)
    }

    /// Full sessions a second. The time is taken on the safe side: from the first start to the last, and the slowest of
    /// every step after that.
    pub fn full_sessions_per_s(&self) -> f64 {
        let sessions = self.number("/sessions/planned");
        let slowest_ms: f64 = ["login", "enter", "connect", "open"]
            .iter()
            .map(|step| self.number(&format!("/steps/{step}/max_ms")))
            .sum();
        sessions / (sessions / self.number("/arrivals/achieved_per_s") + slowest_ms / 1e3)
    }

    /// Everything opened and was held, nothing failed.
    fn is_whole(&self) -> Result<(), String> {
        let planned = self.number("/sessions/planned");
        let counts = [
            ("/sessions/established", planned),
            ("/sessions/held_to_end", planned),
            ("/errors/total", 0.0),
            ("/ping/missed", 0.0),
            ("/ping/late", 0.0),
        ];
        match counts.iter().find(|(pointer, wanted)| self.number(pointer) != *wanted) {
            Some((pointer, wanted)) => {
                Err(format!("{pointer} is {} instead of {wanted}: {}", self.number(pointer), self.options))
            }
            None => Ok(()),
        }
    }

    /// How it is typed.
    pub fn command(&self) -> String {
        format!("startline run {}", self.options)
    }

    /// What is kept of the run in the raw results.
    pub fn raw(&self) -> Value {
        json!({
            "command": self.command(),
            "hold_cpu_seconds": self.hold_cpu_s,
            "hold_pings_due": self.hold_pings,
            "version": self.summary["version"],
            "host": self.summary["host"],
            "sessions": self.summary["sessions"],
            "arrivals": self.summary["arrivals"],
            "generator": self.summary["generator"],
            "steps": self.summary["steps"],
            "ping": self.summary["ping"],
            "errors": self.summary["errors"],
            "messages": self.summary["messages"],
            "ledger": self.summary["ledger"],
            "http": self.summary["http"],
            "tls": self.summary["tls"],
        })
    }
}

/// CPU seconds and PINGs due in the rows of the hold.
fn hold_of(timeline: &std::path::Path) -> Result<(f64, f64), String> {
    let mut reader = csv::Reader::from_path(timeline).map_err(|error| error.to_string())?;
    let header = reader.headers().map_err(|error| error.to_string())?.clone();
    let column = |name: &str| {
        header.iter().position(|known| known == name).ok_or(format!("no column {name} in timeline.csv"))
    };
    let (phase, cpu, pings) = (column("phase")?, column("cpu_s")?, column("pings_due")?);
    let mut sums = (0.0, 0.0);
    for row in reader.records() {
        let row = row.map_err(|error| error.to_string())?;
        if &row[phase] == "hold" {
            sums.0 += row[cpu].parse::<f64>().unwrap_or(f64::NAN);
            sums.1 += row[pings].parse::<f64>().unwrap_or(f64::NAN);
        }
    }
    Ok(sums)
}
