//! Cookies of one session with one host (RFC 6265): what answers set, and what requests then carry.
//!
//! Made for a load test's client: everything goes back to the one host that set it, so `Domain`,
//! `Path`, `Secure` and `SameSite` are not looked at. Invariant: a jar holds at most
//! [`COOKIES_MAX`] cookies of [`COOKIE_BYTES_MAX`] bytes, and no byte that would end a header
//! field.

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

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

/// `Thu, 01 Jan 1970 00:00:00 GMT`, or with dashes, as old servers write it.
fn date(text: &str) -> Option<Timestamp> {
    // The weekday adds nothing, and is wrong often enough for parsers to mind.
    let date = text.split_once(", ").map_or(text, |(_, date)| date).replace('-', " ");
    DateTimeParser::new().parse_timestamp(date).ok()
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
