//! Connections that are in TIME_WAIT now, of which a machine can have millions: read line by line,
//! and counted.
//!
//! Invariant: only those that the caller asks for are kept, as counts; what a line costs does not
//! hang on the others.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Files, Reading, shown};
use crate::time_wait::TIME_WAIT;

/// What the kernel writes for the state.
const STATE: &[u8] = b"06";
/// Parts of a second in which it counts what is left.
const TICKS_PER_S: u64 = 100;
/// Seconds that one lasts at most.
const SECONDS: usize = TIME_WAIT.as_secs() as usize;

/// Connections by the second in which they will be gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fading([u32; SECONDS + 1]);

/// Those in TIME_WAIT, by the address that they came from and where they led.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimeWaits(HashMap<(IpAddr, SocketAddr), Fading>);

impl Default for Fading {
    fn default() -> Self {
        Self([0; SECONDS + 1])
    }
}

impl Fading {
    /// Returns the number that are still there after this many seconds.
    pub fn after(&self, seconds: u64) -> u64 {
        let seconds = usize::try_from(seconds).unwrap_or(usize::MAX);
        self.0.iter().skip(seconds.saturating_add(1)).map(|count| u64::from(*count)).sum()
    }

    /// Counts one that goes within this many seconds.
    fn count(&mut self, seconds: u64) {
        let seconds = usize::try_from(seconds).unwrap_or(SECONDS).clamp(1, SECONDS);
        self.0[seconds] = self.0[seconds].saturating_add(1);
    }

    /// Both.
    pub fn with(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(&other.0).for_each(|(sum, count)| *sum = sum.saturating_add(*count));
        self
    }
}

impl TimeWaits {
    /// Those from a port that `is_local` to one of the destinations that `is_asked_for`.
    pub(super) fn read(
        files: &Files<'_>,
        is_local: impl Fn(u16) -> bool,
        is_asked_for: impl Fn(SocketAddr) -> bool,
    ) -> Reading<Self> {
        let mut found = Self::default();
        for path in ["proc/net/tcp", "proc/net/tcp6"] {
            let file = match File::open(files.root.join(path)) {
                Ok(file) => file,
                // Without IPv6.
                Err(error) if error.kind() == ErrorKind::NotFound && path.ends_with('6') => continue,
                Err(error) => return Err(format!("/{path}: {error}")),
            };
            let mut lines = BufReader::with_capacity(1 << 16, file);
            let mut line = Vec::with_capacity(256);
            loop {
                line.clear();
                match lines.read_until(b'\n', &mut line) {
                    Ok(0) => break,
                    Ok(_) => {}
                    Err(error) => return Err(format!("/{path}: {error}")),
                }
                let row = match row(&line) {
                    Ok(Some(row)) => row,
                    Ok(None) => continue,
                    Err(()) => {
                        return Err(format!("/{path} says {}", shown(&String::from_utf8_lossy(&line))));
                    }
                };
                if is_local(row.from.port()) && is_asked_for(row.to) {
                    found.0.entry((row.from.ip(), row.to)).or_default().count(row.seconds_left);
                }
            }
        }
        Ok(found)
    }

    /// Where they come from, where they lead, and how many.
    pub fn iter(&self) -> impl Iterator<Item = (IpAddr, SocketAddr, &Fading)> {
        self.0.iter().map(|((from, to), fading)| (*from, *to, fading))
    }
}

struct Row {
    from: SocketAddr,
    to: SocketAddr,
    seconds_left: u64,
}

/// `sl local remote st tx:rx tr:when …`; `None` for a line of another state, as the heads are.
fn row(line: &[u8]) -> Result<Option<Row>, ()> {
    let mut fields = line.split(|byte| *byte == b' ').filter(|field| !field.is_empty());
    let (Some(_), Some(from), Some(to), Some(STATE)) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Ok(None);
    };
    let left = seconds_left(fields.nth(1).ok_or(())?).ok_or(())?;
    Ok(Some(Row { from: address(from).ok_or(())?, to: address(to).ok_or(())?, seconds_left: left }))
}

