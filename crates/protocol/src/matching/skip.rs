//! Passes over what is left of an object, over any split, by its quotes and brackets alone.
//!
//! Most of a list of members is fields that nobody asks for: sixteen bytes at a time, their grammar
//! unchecked. Invariant: in valid JSON the end that it finds is the object's.

/// How far an object has been passed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Skip {
    /// Containers open inside it.
    depth: u32,
    in_text: bool,
    /// The last byte was a backslash that escapes the next.
    is_escaped: bool,
}

/// Bytes looked at together.
const BLOCK: usize = 16;

/// Where in a block the bytes are that matter, the first in the lowest bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Marks {
    quotes: u16,
    backslashes: u16,
    /// `{` and `[`.
    opening: u16,
    /// `}` and `]`.
    closing: u16,
}

impl Skip {
    /// Takes the next piece: where the object has ended in it, behind its bracket; `None` if it has not.
    #[inline]
    pub(super) fn take(&mut self, piece: &[u8]) -> Option<usize> {
        let (blocks, rest) = piece.as_chunks::<BLOCK>();
        for (k, block) in blocks.iter().enumerate() {
            let marks = Marks::of(block);
            let end = match marks.backslashes == 0 && !self.is_escaped {
                true => self.take_block(marks),
                false => self.take_bytes(block),
            };
            if let Some(end) = end {
                return Some(k * BLOCK + end);
            }
        }
        self.take_bytes(rest).map(|end| blocks.len() * BLOCK + end)
    }

    /// A block without escapes.
    #[inline]
    fn take_block(&mut self, marks: Marks) -> Option<usize> {
        // Bit k: an odd number of quotes has come up to byte k.
        let mut in_text = marks.quotes;
        for shift in [1, 2, 4, 8] {
            in_text ^= in_text << shift;
        }
        in_text ^= if self.in_text { u16::MAX } else { 0 };
        self.in_text = in_text >> (BLOCK - 1) == 1;
        let mut left = (marks.opening | marks.closing) & !in_text;
        while left != 0 {
            let at = left.trailing_zeros();
            left &= left - 1;
            if marks.opening >> at & 1 == 1 {
                self.depth = self.depth.saturating_add(1);
            } else if self.depth == 0 {
                return Some(at as usize + 1);
            } else {
                self.depth -= 1;
            }
        }
        None
    }

    fn take_bytes(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                _ if std::mem::take(&mut self.is_escaped) => {}
                b'"' => self.in_text = !self.in_text,
                b'\\' => self.is_escaped = true,
                _ if self.in_text => {}
                b'{' | b'[' => self.depth = self.depth.saturating_add(1),
                b'}' | b']' if self.depth == 0 => return Some(at + 1),
                b'}' | b']' => self.depth -= 1,
                _ => {}
            }
        }
        None
    }
}

impl Marks {
    #[cfg(target_arch = "x86_64")]
    #[inline]
    fn of(block: &[u8; BLOCK]) -> Self {
        // SAFETY: every x86-64 has SSE2, and nothing else is asked of it.
        unsafe { Self::by_sse2(block) }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "sse2")]
    #[inline]
    fn by_sse2(block: &[u8; BLOCK]) -> Self {
        use std::arch::x86_64::{
            _mm_cmpeq_epi8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x, _mm_set1_epi8,
        };
        let number = u128::from_le_bytes(*block);
        let bytes = _mm_set_epi64x((number >> 64) as i64, number as i64);
        // A bit turns both brackets of a kind into one byte, and nothing else.
        let folded = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
        let equal =
            |bytes, byte: u8| _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte as i8))) as u16;
        Self {
            quotes: equal(bytes, b'"'),
            backslashes: equal(bytes, b'\\'),
            opening: equal(folded, b'{'),
            closing: equal(folded, b'}'),
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    #[inline]
    fn of(block: &[u8; BLOCK]) -> Self {
        Self::one_by_one(block)
    }

    #[cfg(any(test, not(target_arch = "x86_64")))]
    fn one_by_one(block: &[u8; BLOCK]) -> Self {
        let bits = |is_it: &dyn Fn(u8) -> bool| {
            block.iter().enumerate().fold(0, |bits, (k, byte)| bits | u16::from(is_it(*byte)) << k)
        };
        Self {
            quotes: bits(&|byte| byte == b'"'),
            backslashes: bits(&|byte| byte == b'\\'),
            opening: bits(&|byte| matches!(byte, b'{' | b'[')),
            closing: bits(&|byte| matches!(byte, b'}' | b']')),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_marked_as_what_it_is() {
        for byte in 0..=u8::MAX {
            let mut block = [b'x'; BLOCK];
            block[usize::from(byte) % BLOCK] = byte;
            assert_eq!(Marks::of(&block), Marks::one_by_one(&block), "{byte}");
        }
    }

    #[test]
    fn an_object_ends_at_its_own_bracket_in_any_split() {
        let long = "x".repeat(40);
        for rest in [
            "}",
            r#","a":1}"#,
            r#","a":"}","b":{"c":[{},[]]},"d":"\"}","e":"\\"}"#,
            r#","nickname":"테스트유저13","profileImage":"https://img.example/a.png","distance":0.0,"pace":0}"#,
            &format!(r#","a":"{long}\\\"{long}","b":[[{{"c":"]"}}]]}}"#),
        ] {
            let text = format!("{rest},{{\"a\":2}}]}}");
            for cut in 0..=text.len() {
                let (one, other) = text.as_bytes().split_at(cut);
                let mut skip = Skip::default();
                let end = skip.take(one).or_else(|| skip.take(other).map(|end| cut + end));
                assert_eq!(end, Some(rest.len()), "{rest} cut at {cut}");
            }
        }
    }

    #[test]
    fn what_does_not_end_goes_on() {
        let mut skip = Skip::default();
        assert_eq!(skip.take(&[b'['; 1_000]), None);
        assert_eq!(skip.take(&[b']'; 1_000]), None);
        assert_eq!(skip.take(b"  }"), Some(3));
    }
}
