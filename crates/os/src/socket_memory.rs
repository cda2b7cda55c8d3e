//! Measures the kernel memory that a socket takes on this machine, by opening some.
//!
//! Connections over loopback, both ends registered in an epoll, on a thread with a descriptor table
//! of its own. After each batch the kernel's unreclaimable slab memory is read, and how many TCP
//! sockets there are on the whole machine, since other programs open some meanwhile; the figure is
//! the median slope between any two readings, which single allocations of theirs hardly move. A
//! socket's inode and its name are counted by their sizes instead: they lie in the reclaimable
//! slabs, where every file that anybody opens would be measured with them. Opens nothing beyond
//! this machine, ends within a second and resets what it opened, so that nothing waits in
//! TIME_WAIT. Invariant: no figure is returned where the readings disagree.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Interest, Poll, Token};
use socket2::{Domain, Socket, Type};

use crate::descriptors;

/// The trial ends by then, whatever it has.
const TIME_MAX: Duration = Duration::from_millis(800);
/// No connection of the trial takes longer.
const CONNECT_MAX: Duration = Duration::from_millis(200);
/// Batches, and readings between them.
const BATCHES: usize = 16;
/// Readings that a slope needs.
const READINGS_MIN: usize = 9;
/// Connections in a batch: some 1.5 MB of the kernel's, well above what its counters are late by.
const BATCH: usize = 250;
/// … and at least, where descriptors are few.
const BATCH_MIN: usize = 100;
/// A page, as slabs are counted; larger ones make the least only smaller.
const PAGE_BYTES: u64 = 4_096;
/// Descriptors of the thread besides the connections'.
const OVERHEAD: u64 = 64;
/// A socket is no smaller and no larger than this; what was measured was something else.
const PLAUSIBLE: std::ops::RangeInclusive<u64> = 1_000..=16_384;
/// Slab caches that every connected socket has one object of and that are called reclaimable, by
/// their name in `/proc/slabinfo`; …
const RECLAIMABLE: [&str; 2] = ["sock_inode_cache", "dentry"];
/// … their bytes together on Linux 6.18, x86-64, for those who may not read that file; …
const RECLAIMABLE_BYTES: u64 = 832 + 192;
/// … and the others of a socket with its epoll entry. Caches may be merged, and then have no name.
const UNRECLAIMABLE: [&str; 4] = ["TCP", "filp", "eventpoll_epi", "eventpoll_pwq"];

/// Bytes of kernel memory that an idle connected TCP socket with its epoll entry takes.
///
/// # Errors
/// Why they could not be measured.
pub fn measure() -> Result<u64, String> {
    let trial = std::thread::Builder::new().name("socket-trial".into()).spawn(on_own_table);
    match trial.map(std::thread::JoinHandle::join) {
        Ok(Ok(measured)) => measured,
        Ok(Err(_)) => Err("the trial panicked, which is a defect of startline".to_owned()),
        Err(error) => Err(format!("no thread for the trial: {error}")),
    }
}

fn on_own_table() -> Result<u64, String> {
    descriptors::block_signals();
    if !descriptors::take_private_table(&[]) {
        return Err("the kernel gives a thread no descriptor table of its own".to_owned());
    }
    let (soft, _) = descriptors::limits();
    let fitting = soft.saturating_sub(OVERHEAD) / 2 / BATCHES as u64;
    let batch = BATCH.min(usize::try_from(fitting).unwrap_or(BATCH));
    if batch < BATCH_MIN {
        return Err(format!("{soft} descriptors are too few for the trial"));
    }
    let readings = read_while_opening(batch)?;
    let slabinfo = fs::read_to_string("/proc/slabinfo").unwrap_or_default();
    figure_of(bytes_of(&readings), &slabinfo)
}

/// The slope, with what it leaves out. What the objects come to by themselves is the least, since
/// free ones that lay about before hide what is taken; and it is the figure where readings do not
/// agree.
fn figure_of(slope: Result<u64, String>, slabinfo: &str) -> Result<u64, String> {
    let is_named = object_bytes(slabinfo, &["TCP"]).is_some();
    let least = object_bytes(slabinfo, &UNRECLAIMABLE).filter(|_| is_named);
    let unreclaimable = match (slope, least) {
        (Ok(slope), least) => slope.max(least.unwrap_or(0)),
        (Err(_), Some(least)) => least,
        (Err(why), None) => return Err(why),
    };
    Ok(unreclaimable.saturating_add(object_bytes(slabinfo, &RECLAIMABLE).unwrap_or(RECLAIMABLE_BYTES)))
}

