//! A page that must answer: Grafana, a health page.

use super::place::{self, Result, Variables};
use crate::scenario::document::Section;

/// Keys of its blocks, besides those of every block.
pub(super) const KEYS: [&str; 3] = ["url", "contains", "status"];

/// A page that must answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Where it is.
    pub url: String,
    /// Text that it must contain.
    pub contains: Option<String>,
    /// The statuses it may have; none: any success.
    pub statuses: Vec<u16>,
}

impl Page {
    /// Reads a block's keys; `None` if it does not say where the page is.
    pub(super) fn from_section(section: &Section<'_>, _variables: Variables<'_>) -> Result<Option<Self>> {
        let Some(url) = place::url(section)? else { return Ok(None) };
        let contains = section.text("contains")?;
        if let Some(empty) = contains.as_ref().filter(|text| text.value.is_empty()) {
            return Err(section.error("contains", empty.span.clone(), "it is empty"));
        }
        Ok(Some(Self {
            url: url.into(),
            contains: contains.map(|text| text.value.to_owned()),
            statuses: section.statuses("status")?.unwrap_or_default(),
        }))
    }
}
