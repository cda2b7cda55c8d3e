//! A Redis server, asked itself.

use super::place::{self, Result, Secret, Variables};
use crate::scenario::document::Section;

/// Keys of its blocks, besides those of every block.
pub(super) const KEYS: [&str; 2] = ["address", "password_env"];
/// Redis's own.
const PORT: u16 = 6379;

/// Where a Redis server is, and how it lets us in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redis {
    /// Where it is.
    pub host: String,
    /// And its port.
    pub port: u16,
    /// Its password, from the environment.
    pub password: Option<Secret>,
}

impl Redis {
    /// The server at an address that an option gives.
    ///
    /// # Errors
    /// What is wrong with it, and what to write.
    pub fn at(address: &str) -> std::result::Result<Self, String> {
        let (host, port) = place::host_and_port(address, Some(PORT))?;
        Ok(Self { host, port, password: None })
    }

    /// Reads a block's keys; `None` if it does not say where the server is.
    pub(super) fn from_section(section: &Section<'_>, variables: Variables<'_>) -> Result<Option<Self>> {
        if !section.has("address") {
            return Ok(None);
        }
        let address = section.required_text("address")?;
        let at = Self::at(address.value).map_err(|why| section.error("address", address.span, why))?;
        Ok(Some(Self { password: place::password(section, variables)?, ..at }))
    }
}