/// `03:000000A8`.
fn seconds_left(timer: &[u8]) -> Option<u64> {
    let (_, ticks) = std::str::from_utf8(timer).ok()?.split_once(':')?;
    Some(u64::from_str_radix(ticks, 16).ok()?.div_ceil(TICKS_PER_S))
}

/// `0100007F:1F90`, or four such words of IPv6: each in this machine's order.
fn address(field: &[u8]) -> Option<SocketAddr> {
    let (address, port) = std::str::from_utf8(field).ok()?.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |index: usize| {
        let digits = address.get(index * 8..index * 8 + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    let address = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for (index, part) in bytes.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(index)?);
            }
            // A socket of IPv6 that speaks IPv4 has the port of both.
            Ipv6Addr::from(bytes).to_canonical()
        }
        _ => return None,
    };
    Some(SocketAddr::new(address, port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    const HEAD: &str =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

    fn read(root: &Path) -> Reading<TimeWaits> {
        TimeWaits::read(&Files { root }, |port| port >= 40_000, |to| to.port() == 8_080)
    }

    fn hex(address: [u8; 4]) -> String {
        format!("{:08X}", u32::from_ne_bytes(address))
    }

    fn line(from: &str, from_port: u16, to: &str, to_port: u16, state: &str, ticks: u32) -> String {
        format!(
            "   1: {from}:{from_port:04X} {to}:{to_port:04X} {state} 00000000:00000000 03:{ticks:08X} 00000000     0        0 0 3 0\n"
        )
    }

    #[test]
    fn those_that_are_asked_for_are_counted_by_what_is_left_of_them() {
        let root = tempfile::tempdir().expect("a directory");
        let net = root.path().join("proc/net");
        fs::create_dir_all(&net).expect("made");
        assert!(read(root.path()).is_err_and(|why| why.starts_with("/proc/net/tcp: ")));
        let (here, there) = (hex([10, 9, 0, 1]), hex([10, 9, 0, 2]));
        let rows = [
            HEAD.to_owned(),
            line(&here, 40_001, &there, 8_080, "06", 168),
            line(&here, 40_002, &there, 8_080, "06", 5_999),
            line(&here, 40_003, &there, 8_080, "06", 0),
            line(&here, 40_004, &there, 8_080, "01", 0),
            line(&here, 39_999, &there, 8_080, "06", 500),
            line(&here, 40_005, &there, 8_081, "06", 500),
        ];
        fs::write(net.join("tcp"), rows.concat()).expect("written");
        let zeros = "0".repeat(16);
        let ffff = format!("{:08X}", u32::from_ne_bytes([0, 0, 0xff, 0xff]));
        let mapped = |address: &str| format!("{zeros}{ffff}{address}");
        let six = HEAD.to_owned() + &line(&mapped(&here), 40_006, &mapped(&there), 8_080, "06", 6_000);
        fs::write(net.join("tcp6"), six).expect("written");
        let found = read(root.path()).expect("readable");
        let all: Vec<_> = found.iter().collect();
        assert_eq!(all.len(), 1, "{all:?}");
        let (from, to, fading) = all[0];
        assert_eq!((from, to), (IpAddr::from([10, 9, 0, 1]), "10.9.0.2:8080".parse().expect("one")));
        let left = [0, 1, 2, 59, 60, u64::MAX].map(|seconds| fading.after(seconds));
        assert_eq!(left, [4, 3, 2, 2, 0, 0]);
        assert_eq!(fading.clone().with(fading).after(1), 6);
    }

    #[test]
    fn garbage_is_said() {
        let root = tempfile::tempdir().expect("a directory");
        let net = root.path().join("proc/net");
        fs::create_dir_all(&net).expect("made");
        for row in
            ["1: x y 06 0 03:0\n", "1: 0100007F:1 0100007F:2 06 0\n", "1: 0100007F:1 0100007F:2 06 0 03:zz\n"]
        {
            fs::write(net.join("tcp"), row).expect("written");
            assert!(read(root.path()).is_err_and(|why| why.contains("/proc/net/tcp says")), "{row}");
        }
        fs::write(net.join("tcp"), [0xff, 0, b'\n', b'\n']).expect("written");
        assert_eq!(read(root.path()), Ok(TimeWaits::default()));
    }
}
