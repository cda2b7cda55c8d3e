//! Full collections in the lines of a JVM's garbage collection log.
//!
//! Reads a line, keeps nothing. Both formats: unified (`-Xlog:gc`, Java 9 and later) and the older one (Java 8,
//! `-XX:+PrintGCDetails`). Invariant: each collection is seen in one of its lines, the one with its time.

/// Returns how long a full collection took, in milliseconds, if this line says that one is over.
pub fn full_gc_ms(line: &[u8]) -> Option<f64> {
    memchr::memmem::find(line, b"Full")?;
    // What is not UTF-8 is not a JVM's.
    let line = std::str::from_utf8(line).ok()?;
    if let Some((_, event)) = line.split_once("Pause Full") {
        return number(event.trim_end().strip_suffix("ms")?);
    }
    let (_, event) = line.split_once("[Full GC")?;
    let event = event.split("[Times:").next().unwrap_or(event);
    let (before, _) = event.rsplit_once(" secs]")?;
    number(before).map(|seconds| seconds * 1_000.0)
}

/// The number at the text's end, whatever its decimal mark.
fn number(text: &str) -> Option<f64> {
    let digits = text.rsplit(' ').next()?.replace(',', ".");
    digits.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_collections_are_seen_with_their_time() {
        for (line, ms) in [
            ("[123.456s][info][gc] GC(7) Pause Full (System.gc()) 512M->300M(1024M) 1234.567ms", 1234.567),
            (
                "[2026-11-28T20:04:00.123+0900][info][gc             ] GC(8) Pause Full (G1 Compaction Pause) 9M->8M(24M) 10.1ms  ",
                10.1,
            ),
            ("[0,5s][info][gc] GC(7) Pause Full (Allocation Failure) 512M->300M(1024M) 1234,5ms", 1234.5),
            ("1.234: [Full GC (System.gc())  1023K->512K(2048K), 1.5000000 secs]", 1500.0),
            (
                "2026-11-28T20:04:00.123+0900: 9.1: [Full GC (Ergonomics) [PSYoungGen: 1K->0K(2K)] [ParOldGen: 1K->1K(2K)] \
                 2K->1K(4K), [Metaspace: 3K->3K(5K)], 0.2500000 secs] [Times: user=0.30 sys=0.01, real=0.12 secs]",
                250.0,
            ),
            (
                "5.1: [Full GC (Allocation Failure) 5.1: [CMS: 1K->1K(2K), 0.0123 secs] 2K->1K(3K), 0.0125 secs]",
                12.5,
            ),
        ] {
            assert_eq!(full_gc_ms(line.as_bytes()), Some(ms), "{line}");
        }
    }

    #[test]
    fn other_lines_are_not_full_collections() {
        for line in [
            "[1.2s][info][gc] GC(3) Pause Young (Normal) (G1 Evacuation Pause) 24M->4M(256M) 3.214ms",
            // With -Xlog:gc*, the start, the phases and the heap have lines of their own.
            "[1.2s][info][gc,start    ] GC(7) Pause Full (System.gc())",
            "[1.2s][info][gc,heap     ] GC(7) Eden regions: 1->0(2)",
            "1.0: [GC (Allocation Failure)  1023K->512K(2048K), 0.0014 secs]",
            "[Full GC (Ergonomics) ",
            "[1.2s][info][gc] GC(7) Pause Full (x) inf ms",
            "Full speed ahead, 12ms",
            "",
        ] {
            assert_eq!(full_gc_ms(line.as_bytes()), None, "{line}");
        }
        assert_eq!(full_gc_ms(b"\xff Pause Full 1.0ms"), None);
    }
}
