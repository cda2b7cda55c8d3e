//! A port that must answer: a database, a Kafka broker.
//!
//! Connects and sends nothing. Invariant: a look ends by its deadline, however slow the name's servers are.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::place::{self, Result};
use super::presence::{Look, Presence};
use super::source::{Reading, Source, Unseen};
use crate::lang::{Reason, Sentence};
use crate::scenario::document::Section;

/// Keys of its blocks, besides those of every block.
pub(super) const KEYS: [&str; 1] = ["address"];
/// What can be asked: whether it answers (1 or 0), and how many milliseconds that takes.
pub(super) const FIGURES: [&str; 2] = ["up", "ms"];

/// A port that must answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tcp {
    /// Where it is.
    pub host: String,
    /// And its port.
    pub port: u16,
}

impl Tcp {
    /// Reads a block's keys; `None` if it does not say where the port is.
    pub(super) fn from_section(section: &Section<'_>) -> Result<Option<Self>> {
        if !section.has("address") {
            return Ok(None);
        }
        let text = section.required_text("address")?;
        let address = place::host_and_port(text.value, None);
        let (host, port) = address.map_err(|why| section.error("address", text.span, why))?;
        Ok(Some(Self { host, port }))
    }

    /// Where it is.
    pub fn place(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Begins to watch it.
    pub(super) fn open(&self) -> Box<dyn Source> {
        Box::new(Watching { prober: Prober::new(self), place: self.place(), presence: Presence::default() })
    }

    /// Connects once, and returns how long that took.
    ///
    /// # Errors
    /// Why it does not answer.
    pub fn connect(&self, deadline: Instant) -> std::result::Result<Duration, String> {
        Prober::new(self).connect(deadline).map_err(|look| look.why().to_string())
    }
}

/// Why an expression makes no sense to what answers or not, and what would.
pub(super) fn check(expression: &str) -> std::result::Result<(), String> {
    match FIGURES.contains(&expression) {
        true => Ok(()),
        false => Err(format!(
            "{expression:?} is neither up (1 if it answers as it must, else 0) nor ms (its time)"
        )),
    }
}

/// The reading of something that answers, in this time, or does not.
pub(super) fn reading(
    expressions: &[&str],
    answered: &std::result::Result<Duration, Sentence>,
    presence: &mut Presence,
    look: &Look,
    place: &str,
) -> Reading {
    let value = |expression: &&str| match (*expression, answered) {
        ("up", answered) => Ok(f64::from(u8::from(answered.is_ok()))),
        (_, Ok(took)) => Ok(took.as_secs_f64() * 1e3),
        (_, Err(why)) => Err(Unseen::new(Reason::Place.with(place).with(why.clone()), "")),
    };
    let events = presence.after(look, place).into_iter().collect();
    Reading { values: expressions.iter().map(value).collect(), events }
}

struct Watching {
    prober: Prober,
    place: String,
    presence: Presence,
}

impl Source for Watching {
    fn look(&mut self, expressions: &[&str], deadline: Instant) -> Reading {
        let (answered, look) = match self.prober.connect(deadline) {
            Ok(took) => (Ok(took), Look::Answered),
            Err(look) => (Err(look.why()), look),
        };
        reading(expressions, &answered, &mut self.presence, &look, &self.place)
    }
}

/// Looks a name up and connects.
struct Prober {
    host: String,
    port: u16,
    /// The look-up that is under way: one at a time, since a hanging one cannot be stopped.
    resolving: Option<Receiver<std::result::Result<Vec<SocketAddr>, String>>>,
}

impl Prober {
    fn new(tcp: &Tcp) -> Self {
        Self { host: tcp.host.clone(), port: tcp.port, resolving: None }
    }

    fn connect(&mut self, deadline: Instant) -> std::result::Result<Duration, Look> {
        let addresses = self.resolve(deadline)?;
        let mut last = Look::Gone(Reason::NoAddress.into());
        for address in addresses {
            let began = Instant::now();
            let left = deadline.saturating_duration_since(began);
            if left.is_zero() {
                break;
            }
            match TcpStream::connect_timeout(&address, left) {
                Ok(_) => return Ok(began.elapsed()),
                Err(error) if error.kind() == std::io::ErrorKind::TimedOut => {
                    last = Look::Silent(Reason::NoAnswerWithin.with(format!("{:.1} s", left.as_secs_f64())));
                }
                Err(error) => last = Look::Gone(error.to_string().into()),
            }
        }
        Err(last)
    }

    fn resolve(&mut self, deadline: Instant) -> std::result::Result<Vec<SocketAddr>, Look> {
        let under_way = self.resolving.take().unwrap_or_else(|| {
            let (done, under_way) = channel();
            let place = (self.host.clone(), self.port);
            let resolve = move || {
                let found = place.to_socket_addrs().map(Iterator::collect).map_err(|error| error.to_string());
                // Nobody waits any more once the run is over.
                let _ = done.send(found);
            };
            // Without a thread the channel is closed at once, and the look fails.
            let _ = std::thread::Builder::new().name("look-up".into()).spawn(resolve);
            under_way
        });
        match under_way.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(Ok(addresses)) => Ok(addresses),
            Ok(Err(why)) => Err(Look::Silent(Reason::NameNotFound.with(why))),
            Err(RecvTimeoutError::Disconnected) => Err(Look::Silent(Reason::NoThread.into())),
            Err(RecvTimeoutError::Timeout) => {
                self.resolving = Some(under_way);
                Err(Look::Silent(Reason::LookingUp.into()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::watch::source::EventKind;

    fn at(port: u16) -> Tcp {
        Tcp { host: "127.0.0.1".into(), port }
    }

    fn deadline() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    #[test]
    fn a_port_that_answers_is_up_and_one_that_does_not_is_down() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let mut source = at(port).open();
        let reading = source.look(&["up", "ms"], deadline());
        assert_eq!((reading.values[0].clone(), reading.events.len()), (Ok(1.0), 0));
        assert!(matches!(reading.values[1], Ok(ms) if (0.0..5_000.0).contains(&ms)), "{reading:?}");
        drop(listener);
        let reading = source.look(&["up", "ms"], deadline());
        assert_eq!(reading.values[0], Ok(0.0));
        let unseen = reading.values[1].clone().expect_err("no time");
        assert!(unseen.why.to_string().starts_with(&format!("127.0.0.1:{port}: ")), "{unseen:?}");
        assert_eq!(reading.events[0].kind, EventKind::Down);
        assert!(reading.events[0].evidence.contains("refused"), "{reading:?}");
        assert_eq!(source.look(&["up"], deadline()).events, [], "it is said once");
    }

    /// A listener whose queue is full drops what comes.
    #[test]
    fn one_that_drops_packets_is_waited_for_until_the_deadline() {
        let listener =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
        let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
        listener.bind(&any.into()).expect("bound");
        listener.listen(0).expect("it listens");
        let port = listener.local_addr().expect("an address").as_socket().expect("of IP").port();
        let queued: Vec<_> = (0..4)
            .filter_map(|_| {
                TcpStream::connect_timeout(&([127, 0, 0, 1], port).into(), Duration::from_millis(200)).ok()
            })
            .collect();
        let began = Instant::now();
        let why = at(port).connect(began + Duration::from_millis(300)).expect_err("its queue is full");
        assert!(why.starts_with("no answer within"), "{why}");
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        drop(queued);
    }
}
