//! A Prometheus server that scrapes the servers: its answers to expressions in PromQL.

use super::place::{self, Result, Secret, Variables};
use crate::scenario::document::Section;

/// Keys of its blocks, besides those of every block.
pub(super) const KEYS: [&str; 3] = ["url", "targets", "headers"];

/// A Prometheus server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prometheus {
    /// Its URL, without a slash at the end.
    pub url: String,
    /// Jobs or instances that must be up; none: all active targets must.
    pub targets: Vec<String>,
    /// What its requests have to say besides.
    pub headers: Vec<(String, Secret)>,
}

impl Prometheus {
    /// The server at a URL that an option gives.
    ///
    /// # Errors
    /// What is wrong with it, and what to write.
    pub fn at(url: &str) -> std::result::Result<Self, String> {
        let url = place::checked_url(url)?;
        if url.query().is_some() {
            return Err("it has a query: give the server's own URL".to_owned());
        }
        let url = url.as_str().trim_end_matches('/').to_owned();
        Ok(Self { url, targets: Vec::new(), headers: Vec::new() })
    }

    /// Reads a block's keys; `None` if it does not say where the server is.
    pub(super) fn from_section(section: &Section<'_>, variables: Variables<'_>) -> Result<Option<Self>> {
        let Some(url) = place::url(section)? else { return Ok(None) };
        let at = Self::at(url.as_str()).map_err(|why| section.error("url", section.place("url"), why))?;
        let targets = section.texts("targets")?;
        if section.has("targets") && targets.is_empty() {
            let why = "the list is empty: leave it out for all targets";
            return Err(section.error("targets", section.place("targets"), why));
        }
        Ok(Some(Self {
            targets: targets.iter().map(|text| text.value.to_owned()).collect(),
            headers: place::headers(section, variables)?,
            ..at
        }))
    }
}
