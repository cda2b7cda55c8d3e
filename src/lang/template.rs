//! Texts with numbered places, filled with arguments.
//!
//! Knows no language. Invariant: filling panics on nothing; a place without its argument is left
//! out.

/// Returns the arguments that a template uses, one bit each. For the compiler, which stops at a
/// template that is malformed.
///
/// # Panics
/// On a brace that begins or ends no place.
pub(crate) const fn places(template: &str) -> u32 {
    let bytes = template.as_bytes();
    let (mut used, mut at, mut is_inside) = (0, 0, false);
    while at < bytes.len() {
        match bytes[at] {
            b'{' => {
                assert!(!is_inside && at + 2 < bytes.len(), "a place in a place, or one cut off");
                assert!(bytes[at + 1].is_ascii_digit(), "a place begins with its argument's number");
                assert!(matches!(bytes[at + 2], b'}' | b'|'), "after the number comes its end or a bar");
                used |= 1 << (bytes[at + 1] - b'0');
                is_inside = true;
            }
            b'}' => {
                assert!(is_inside, "an end without its place");
                is_inside = false;
            }
            _ => {}
        }
        at += 1;
    }
    assert!(!is_inside, "a place is not closed");
    used
}

/// Returns the template with each place filled: `{0}` by the argument, `{0|one|many}` by one of its
/// words.
pub(crate) fn fill(template: &str, args: &[String]) -> String {
    let mut pieces = template.split('{');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (place, after) = piece.split_once('}').unwrap_or((piece, ""));
        text.push_str(place_filled(place, args));
        text.push_str(after);
    }
    text
}

fn place_filled<'t>(place: &'t str, args: &'t [String]) -> &'t str {
    let mut parts = place.split('|');
    let number = parts.next().and_then(|number| number.parse::<usize>().ok());
    let arg = number.and_then(|number| args.get(number)).map_or("", String::as_str);
    match (parts.next(), parts.next()) {
        (Some(one), Some(many)) => {
            if arg == "1" {
                one
            } else {
                many
            }
        }
        _ => arg,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_and_filled() {
        assert_eq!(places("{1} of {0} {0|one|many}"), 0b11);
        assert_eq!(places("nothing"), 0);
        assert_eq!(fill("{1} {1|row|rows} of {0} page{0||s}", &["2".into(), "1".into()]), "1 row of 2 pages");
    }

    #[test]
    fn an_argument_that_looks_like_a_place_is_text() {
        assert_eq!(fill("{0}, {1}", &["{1}".into(), "}{".into()]), "{1}, }{");
    }

    #[test]
    #[should_panic(expected = "a place is not closed")]
    fn a_malformed_template_stops_the_compiler() {
        places("{0} and {0|one");
    }
}
