//! One broadcast at one server, receiver by receiver: whether what is missing has a form.
//!
//! Knows no session. Invariant: a form is found though a few neighbours are swapped, since the order in
//! which sessions opened here is about that in which their server knew them, and is not found where
//! receivers are missing here and there.

/// The form of what is missing, in the order in which receivers opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Those after some receiver: the fan-out stopped there.
    Suffix,
    /// Those before some receiver.
    Prefix,
    /// Some in a row.
    Block,
    /// Here and there.
    Scattered,
}

impl Pattern {
    /// All of them, in their order.
    pub const ALL: [Self; 4] = [Self::Suffix, Self::Prefix, Self::Block, Self::Scattered];

    /// Its name in results.
    pub fn key(self) -> &'static str {
        match self {
            Self::Suffix => "last",
            Self::Prefix => "first",
            Self::Block => "block",
            Self::Scattered => "scattered",
        }
    }
}

/// Fewer than this many in a row are no block: any single receiver would be one.
const BLOCK_MIN: u32 = 3;

/// Of the rarer of reached and missing, one in this many may stand on the wrong side.
const SWAPPED: u32 = 8;

/// Receivers in their order. The longest row of missing ones is found as the greatest sum of +1 for a
/// missing one and -1 for a reached one (Kadane).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FanOut {
    receivers: u32,
    missing: u32,
    first_reached: Option<u32>,
    last_reached: Option<u32>,
    row: Row,
    best: Row,
}

/// Receivers in a row.
#[derive(Clone, Copy, Debug, Default)]
struct Row {
    /// Missing less reached.
    sum: u32,
    /// Reached before it began.
    before: u32,
    /// Reached before it ended.
    until: u32,
}

impl FanOut {
    /// The next receiver was reached, or was not.
    pub(super) fn next(&mut self, is_reached: bool) {
        self.receivers += 1;
        if is_reached {
            self.first_reached.get_or_insert(self.receivers);
            self.last_reached = Some(self.receivers);
            self.row.sum = self.row.sum.saturating_sub(1);
        } else {
            if self.row.sum == 0 {
                self.row.before = self.reached();
            }
            self.missing += 1;
            self.row.sum += 1;
        }
        self.row.until = self.reached();
        if self.row.sum > self.best.sum {
            self.best = self.row;
        }
    }

    /// How many there were.
    pub(super) fn receivers(&self) -> u32 {
        self.receivers
    }

    /// Which was the first one reached, from 1.
    pub(super) fn first_reached(&self) -> Option<u32> {
        self.first_reached
    }

    /// Which was the last.
    pub(super) fn last_reached(&self) -> Option<u32> {
        self.last_reached
    }

    pub(super) fn pattern(&self) -> Pattern {
        let rarer = self.missing.min(self.reached());
        let swapped = rarer / SWAPPED + u32::from(rarer >= 4);
        let outside = self.missing - self.best.sum;
        if outside > swapped {
            return Pattern::Scattered;
        }
        if self.reached() - self.best.until <= swapped {
            return Pattern::Suffix;
        }
        match self.best.before <= swapped {
            true => Pattern::Prefix,
            false if self.missing < BLOCK_MIN => Pattern::Scattered,
            false => Pattern::Block,
        }
    }

    fn reached(&self) -> u32 {
        self.receivers - self.missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `#` is reached, `.` is not.
    fn of(receivers: &str) -> FanOut {
        let mut fan_out = FanOut::default();
        receivers.chars().for_each(|one| fan_out.next(one == '#'));
        fan_out
    }

    #[test]
    fn a_form_is_found_through_swapped_neighbours() {
        for (receivers, pattern) in [
            ("######....", Pattern::Suffix),
            ("#.", Pattern::Suffix),
            ("......####", Pattern::Prefix),
            ("####....##", Pattern::Block),
            ("##########.#.........", Pattern::Suffix),
            (".#.#.#.#.#.#.#.#", Pattern::Scattered),
            ("##.##.#.##.##.#.##", Pattern::Scattered),
            ("#####.#####", Pattern::Scattered),
            ("....#..#########", Pattern::Prefix),
        ] {
            assert_eq!(of(receivers).pattern(), pattern, "{receivers}");
        }
        let fan_out = of("..#..##.");
        assert_eq!((fan_out.first_reached(), fan_out.last_reached()), (Some(3), Some(7)));
        assert_eq!(of("..").first_reached(), None);
    }

    /// Whatever their share: what is missing by chance has no form, once there are some.
    #[test]
    fn chance_has_no_form() {
        let mut random = fastrand::Rng::with_seed(1);
        for receivers in [60, 200, 2_000] {
            let mut scattered = 0;
            for _ in 0..200 {
                let share = random.f64() * 0.8 + 0.1;
                let mut fan_out = FanOut::default();
                (0..receivers).for_each(|_| fan_out.next(random.f64() < share));
                scattered += u32::from(fan_out.pattern() == Pattern::Scattered);
            }
            assert!(scattered >= 196, "{scattered} of 200 with {receivers} receivers");
        }
    }
}
