//! The servers of a run by name, and the small numbers under which sessions keep theirs: one numbering
//! for all workers.
//!
//! A server is scheme, host and port, with the path where the servers returned the URL: there
//! several may stand behind one host. A host with more than [`PATHS_MAX`] paths is one server, since
//! then the paths tell sessions apart, not servers. Invariant: a session keeps one byte, whatever
//! URLs the servers return.

use std::sync::{Arc, Mutex, PoisonError};

/// Paths of one host that are servers of their own.
pub const PATHS_MAX: usize = 16;

/// A run's number for a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerIndex(pub u8);

impl ServerIndex {
    /// No server, or one beyond those that are told apart.
    pub const NONE: Self = Self(u8::MAX);
}

/// The names behind the numbers. Clones, one a worker, give the same numbers to the same servers.
#[derive(Clone, Debug, Default)]
pub struct ServerNames {
    /// Those that this one has met or looked up: the first of all.
    names: Vec<String>,
    /// Those of all clones. Locked only while a server is new to this one.
    all: Arc<Mutex<Vec<String>>>,
}

impl ServerNames {
    /// Returns the number of the server with this URL: `wss://host:port` or `wss://host:port/path`.
    pub fn index(&mut self, url: &str) -> ServerIndex {
        if let Ok(known) = self.find(url) {
            return known;
        }
        let all = Arc::clone(&self.all);
        let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
        self.names.extend_from_slice(&all[self.names.len()..]);
        let name = match self.find(url) {
            Ok(known) => return known,
            Err(name) => name.to_owned(),
        };
        if self.names.len() == usize::from(ServerIndex::NONE.0) {
            return ServerIndex::NONE;
        }
        all.push(name.clone());
        self.names.push(name);
        ServerIndex((self.names.len() - 1) as u8)
    }

    /// All of them by number, of all clones.
    pub fn all(&self) -> Vec<String> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The number of a URL's server, or the name that a new one would have.
    fn find<'u>(&self, url: &'u str) -> Result<ServerIndex, &'u str> {
        if let Some(known) = self.known(url) {
            return Ok(known);
        }
        let origin = origin(url);
        let paths = self.names.iter().filter(|name| is_path_of(name, origin)).count();
        let name = if paths < PATHS_MAX { url } else { origin };
        self.known(name).ok_or(name)
    }

    /// The URL of a server.
    pub fn name(&self, index: ServerIndex) -> Option<&str> {
        self.names.get(usize::from(index.0)).map(String::as_str)
    }

    fn known(&self, url: &str) -> Option<ServerIndex> {
        let known = self.names.iter().position(|name| name == url)?;
        Some(ServerIndex(known as u8))
    }
}

/// Scheme, host and port of a URL.
pub(super) fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url[host..].find('/').map_or(url.len(), |at| host + at);
    &url[..end]
}

/// Whether `url` is a path on the host of `origin`.
pub(super) fn is_path_of(url: &str, origin: &str) -> bool {
    url.strip_prefix(origin).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_paths_are_servers_and_many_are_not() {
        let mut names = ServerNames::default();
        let indices: Vec<_> = (0..1_000).map(|k| names.index(&format!("wss://one:443/ws/{k}"))).collect();
        assert_eq!(names.names.len(), PATHS_MAX + 1);
        assert_eq!(names.name(indices[3]), Some("wss://one:443/ws/3"));
        assert_eq!(names.name(indices[999]), Some("wss://one:443"));
        assert_eq!(names.index("wss://two/ws/a"), ServerIndex(PATHS_MAX as u8 + 1));
        assert_eq!(names.name(ServerIndex::NONE), None);
    }

    #[test]
    fn workers_give_a_server_one_number() {
        let mut one = ServerNames::default();
        let mut other = one.clone();
        assert_eq!(one.index("wss://a"), ServerIndex(0));
        assert_eq!(other.index("wss://b"), ServerIndex(1));
        assert_eq!((one.index("wss://b"), other.index("wss://a")), (ServerIndex(1), ServerIndex(0)));
        assert_eq!((one.name(ServerIndex(1)), one.all().len()), (Some("wss://b"), 2));
    }

    #[test]
    fn numbers_are_bounded() {
        let mut names = ServerNames::default();
        let last = (0..1_000).map(|k| names.index(&format!("ws://host-{k}"))).last();
        assert_eq!((last, names.names.len()), (Some(ServerIndex::NONE), 255));
    }
}
