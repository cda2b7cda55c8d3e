//! When a server wants to be asked again: `Retry-After` (RFC 9110, 10.2.3).
//!
//! Knows no clock. Invariant: what cannot be read is none.

use std::time::Duration;

use super::cookies::date;

/// The longest wait that is believed.
const WAIT_MAX: Duration = Duration::from_secs(9 * 3600);

/// Returns how long to wait by this field, at this Unix time: seconds, or a date.
pub fn retry_after(field: &str, now_s: i64) -> Option<Duration> {
    let field = field.trim();
    let seconds = match field.bytes().all(|byte| byte.is_ascii_digit()) {
        true => field.parse::<u64>().ok()?,
        false => u64::try_from(date(field)?.as_second() - now_s).unwrap_or(0),
    };
    Some(Duration::from_secs(seconds).min(WAIT_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_waits_and_nothing_else_is() {
        let at = |field| retry_after(field, 784_111_777).map(|wait| wait.as_secs());
        assert_eq!((at("120"), at(" 0 ")), (Some(120), Some(0)));
        assert_eq!(at("Sun, 06 Nov 1994 08:50:07 GMT"), Some(30));
        assert_eq!(at("Sun, 06 Nov 1994 08:49:07 GMT"), Some(0), "the past is now");
        assert_eq!(at("99999999"), Some(9 * 3600));
        assert_eq!([at(""), at("soon"), at("-5"), at("99999999999999999999999")], [None; 4]);
    }
}