/// TCP sockets on this machine and slab bytes, before the first batch and after each.
fn read_while_opening(batch: usize) -> Result<Vec<(u64, u64)>, String> {
    let failed = |error: io::Error| format!("the trial's connections failed: {error}");
    let until = Instant::now() + TIME_MAX;
    let poll = Poll::new().map_err(failed)?;
    let (listener, address) = listen().map_err(failed)?;
    let mut sockets = Vec::with_capacity(batch * BATCHES * 2);
    let mut readings = vec![(tcp_sockets()?, slab_bytes()?)];
    while readings.len() <= BATCHES && Instant::now() < until {
        for _ in 0..batch {
            let (here, there) = connection(&listener, address).map_err(failed)?;
            for socket in [&here, &there] {
                let token = Token(sockets.len());
                poll.registry()
                    .register(&mut SourceFd(&socket.as_raw_fd()), token, Interest::READABLE)
                    .map_err(failed)?;
            }
            sockets.extend([here, there]);
        }
        readings.push((tcp_sockets()?, slab_bytes()?));
    }
    Ok(readings)
}

fn listen() -> io::Result<(Socket, SocketAddr)> {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    listener.listen(16)?;
    // For accept() it is a timeout, too (socket(7)).
    listener.set_read_timeout(Some(CONNECT_MAX))?;
    let address = listener.local_addr()?.as_socket();
    Ok((listener, address.ok_or_else(|| io::Error::other("the listener has no IP address"))?))
}

/// Both ends of a new connection, which is reset when they are dropped.
fn connection(listener: &Socket, address: SocketAddr) -> io::Result<(Socket, Socket)> {
    let here = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    here.set_linger(Some(Duration::ZERO))?;
    here.connect_timeout(&address.into(), CONNECT_MAX)?;
    let (there, _) = listener.accept()?;
    there.set_linger(Some(Duration::ZERO))?;
    Ok((here, there))
}

