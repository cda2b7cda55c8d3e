//! A text of a plan's, cut into what it says and what it refers to.
//!
//! Knows the form of `${…}`, not what a name stands for. Invariant: what is not of this form is text.

/// Braces within braces, at most: what is in more is text, since functions are read by recursion.
const DEPTH_MAX: u32 = 64;

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    /// What is text.
    Text(&'t str),
    /// `${name}`
    Variable(&'t str),
    /// `${__name(arguments)}`
    Function(&'t str, Vec<&'t str>),
}

/// A function as it stood.
pub(super) fn whole(name: &str, arguments: &[&str]) -> String {
    match arguments {
        [] => format!("${{{name}}}"),
        arguments => format!("${{{name}({})}}", arguments.join(",")),
    }
}

/// Cuts a text into what it says and what it refers to.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut begin, mut at) = (0, 0);
    while let Some(found) = text[at..].find("${") {
        let dollar = at + found;
        let Some(end) = end_of(&text[dollar + 2..]) else { break };
        let inner = &text[dollar + 2..dollar + 2 + end];
        at = dollar + 2 + end + 1;
        let Some(piece) = reference(inner) else { continue };
        if dollar > begin {
            pieces.push(Piece::Text(&text[begin..dollar]));
        }
        pieces.push(piece);
        begin = at;
    }
    if begin < text.len() {
        pieces.push(Piece::Text(&text[begin..]));
    }
    pieces
}

/// Where the brace ends that is open here.
pub(super) fn end_of(text: &str) -> Option<usize> {
    let mut depth = 1_u32;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
        if depth > DEPTH_MAX {
            return None;
        }
    }
    None
}

fn reference(inner: &str) -> Option<Piece<'_>> {
    if !inner.starts_with("__") {
        let fits = !inner.is_empty() && !inner.contains(['{', '}', '"', '\n', '$']);
        return fits.then_some(Piece::Variable(inner.trim()));
    }
    match inner.split_once('(') {
        None => Some(Piece::Function(inner.trim(), Vec::new())),
        Some((name, rest)) => {
            let arguments = rest.trim_end().strip_suffix(')')?;
            Some(Piece::Function(name.trim(), arguments_of(arguments)))
        }
    }
}

/// Arguments between commas that are in no braces or brackets.
fn arguments_of(text: &str) -> Vec<&str> {
    let (mut arguments, mut begin, mut depth) = (Vec::new(), 0, 0_i32);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' | b'(' => depth += 1,
            b'}' | b')' => depth -= 1,
            b',' if depth == 0 => {
                arguments.push(&text[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    arguments.push(&text[begin..]);
    if arguments == [""] { Vec::new() } else { arguments }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nested_too_deeply_is_text() {
        let nested = |depth: usize| "${__urlencode(".repeat(depth) + "x" + &")}".repeat(depth);
        assert!(matches!(pieces(&nested(60))[..], [Piece::Function("__urlencode", _)]));
        let deep = nested(100_000);
        assert_eq!(pieces(&deep), [Piece::Text(&deep)]);
    }
}
