//! The grammar of numbers (RFC 8259, section 6), over any split.

/// What has come of a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Number {
    /// Nothing.
    #[default]
    Start,
    /// Its minus sign.
    Minus,
    /// A zero that begins it; no digit may follow.
    Zero,
    /// Digits before a point.
    Integer,
    /// The point.
    Point,
    /// Digits after it.
    Fraction,
    /// The e.
    Exponent,
    /// The exponent's sign.
    ExponentSign,
    /// The exponent's digits.
    ExponentDigits,
}

impl Number {
    /// Goes on over the start of `bytes`; returns how far.
    pub(super) fn take(mut self, bytes: &[u8]) -> (Self, usize) {
        let mut len = 0;
        while let Some(next) = bytes.get(len).and_then(|&byte| self.next(byte)) {
            self = next;
            len += 1;
            if matches!(self, Self::Integer | Self::Fraction | Self::ExponentDigits) {
                // Most of a number, with nothing to decide.
                let rest = bytes.get(len..).unwrap_or_default();
                len += rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            }
        }
        (self, len)
    }

    /// Whether it may end here.
    pub(super) fn is_whole(self) -> bool {
        matches!(self, Self::Zero | Self::Integer | Self::Fraction | Self::ExponentDigits)
    }

    fn next(self, byte: u8) -> Option<Self> {
        match (self, byte) {
            (Self::Integer, b'0'..=b'9') => Some(Self::Integer),
            (Self::Fraction, b'0'..=b'9') => Some(Self::Fraction),
            (Self::Start, b'-') => Some(Self::Minus),
            (Self::Start | Self::Minus, b'0') => Some(Self::Zero),
            (Self::Start | Self::Minus, b'1'..=b'9') => Some(Self::Integer),
            (Self::Zero | Self::Integer, b'.') => Some(Self::Point),
            (Self::Point, b'0'..=b'9') => Some(Self::Fraction),
            (Self::Zero | Self::Integer | Self::Fraction, b'e' | b'E') => Some(Self::Exponent),
            (Self::Exponent, b'+' | b'-') => Some(Self::ExponentSign),
            (Self::Exponent | Self::ExponentSign | Self::ExponentDigits, b'0'..=b'9') => {
                Some(Self::ExponentDigits)
            }
            _ => None,
        }
    }
}
