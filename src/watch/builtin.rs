//! The built-in set of figures: the guide's limits for Runnity's servers.
//!
//! A file like any other, `watch/runnity.toml`. Invariant: it reads, whatever sources are given; what
//! has no source stays in it and is not measured.

use super::file::{Given, Watch};
use super::place::Result;
use super::spec::Spec;

/// Its name.
pub const RUNNITY: &str = "runnity";
/// Its text.
pub const RUNNITY_TOML: &str = include_str!("../../watch/runnity.toml");

/// The set with these sources.
///
/// # Errors
/// None: a test reads it.
pub fn runnity(given: &[Spec]) -> Result<Watch> {
    let file = "the built-in watch/runnity.toml";
    Watch::read(file, RUNNITY_TOML, &|_| None, Given { sources: given, may_be_absent: true })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::prometheus::Prometheus;
    use crate::watch::query;

    #[test]
    fn the_set_reads_and_has_one_expression_for_both_answerers() {
        let given = [Spec::Prometheus(Prometheus::at("http://p:9090").expect("a URL"))];
        let watch = runnity(&given).unwrap_or_else(|error| panic!("{error}"));
        let of_prometheus = watch.sources.iter().filter(|source| source.spec.kind() == "prometheus");
        for item in of_prometheus.flat_map(|source| &source.items) {
            query::parse(&item.expression).unwrap_or_else(|why| panic!("{}: {why}", item.name));
        }
        assert!(watch.items().count() >= 20, "{}", watch.items().count());
    }
}
