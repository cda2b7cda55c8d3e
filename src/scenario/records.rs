//! Compiles how messages are framed, and cut into records: `separator`, `elements`, `frames`.
//!
//! Knows no kind. Invariant: a message is cut in one way at most.

use memchr::memmem::Finder;
use startline_protocol::matching::Elements;

use super::document::Section;
use super::request::Result;

/// Bytes of a separator at most.
const SEPARATOR_BYTES_MAX: usize = 16;

/// What stands between two records.
pub(super) fn separator(section: &Section<'_>) -> Result<Option<Finder<'static>>> {
    if !section.has("separator") {
        return Ok(None);
    }
    let text = section.required_text("separator")?;
    if text.value.len() > SEPARATOR_BYTES_MAX {
        let message = format!("{SEPARATOR_BYTES_MAX} bytes at most");
        return Err(section.error("separator", text.span, message));
    }
    Ok(Some(Finder::new(text.value).into_owned()))
}

/// The array whose elements are records.
pub(super) fn elements(section: &Section<'_>) -> Result<Option<Elements>> {
    let Some(text) = section.text("elements")? else { return Ok(None) };
    let wrong = |why: String| Err(section.error("elements", text.span.clone(), why));
    if section.has("separator") {
        return wrong("records are cut by \"separator\" or are \"elements\", not both".into());
    }
    match Elements::parse(text.value) {
        Ok(elements) => Ok(Some(elements)),
        Err(_) => wrong(format!(
            "\"{}\": it is a pointer to the array, such as \"/events\", or \"\" where the message is the array",
            text.value
        )),
    }
}

/// Whether messages are sent in binary frames.
pub(super) fn is_binary(section: &Section<'_>) -> Result<bool> {
    match section.text("frames")? {
        None => Ok(false),
        Some(text) if text.value == "text" => Ok(false),
        Some(text) if text.value == "binary" => Ok(true),
        Some(text) => {
            let message = format!("\"{}\" is neither \"text\" nor \"binary\"", text.value);
            Err(section.error("frames", text.span, message))
        }
    }
}
