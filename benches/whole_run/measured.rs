//! One run of the binary, and what its results and the machine say.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// Between two samples.
const SAMPLE: Duration = Duration::from_secs(1);

/// What one run gave.
pub struct Measured {
    /// Its `summary.json`.
    pub summary: Value,
    /// CPU seconds of the client in the hold.
    pub hold_cpu_s: f64,
    /// PINGs that fell due in the hold.
    pub hold_pings: f64,
    /// The most that the machine's available memory fell by while the run went on, in bytes: both
    /// processes', and the kernel's.
    pub machine_bytes: f64,
    /// The mock server's resident memory at most, in bytes.
    pub mock_bytes: f64,
    /// CPU seconds of the mock server up to the end of the hold, to the second.
    pub mock_cpu_s: f64,
    /// Second by second of the ramp: sessions started, and CPU seconds of the client.
    ramp: Vec<(f64, f64)>,
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
        let before = available_bytes();
        let child = Command::new(env!("CARGO_BIN_EXE_startline"))
            .arg("run")
            .args(options.split_whitespace())
            .arg("--out")
            .arg(&out)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let (output, samples) = sampled(child)?;
        let summary = fs::read_to_string(out.join("summary.json"))
            .map_err(|error| format!("no summary: {error}\n{}", String::from_utf8_lossy(&output.stderr)))?;
        let summary: Value = serde_json::from_str(&summary).map_err(|error| error.to_string())?;
        let rows = rows(&out.join("timeline.csv"))?;
        let of = |phase: &'static str| rows.iter().filter(move |row| row.phase == phase);
        let to_hold = rows.iter().filter(|row| row.phase != "ramp-down").count();
        let least = samples.iter().map(|sample| sample.available_bytes).fold(before, f64::min);
        let measured = Self {
            summary,
            hold_cpu_s: of("hold").map(|row| row.cpu_s).sum(),
            hold_pings: of("hold").map(|row| row.pings_due).sum(),
            machine_bytes: before - least,
            mock_bytes: samples.iter().map(|sample| sample.mock_bytes).fold(0.0, f64::max),
            mock_cpu_s: samples.get(to_hold.min(samples.len() - 1)).map_or(f64::NAN, |it| it.mock_cpu_s),
            ramp: of("ramp").map(|row| (row.started_total, row.cpu_s)).collect(),
            options: options.to_owned(),
        };
        measured.is_whole()?;
        Ok(measured)
    }

    /// Client CPU a session, in microseconds, in each of this many equal parts of the ramp.
    pub fn ramp_cpu_micros(&self, parts: usize) -> Vec<f64> {
        let seconds = self.ramp.len() / parts;
        let started = |second: usize| if second == 0 { 0.0 } else { self.ramp[second - 1].0 };
        let part = |part: usize| {
            let (from, to) = (part * seconds, (part + 1) * seconds);
            let cpu_s: f64 = self.ramp[from..to].iter().map(|(_, cpu_s)| cpu_s).sum();
            cpu_s / (started(to) - started(from)) * 1e6
        };
        (0..parts).map(part).collect()
    }

    /// A number of the summary, by JSON pointer.
    pub fn number(&self, pointer: &str) -> f64 {
        self.summary.pointer(pointer).and_then(Value::as_f64).unwrap_or(f64::NAN)
    }

    /// What the client's memory has grown by since before its first session, in bytes. How much of the binary
    /// itself is resident by then differs from run to run by more than thousands of sessions take.
    pub fn growth_bytes(&self) -> f64 {
        self.number("/generator/rss_bytes") - self.number("/generator/rss_bytes_at_start")
    }

    /// Full sessions a second. The time is taken on the safe side: from the first start to the
    /// last, and the slowest of every step after that.
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
                let kinds = &self.summary["errors"]["by_kind"];
                Err(format!(
                    "{pointer} is {} instead of {wanted} ({kinds}): {}",
                    self.number(pointer),
                    self.options
                ))
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
            "machine_bytes": self.machine_bytes,
            "mock_bytes": self.mock_bytes,
            "mock_cpu_seconds": self.mock_cpu_s,
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

/// What the machine and the mock server say at one moment of a run.
struct Sample {
    available_bytes: f64,
    mock_bytes: f64,
    mock_cpu_s: f64,
}

impl Sample {
    fn of(run: u32) -> Self {
        let mock = child_of(run);
        Self {
            available_bytes: available_bytes(),
            mock_bytes: mock.map_or(0.0, resident_bytes),
            mock_cpu_s: mock.map_or(0.0, cpu_seconds),
        }
    }
}

/// Waits for a run, and meanwhile looks at the machine and the mock server, at its start and once a
/// second after.
fn sampled(child: Child) -> Result<(std::process::Output, Vec<Sample>), String> {
    let (id, over) = (child.id(), AtomicBool::new(false));
    thread::scope(|scope| {
        let sampler = scope.spawn(|| {
            let mut samples = vec![Sample::of(id)];
            while !over.load(Ordering::Relaxed) {
                thread::sleep(SAMPLE);
                samples.push(Sample::of(id));
            }
            samples
        });
        let output = child.wait_with_output().map_err(|error| error.to_string());
        over.store(true, Ordering::Relaxed);
        let samples = sampler.join().map_err(|_| "the sampler panicked".to_owned())?;
        Ok((output?, samples))
    })
}

/// User and system time of a process: fields 14 and 15 of its stat (proc(5)), in hundredths of a second.
fn cpu_seconds(process: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name, which is in brackets, may have spaces.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

fn available_bytes() -> f64 {
    kib_of("/proc/meminfo", "MemAvailable:") * 1024.0
}

fn resident_bytes(process: u32) -> f64 {
    kib_of(&format!("/proc/{process}/status"), "VmRSS:") * 1024.0
}

fn kib_of(path: &str, key: &str) -> f64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.split_whitespace().next()?.parse().ok());
    value.unwrap_or(f64::NAN)
}

/// The mock server: the one child of the run's main thread.
fn child_of(process: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

/// What a second of the timeline says.
struct Row {
    phase: String,
    started_total: f64,
    pings_due: f64,
    cpu_s: f64,
}

fn rows(timeline: &std::path::Path) -> Result<Vec<Row>, String> {
    let mut reader = csv::Reader::from_path(timeline).map_err(|error| error.to_string())?;
    let header = reader.headers().map_err(|error| error.to_string())?.clone();
    let column = |name: &str| {
        header.iter().position(|known| known == name).ok_or(format!("no column {name} in timeline.csv"))
    };
    let (phase, started) = (column("phase")?, column("started_total")?);
    let (pings, cpu) = (column("pings_due")?, column("cpu_s")?);
    let row = |row: csv::StringRecord| {
        let number = |index: usize| row[index].parse().unwrap_or(f64::NAN);
        Row {
            phase: row[phase].to_owned(),
            started_total: number(started),
            pings_due: number(pings),
            cpu_s: number(cpu),
        }
    };
    reader.records().map(|record| Ok(row(record.map_err(|error| error.to_string())?))).collect()
}
