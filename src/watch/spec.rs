//! The kinds of sources: the one table of them, and what a block says about a source.
//!
//! A new kind is a file, a variant and a row. Opens nothing before [`Spec::open`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::log::feed::Since;
use super::log::{self, Log};
use super::metrics::{self, Metrics};
use super::nginx::{self, Nginx};
use super::page::{self, Page};
use super::place::{Result, Variables};
use super::prometheus::{self, Prometheus};
use super::redis::{self, Redis, RedisSource, Role};
use super::source::{Reading, Source, Unseen};
use super::tcp::{self, Tcp};
use crate::lang::{Reason, Sentence};
use crate::scenario::document::Section;

/// Between two looks of a source that is tried.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// A source as its blocks describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spec {
    /// A Prometheus server.
    Prometheus(Prometheus),
    /// A page of metrics.
    Metrics(Metrics),
    /// A Redis server.
    Redis(Redis),
    /// An nginx.
    Nginx(Nginx),
    /// A log.
    Log(Log),
    /// A page.
    Page(Page),
    /// A port.
    Tcp(Tcp),
    /// A source of this kind that nobody has said the place of: its items are not measured.
    Absent(&'static str),
}

/// What sources reach others with.
#[derive(Clone, Debug)]
pub struct Network {
    /// For Redis over TLS; none: there is nobody to trust.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// For pages: the trust and the addresses of the run.
    pub agent: ureq::Agent,
}

/// A kind of source.
pub(super) struct Kind {
    /// As `source` has it.
    pub name: &'static str,
    /// Its keys, besides those of every block.
    pub keys: &'static [&'static str],
    /// Reads them; `None` if the block leaves out where the source is.
    pub read: fn(&Section<'_>, Variables<'_>) -> Result<Option<Spec>>,
    /// Why an expression makes no sense to it, and what would.
    pub check: fn(&str) -> std::result::Result<(), String>,
    /// How to say where it is.
    pub place: Reason,
}

/// All kinds.
pub(super) const KINDS: [Kind; 8] = [
    Kind {
        name: "prometheus",
        keys: &prometheus::KEYS,
        read: |section, variables| Ok(Prometheus::from_section(section, variables)?.map(Spec::Prometheus)),
        check: |_| Ok(()),
        place: Reason::GivePrometheus,
    },
    Kind {
        name: "metrics",
        keys: &metrics::KEYS,
        read: |section, variables| Ok(Metrics::from_section(section, variables)?.map(Spec::Metrics)),
        check: metrics::check,
        place: Reason::GivePage,
    },
    Kind {
        name: "redis",
        keys: &redis::KEYS,
        read: |section, variables| Ok(Redis::from_section(section, variables)?.map(Spec::Redis)),
        check: redis::check,
        place: Reason::GiveRedis,
    },
    Kind {
        name: "redis-pubsub",
        keys: &redis::KEYS,
        read: |section, variables| {
            let redis = Redis::from_section(section, variables)?;
            Ok(redis.map(|it| Spec::Redis(it.as_role(Role::PubSub))))
        },
        check: redis::check,
        place: Reason::GivePubsub,
    },
    Kind {
        name: "nginx",
        keys: &nginx::KEYS,
        read: |section, variables| Ok(Nginx::from_section(section, variables)?.map(Spec::Nginx)),
        check: nginx::check,
        place: Reason::GiveNginx,
    },
    Kind {
        name: "log",
        keys: &log::KEYS,
        read: |section, _| Ok(Log::from_section(section)?.map(Spec::Log)),
        check: log::check,
        place: Reason::GiveLog,
    },
    Kind {
        name: "page",
        keys: &page::KEYS,
        read: |section, variables| Ok(Page::from_section(section, variables)?.map(Spec::Page)),
        check: tcp::check,
        place: Reason::GiveUrl,
    },
    Kind {
        name: "tcp",
        keys: &tcp::KEYS,
        read: |section, _| Ok(Tcp::from_section(section)?.map(Spec::Tcp)),
        check: tcp::check,
        place: Reason::GiveAddress,
    },
];

impl Spec {
    /// The name of its kind, as `source` has it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Prometheus(_) => "prometheus",
            Self::Metrics(_) => "metrics",
            Self::Redis(at) if at.role == Role::PubSub => "redis-pubsub",
            Self::Redis(_) => "redis",
            Self::Nginx(_) => "nginx",
            Self::Log(_) => "log",
            Self::Page(_) => "page",
            Self::Tcp(_) => "tcp",
            Self::Absent(kind) => kind,
        }
    }

    /// Where it is, without secrets; empty if nobody has said it.
    pub fn place(&self) -> String {
        match self {
            Self::Prometheus(at) => at.url.clone(),
            Self::Metrics(at) => at.url.clone(),
            Self::Redis(at) => at.place(),
            Self::Nginx(at) => at.place(),
            Self::Log(at) => at.origin.name(),
            Self::Page(at) => at.url.clone(),
            Self::Tcp(at) => at.place(),
            Self::Absent(_) => String::new(),
        }
    }

    /// How to say where a source of its kind is.
    pub fn how_to_place(&self) -> Sentence {
        KINDS.iter().find(|kind| kind.name == self.kind()).map(|kind| kind.place.into()).unwrap_or_default()
    }

    /// Why an expression makes no sense to this very source, though it does to others of its kind.
    pub(super) fn check(&self, expression: &str) -> std::result::Result<(), String> {
        match self {
            Self::Nginx(at) => at.check(expression),
            Self::Log(at) => at.check(expression),
            _ => Ok(()),
        }
    }

    /// Whether there is anything to read from it during a run.
    pub fn has_figures(&self) -> bool {
        !matches!(self, Self::Absent(_))
    }

    /// The source itself; `None` for what has no figures. The lines of a log count from now on.
    pub fn open(&self, network: &Network) -> Option<Box<dyn Source>> {
        self.open_since(network, Since::Now)
    }

    /// Looks until there is a figure for every expression, or a reason for none, or the deadline is over. The last
    /// lines of a log count as well.
    pub fn tried(&self, expressions: &[&str], network: &Network, deadline: Instant) -> Reading {
        let Some(mut source) = self.open_since(network, Since::Before) else { return Reading::default() };
        loop {
            let reading = source.look(expressions, deadline);
            let is_early =
                |value: &std::result::Result<f64, Unseen>| value.as_ref().is_err_and(|it| it.is_early);
            if !reading.values.iter().any(is_early)
                || !reading.events.is_empty()
                || Instant::now() >= deadline
            {
                return reading;
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
    }

    fn open_since(&self, network: &Network, since: Since) -> Option<Box<dyn Source>> {
        match self {
            Self::Prometheus(at) => Some(Box::new(at.open(network))),
            Self::Metrics(at) => Some(Box::new(at.open(network))),
            Self::Redis(at) => Some(Box::new(RedisSource::new(at, network.tls.clone()))),
            Self::Nginx(at) => Some(at.open(network, since)),
            Self::Log(at) => Some(at.open(since)),
            Self::Page(at) => Some(at.open(network)),
            Self::Tcp(at) => Some(at.open()),
            Self::Absent(_) => None,
        }
    }
}
