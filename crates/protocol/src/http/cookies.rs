//! Cookies of one session with one host (RFC 6265): what answers set, and what requests then carry.
//!
//! Made for a load test's client: everything goes back to the one host that set it, so `Domain`,
//! `Path`, `Secure` and `SameSite` are not looked at. Invariant: a jar holds at most
//! [`COOKIES_MAX`] cookies of [`COOKIE_BYTES_MAX`] bytes, and no byte that would end a header
//! field.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Cookies kept at most (RFC 6265, 6.1); the oldest goes.
pub const COOKIES_MAX: usize = 50;
/// Bytes of name and value at most (RFC 6265, 6.1); a longer one is not kept.
pub const COOKIE_BYTES_MAX: usize = 4096;

/// The cookies of a session, in the order in which they were first set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Jar {
    cookies: Vec<(String, String)>,
}

impl Jar {
    /// Takes note of a `Set-Cookie` field at this Unix time in seconds. What is not a cookie is
    /// ignored, as browsers do.
    pub fn set(&mut self, field: &str, now_s: i64) {
        let Some((name, value)) = parse(field) else { return };
        let place = self.cookies.iter().position(|(known, _)| known == name);
        match (place, is_expired(field, now_s)) {
            (Some(place), true) => {
                self.cookies.remove(place);
            }
            (None, true) => {}
            (Some(place), false) => self.cookies[place].1 = value.to_owned(),
            (None, false) => {
                if self.cookies.len() == COOKIES_MAX {
                    self.cookies.remove(0);
                }
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    /// Appends the `Cookie` field, if there is anything to say in it.
    pub fn write_field(&self, out: &mut Vec<u8>) {
        for (k, (name, value)) in self.cookies.iter().enumerate() {
            out.extend_from_slice(if k == 0 { b"Cookie: " } else { b"; " });
            out.extend_from_slice(name.as_bytes());
            out.push(b'=');
            out.extend_from_slice(value.as_bytes());
        }
        if !self.cookies.is_empty() {
            out.extend_from_slice(b"\r\n");
        }
    }

    /// The value of the `Cookie` field; `None` if there is nothing to say in it.
    pub fn field_value(&self) -> Option<String> {
        let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}

/// Name and value of a `Set-Cookie` field (RFC 6265, 5.2); `None` if it is not one that can be
/// kept.
pub fn parse(field: &str) -> Option<(&str, &str)> {
    let pair = field.split(';').next()?;
    let (name, value) = pair.split_once('=')?;
    let (name, value) = (name.trim_matches([' ', '\t']), value.trim_matches([' ', '\t']));
    let fits = !name.is_empty() && name.len() + value.len() <= COOKIE_BYTES_MAX;
    // A tab may stand in a header field, so it is not what a request has to be kept from.
    let is_harmful = |c: char| c.is_control() && c != '\t';
    (fits && !pair.contains(is_harmful)).then_some((name, value))
}

/// Whether a `Set-Cookie` field takes its cookie away: `Max-Age` wins over `Expires` (RFC 6265, 5.3).
fn is_expired(field: &str, now_s: i64) -> bool {
    let attribute = |wanted: &str| {
        // The last of a name counts.
        let attributes = field.split(';').skip(1).filter_map(|attribute| attribute.split_once('='));
        attributes
            .filter(|(name, _)| name.trim().eq_ignore_ascii_case(wanted))
            .last()
            .map(|(_, value)| value.trim())
    };
    let max_age = attribute("Max-Age").and_then(|value| value.parse::<i64>().ok());
    match (max_age, attribute("Expires").and_then(date)) {
        (Some(seconds), _) => seconds <= 0,
        (None, Some(at)) => at.as_second() <= now_s,
        (None, None) => false,
    }
}

/// A date in whatever form servers write it (RFC 6265, 5.1.1): the first of its words that can be a
/// time, a day, a month, a year are these; a year of two digits is near.
pub(super) fn date(text: &str) -> Option<Timestamp> {
    let is_delimiter = |c: char| !(c.is_ascii_alphanumeric() || c == ':' || c as u32 >= 0x7f);
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for word in text.split(is_delimiter).filter(|word| !word.is_empty()) {
        if time.is_none() && word.contains(':') {
            time = clock(word);
        } else if day.is_none() && matches!(digits(word).len(), 1 | 2) {
            day = digits(word).parse::<i8>().ok();
        } else if month.is_none() && month_of(word).is_some() {
            month = month_of(word);
        } else if year.is_none() && (2..=4).contains(&digits(word).len()) {
            year = digits(word).parse::<i16>().ok();
        }
    }
    let year = match year? {
        year @ 70..=99 => year + 1900,
        year @ 0..=69 => year + 2000,
        year => year,
    };
    let ((hour, minute, second), in_range) = (time?, year >= 1601);
    let at = DateTime::new(year, month?, day?, hour, minute, second, 0).ok().filter(|_| in_range)?;
    at.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp())
}

/// The digits that a word begins with.
fn digits(word: &str) -> &str {
    word.split_at(word.bytes().take_while(u8::is_ascii_digit).count()).0
}

/// `hh:mm:ss`, each of one or two digits.
fn clock(word: &str) -> Option<(i8, i8, i8)> {
    let mut parts = word.split(':').map(digits).filter(|part| part.len() <= 2).map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?))
}

fn month_of(word: &str) -> Option<i8> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let start = word.get(..3)?;
    let at = MONTHS.iter().position(|month| start.eq_ignore_ascii_case(month))?;
    Some(at as i8 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_S: i64 = 1_750_000_000;

    fn jar(fields: &[&str]) -> Option<String> {
        let mut jar = Jar::default();
        fields.iter().for_each(|field| jar.set(field, NOW_S));
        let mut written = Vec::new();
        jar.write_field(&mut written);
        let value = jar.field_value();
        let wanted = value.as_ref().map_or(String::new(), |value| format!("Cookie: {value}\r\n"));
        assert_eq!(String::from_utf8(written).expect("text"), wanted, "both ways of saying it agree");
        value
    }

    #[test]
    fn cookies_go_back_in_the_order_in_which_they_were_set() {
        let fields = ["SID=31d4; Path=/; HttpOnly", "lang=en-US", " theme = dark ;Secure", "SID=77"];
        assert_eq!(jar(&fields).as_deref(), Some("SID=77; lang=en-US; theme=dark"));
    }

    #[test]
    fn values_are_kept_as_they_are() {
        assert_eq!(jar(&["a=\"q=1\"=="]).as_deref(), Some("a=\"q=1\"=="));
        assert_eq!(jar(&["a="]).as_deref(), Some("a="));
    }

    #[test]
    fn tabs_around_a_value_are_space() {
        assert_eq!(jar(&["a\t=\t1\t; Path=/", "\tb=2"]).as_deref(), Some("a=1; b=2"));
    }

    #[test]
    fn expired_cookies_go() {
        assert_eq!(jar(&["a=1", "a=; Max-Age=0"]), None);
        assert_eq!(jar(&["a=1", "a=x; expires=Thu, 01 Jan 1970 00:00:00 GMT"]), None);
        assert_eq!(jar(&["a=1", "a=x; Expires=Thu, 01-Jan-1970 00:00:00 GMT"]), None);
        assert_eq!(jar(&["a=1; Expires=Fri, 01 Jan 2100 00:00:00 GMT"]).as_deref(), Some("a=1"));
        assert_eq!(jar(&["a=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT"]).as_deref(), Some("a=1"));
        assert_eq!(jar(&["a=1; Expires=soon"]).as_deref(), Some("a=1"));
    }

    #[test]
    fn dates_may_have_any_form_that_servers_write() {
        let at = |text: &str| date(text).map(|at| at.to_string());
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "06 november 1994 8:49:37",
            "6 94 Nov 08:49:37.5",
        ] {
            assert_eq!(at(text).as_deref(), Some("1994-11-06T08:49:37Z"), "{text}");
        }
        assert_eq!(at("Fri, 01-Jan-38 00:00:00 GMT").as_deref(), Some("2038-01-01T00:00:00Z"));
        assert_eq!(at("Thu Jan 01 00:00:00 70").as_deref(), Some("1970-01-01T00:00:00Z"));
        for text in
            ["", "soon", "1 Jan 2100", "31 Feb 2100 00:00:00", "1 Jan 1600 00:00:00", "1 Jan 2100 25:00:00"]
        {
            assert_eq!(at(text), None, "{text}");
        }
        assert_eq!(jar(&["a=1", "a=x; Expires=Sun Nov  6 08:49:37 1994"]), None);
        assert_eq!(jar(&["a=1", "a=x; Expires=Thu, 01-Jan-70 00:00:00 GMT"]), None);
    }

    #[test]
    fn what_is_no_cookie_is_ignored() {
        let long = format!("a={}", "x".repeat(COOKIE_BYTES_MAX));
        assert_eq!(jar(&["", "novalue", "=x", ";;;", "a\u{7}=1", "b=\r\nX: y", &long]), None);
    }

    #[test]
    fn a_jar_is_bounded() {
        let fields: Vec<String> = (0..60).map(|k| format!("c{k}=1")).collect();
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        let kept = jar(&fields).expect("some");
        assert_eq!(kept.split("; ").count(), COOKIES_MAX);
        assert!(kept.starts_with("c10=1") && kept.ends_with("c59=1"), "{kept}");
    }
}
