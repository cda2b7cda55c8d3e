//! The ports that this machine connects from: the kernel's range without what is reserved.
//!
//! Reads two files and cuts; opens nothing. Invariant: reserved ranges lie within the range, in
//! order, and do not overlap.

use std::fs;
use std::path::Path;

/// `net.ipv4.ip_local_port_range` without `net.ipv4.ip_local_reserved_ports`; both hold for IPv6 as
/// well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortRange {
    first: u16,
    last: u16,
    reserved: Vec<(u16, u16)>,
}

impl PortRange {
    /// Both ends included; what is reserved may lie anywhere.
    pub fn new((first, last): (u16, u16), reserved: &[(u16, u16)]) -> Self {
        let mut clipped: Vec<(u16, u16)> = reserved
            .iter()
            .map(|(from, to)| ((*from).max(first), (*to).min(last)))
            .filter(|(from, to)| from <= to)
            .collect();
        clipped.sort_unstable();
        let mut merged: Vec<(u16, u16)> = Vec::with_capacity(clipped.len());
        for (from, to) in clipped {
            match merged.last_mut().filter(|before| from <= before.1.saturating_add(1)) {
                Some(before) => before.1 = before.1.max(to),
                None => merged.push((from, to)),
            }
        }
        Self { first, last, reserved: merged }
    }

    /// This machine's, its files under `root`; `None` where they make no range.
    pub fn read(root: &Path) -> Option<Self> {
        let file = |name: &str| fs::read_to_string(root.join("proc/sys/net/ipv4").join(name)).ok();
        let range = parse_range(&file("ip_local_port_range")?)?;
        // Without the file nothing is reserved: kernels before 2.6.34.
        let reserved = file("ip_local_reserved_ports").and_then(|text| parse_list(&text)).unwrap_or_default();
        Some(Self::new(range, &reserved))
    }

    /// First and last port, reserved ones in between or not.
    pub fn bounds(&self) -> (u16, u16) {
        (self.first, self.last)
    }

    /// Ports that are not reserved.
    pub fn free(&self) -> u32 {
        let taken: u32 = self.reserved.iter().map(|range| size(*range)).sum();
        size((self.first, self.last)) - taken
    }

    /// Whether a port is reserved.
    pub fn is_reserved(&self, port: u16) -> bool {
        self.reserved.iter().any(|(first, last)| (*first..=*last).contains(&port))
    }

    /// The part of `worker` of `workers`, first and last port: equal numbers of free ports for
    /// each. `None` where there are fewer ports than workers.
    pub fn slice(&self, worker: usize, workers: usize) -> Option<(u16, u16)> {
        let bound = |worker: usize| (u64::from(self.free()) * worker as u64 / workers.max(1) as u64) as u32;
        let (first, end) = (bound(worker), bound(worker + 1));
        (first < end).then(|| (self.nth_free(first), self.nth_free(end - 1)))
    }

    /// Returns the free port with this many free ones before it.
    fn nth_free(&self, index: u32) -> u16 {
        let mut port = u32::from(self.first) + index;
        for range in &self.reserved {
            if port < u32::from(range.0) {
                break;
            }
            port += size(*range);
        }
        port as u16
    }
}

fn size((first, last): (u16, u16)) -> u32 {
    u32::from(last) - u32::from(first) + 1
}

/// A range of ports as the kernel writes it: two numbers, the second no less than the first.
pub fn parse_range(text: &str) -> Option<(u16, u16)> {
    let mut numbers = text.split_whitespace().map(str::parse::<u16>);
    match (numbers.next()?, numbers.next()?, numbers.next()) {
        (Ok(first), Ok(last), None) if first <= last => Some((first, last)),
        _ => None,
    }
}

/// A list of ports as the kernel writes it: `1,5-9`, or nothing.
pub fn parse_list(text: &str) -> Option<Vec<(u16, u16)>> {
    let part = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.parse().ok()?, last.parse().ok()?);
        (first <= last).then_some((first, last))
    };
    match text.trim() {
        "" => Some(Vec::new()),
        text => text.split(',').map(part).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_lists_are_read_and_nonsense_is_not() {
        assert_eq!(parse_range("32768\t60999\n"), Some((32_768, 60_999)));
        assert_eq!(parse_range("7 7"), Some((7, 7)));
        for text in ["", "1", "2 1", "1 2 3", "1 65536", "a b"] {
            assert_eq!(parse_range(text), None, "{text:?}");
        }
        assert_eq!(parse_list("\n"), Some(Vec::new()));
        assert_eq!(parse_list("8080,9000-9002\n"), Some(vec![(8080, 8080), (9000, 9002)]));
        for text in ["x", "1,", "9-8", "1-2-3", "70000"] {
            assert_eq!(parse_list(text), None, "{text:?}");
        }
        assert!(PortRange::read(Path::new("/")).is_some());
        assert_eq!(PortRange::read(Path::new("/nowhere")), None);
    }

    #[test]
    fn slices_cover_the_range_once() {
        let range = PortRange::new((32_768, 60_999), &[]);
        assert_eq!(range.free(), 28_232);
        for workers in [1, 2, 3, 51] {
            let slices: Vec<(u16, u16)> =
                (0..workers).map(|worker| range.slice(worker, workers).expect("enough")).collect();
            assert_eq!((slices[0].0, slices[workers - 1].1), (32_768, 60_999));
            assert!(slices.windows(2).all(|pair| pair[0].1 + 1 == pair[1].0));
        }
        let tiny = PortRange::new((1_000, 1_001), &[]);
        assert_eq!((tiny.slice(0, 3), tiny.slice(2, 3)), (None, Some((1_001, 1_001))));
    }

    #[test]
    fn what_is_reserved_is_nobody_s() {
        // 1,000 to 1,099 with 60 reserved, in pieces that overlap, touch and stick out.
        let range =
            PortRange::new((1_000, 1_099), &[(1_090, 2_000), (1_010, 1_030), (1_025, 1_049), (1_050, 1_059)]);
        assert_eq!(range.free(), 40);
        assert!(range.is_reserved(1_010) && range.is_reserved(1_059) && !range.is_reserved(1_060));
        let slices: Vec<(u16, u16)> = (0..4).map(|worker| range.slice(worker, 4).expect("enough")).collect();
        assert_eq!(slices, [(1_000, 1_009), (1_060, 1_069), (1_070, 1_079), (1_080, 1_089)]);
        let across = range.slice(0, 2).expect("enough");
        assert_eq!(across, (1_000, 1_069), "with a gap that the kernel passes over");
    }
}
