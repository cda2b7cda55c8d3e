//! Cuts a stream of bytes into lines, however it arrives.
//!
//! Does not know what a line says, nor that it is UTF-8. Invariant: keeps at most [`LINE_BYTES_MAX`] bytes; of a
//! longer line only its beginning is seen.

/// Bytes of a line that are looked at.
pub const LINE_BYTES_MAX: usize = 64 << 10;

/// The line that is incomplete.
#[derive(Debug, Default)]
pub struct Lines {
    begun: Vec<u8>,
    /// The rest of this line is passed over, and the line itself not seen.
    is_skipping: bool,
}

impl Lines {
    /// Passes over the rest of a line that began before the first byte.
    pub fn in_mid_line() -> Self {
        Self { begun: Vec::new(), is_skipping: true }
    }

    /// Takes the next bytes; `each` sees every line that is complete, without its end.
    pub fn take(&mut self, bytes: &[u8], each: &mut dyn FnMut(&[u8])) {
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, after) = (&rest[..end], &rest[end + 1..]);
            rest = after;
            if std::mem::take(&mut self.is_skipping) {
                continue;
            }
            if self.begun.is_empty() {
                each(without_return(&line[..line.len().min(LINE_BYTES_MAX)]));
            } else {
                self.keep(line);
                each(without_return(&self.begun));
                self.begun.clear();
            }
        }
        if !self.is_skipping {
            self.keep(rest);
        }
    }

    /// The stream ended: what was begun is a line, too.
    pub fn end(&mut self, each: &mut dyn FnMut(&[u8])) {
        if !self.begun.is_empty() {
            each(without_return(&self.begun));
        }
        *self = Self::default();
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = LINE_BYTES_MAX - self.begun.len();
        self.begun.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(pieces: &[&[u8]], mut lines: Lines) -> Vec<Vec<u8>> {
        let mut seen = Vec::new();
        for piece in pieces {
            lines.take(piece, &mut |line| seen.push(line.to_vec()));
        }
        lines.end(&mut |line| seen.push(line.to_vec()));
        seen
    }

    #[test]
    fn lines_are_the_same_however_they_arrive() {
        let text: &[u8] = b"a\r\n\nbc\xff\nlast";
        let whole: Vec<Vec<u8>> = [&b"a"[..], b"", b"bc\xff", b"last"].map(<[u8]>::to_vec).into();
        assert_eq!(cut(&[text], Lines::default()), whole);
        let single: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(cut(&single, Lines::default()), whole);
        assert_eq!(cut(&[text], Lines::in_mid_line()), whole[1..]);
        assert_eq!(cut(&single, Lines::in_mid_line()), whole[1..]);
    }

    #[test]
    fn a_huge_line_costs_no_memory() {
        let mut lines = Lines::default();
        let mut seen = Vec::new();
        for _ in 0..100 {
            lines.take(&[b'x'; LINE_BYTES_MAX], &mut |line| seen.push(line.len()));
        }
        assert_eq!(lines.begun.len(), LINE_BYTES_MAX);
        lines.take(b"x\nshort\n", &mut |line| seen.push(line.len()));
        assert_eq!(seen, [LINE_BYTES_MAX, 5]);
        let at_once = [&[b'y'; 2 * LINE_BYTES_MAX][..], b"\n"].concat();
        lines.take(&at_once, &mut |line| seen.push(line.len()));
        assert_eq!(seen[2..], [LINE_BYTES_MAX]);
    }
}