fn slab_bytes() -> Result<u64, String> {
    let text = fs::read_to_string("/proc/meminfo").map_err(|error| format!("/proc/meminfo: {error}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("SUnreclaim:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kib.map(|kib| kib * 1024).ok_or_else(|| "/proc/meminfo has no SUnreclaim".to_owned())
}

/// All that are allocated, whoever has them and in whatever network namespace.
fn tcp_sockets() -> Result<u64, String> {
    let text =
        fs::read_to_string("/proc/net/sockstat").map_err(|error| format!("/proc/net/sockstat: {error}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("TCP:"));
    let count = line
        .and_then(|line| line.split_whitespace().skip_while(|word| *word != "alloc").nth(1)?.parse().ok());
    count.ok_or_else(|| "/proc/net/sockstat does not say how many TCP sockets there are".to_owned())
}

/// The median slope between any two readings (Theil and Sen's), if most of the slopes are near it.
fn bytes_of(readings: &[(u64, u64)]) -> Result<u64, String> {
    if readings.len() < READINGS_MIN {
        return Err(format!("only {} readings within {} ms", readings.len(), TIME_MAX.as_millis()));
    }
    let mut slopes: Vec<f64> = Vec::new();
    for (k, (sockets, bytes)) in readings.iter().enumerate() {
        for (more, then) in readings[k + 1..].iter().filter(|(more, _)| more > sockets) {
            slopes.push((*then as f64 - *bytes as f64) / (more - sockets) as f64);
        }
    }
    if slopes.is_empty() {
        return Err("the number of sockets did not grow".to_owned());
    }
    slopes.sort_by(f64::total_cmp);
    let at = |share: f64| slopes[(share * (slopes.len() - 1) as f64) as usize];
    let (low, median, high) = (at(0.25), at(0.5), at(0.75));
    if high - low > median.abs() / 2.0 {
        return Err(format!("too noisy: half of the readings say {low:.0} to {high:.0} bytes a socket"));
    }
    let bytes = median.max(0.0).round() as u64;
    match PLAUSIBLE.contains(&bytes) {
        true => Ok(bytes),
        false => Err(format!("{bytes} bytes a socket were read, which cannot be")),
    }
}

/// What one object of each of these caches takes of its slab, in bytes; `None` where none is named.
fn object_bytes(slabinfo: &str, caches: &[&str]) -> Option<u64> {
    let bytes = |line: &str| {
        // name, active objects, objects, an object's bytes, objects a slab, pages a slab
        let fields: Vec<&str> = line.split_whitespace().take(6).collect();
        let [name, _, _, _, objects, pages] = fields[..] else { return None };
        let (objects, pages): (u64, u64) = (objects.parse().ok()?, pages.parse().ok()?);
        let slab = pages.checked_mul(PAGE_BYTES)?;
        caches.contains(&name).then_some(slab.checked_div(objects)?)
    };
    let sizes: Vec<u64> = slabinfo.lines().filter_map(bytes).collect();
    (!sizes.is_empty()).then(|| sizes.iter().fold(0, |sum: u64, size| sum.saturating_add(*size)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steady(bytes: u64) -> Vec<(u64, u64)> {
        (0..=16).map(|k| (k * 500, 100_000_000 + k * 500 * bytes)).collect()
    }

    #[test]
    fn a_straight_line_is_its_slope() {
        assert_eq!(bytes_of(&steady(3_100)), Ok(3_100));
    }

    #[test]
    fn what_others_take_or_give_back_at_once_does_not_count() {
        let mut readings = steady(3_100);
        readings.iter_mut().skip(6).for_each(|reading| reading.1 += 40_000_000);
        readings.iter_mut().skip(7).for_each(|reading| reading.1 -= 40_000_000);
        assert_eq!(bytes_of(&readings), Ok(3_100));
    }

    #[test]
    fn readings_that_disagree_are_no_figure() {
        let jumping: Vec<(u64, u64)> =
            (0..=16).map(|k| (k * 500, 100_000_000 + (k % 2) * 9_000_000)).collect();
        assert!(bytes_of(&jumping).is_err());
        assert!(bytes_of(&steady(0)).is_err_and(|why| why.contains("cannot be")));
        assert!(bytes_of(&steady(50_000)).is_err_and(|why| why.contains("cannot be")));
        assert!(bytes_of(&steady(3_100)[..4]).is_err_and(|why| why.contains("only 4 readings")));
        let falling: Vec<(u64, u64)> = (0..=16).map(|k| (k * 500, 100_000_000 - k * 500_000)).collect();
        assert!(bytes_of(&falling).is_err());
    }

    #[test]
    fn objects_are_found_by_name() {
        let text = "slabinfo - version: 2.1\n# name <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>\n\
                    TCPv6 26 26 2496 13 8 : tunables\nTCP 26 26 2368 13 8 : tunables\nfilp 1 1 192 21 1 :\n\
                    dentry 1 1 192 0 1 :\nbroken 1\n";
        assert_eq!(object_bytes(text, &UNRECLAIMABLE), Some(8 * 4_096 / 13 + 4_096 / 21));
        assert_eq!(object_bytes(text, &RECLAIMABLE), None);
        let (least, noisy) = (8 * 4_096 / 13 + 4_096 / 21, || Err("too noisy".to_owned()));
        assert_eq!(figure_of(Ok(1_100), text), Ok(least + RECLAIMABLE_BYTES), "free ones were taken first");
        assert_eq!(figure_of(Ok(3_000), text), Ok(3_000 + RECLAIMABLE_BYTES));
        assert_eq!(figure_of(noisy(), text), Ok(least + RECLAIMABLE_BYTES));
        assert_eq!(figure_of(noisy(), "filp 1 1 192 21 1"), noisy(), "that is not a socket's");
    }

    #[test]
    fn sockets_of_others_are_counted_with_their_memory() {
        // Somebody else opens as many in the second half.
        let readings: Vec<(u64, u64)> = (0..=16)
            .map(|k: u64| {
                (
                    40 + k * 500 + k.saturating_sub(8) * 500,
                    9_000_000 + (k + k.saturating_sub(8)) * 500 * 3_100,
                )
            })
            .collect();
        assert_eq!(bytes_of(&readings), Ok(3_100));
        let closing: Vec<(u64, u64)> = (0..=16).map(|k| (9_000 - k * 500, 9_000_000)).collect();
        assert!(bytes_of(&closing).is_err_and(|why| why.contains("did not grow")));
    }

    /// On a noisy machine there may be no figure; there is never a senseless one.
    #[test]
    fn the_trial_ends_and_says_something_plausible() {
        match measure() {
            Ok(bytes) => assert!(PLAUSIBLE.contains(&bytes), "{bytes}"),
            Err(why) => assert!(!why.is_empty() && !why.contains("panicked"), "{why}"),
        }
    }
}
