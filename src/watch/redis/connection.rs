//! A connection to a Redis server, in the clear or over TLS, on which every command has a deadline.
//!
//! The library writes commands and reads answers; the socket is ours, since the library's gives each
//! read its full time, and a server that drips would never be given up. Invariants: nothing here
//! outlasts its deadline, name resolution included; an answer is bounded.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use redis::{Cmd, Parser, Value};
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::Redis;
use super::trouble::{Kind, Trouble};

/// Bytes of one answer at most.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// Tried one after the other, with what is left of the time.
const ADDRESSES_MAX: usize = 4;
/// The least that is worth beginning something for.
const LEAST: Duration = Duration::from_millis(1);

type Result<T> = std::result::Result<T, Trouble>;

/// See the module.
pub struct Connection {
    stream: Stream,
    parser: Parser,
}

enum Stream {
    Plain(Timed),
    Tls(Box<StreamOwned<ClientConnection, Timed>>),
}

/// A socket that gives up at an instant, or after this many bytes.
struct Timed {
    socket: TcpStream,
    deadline: Instant,
    left: usize,
}

impl Connection {
    /// Connects, and says who we are. `tls` is for servers that speak it.
    ///
    /// # Errors
    /// No address, no connection, no TLS, or a refused login.
    pub fn open(at: &Redis, tls: Option<&Arc<ClientConfig>>, deadline: Instant) -> Result<Self> {
        let socket = connect(&at.host, at.port, deadline)?;
        socket.set_nodelay(true)?;
        let timed = Timed { socket, deadline, left: ANSWER_BYTES_MAX };
        let stream = if at.is_tls { secured(&at.host, tls, timed)? } else { Stream::Plain(timed) };
        let mut connection = Self { stream, parser: Parser::new() };
        connection.log_in(at, deadline)?;
        Ok(connection)
    }

    fn log_in(&mut self, at: &Redis, deadline: Instant) -> Result<()> {
        if let Some(password) = &at.password {
            let mut auth = redis::cmd("AUTH");
            if let Some(user) = &at.user {
                auth.arg(user);
            }
            match self.ask(auth.arg(&password.0), deadline) {
                // As a server without passwords says: it lets us in all the same, or says at the next
                // command that it does not.
                Err(trouble) if trouble.kind == Kind::Other && at.user.is_none() => {}
                answer => drop(answer?),
            }
        }
        if at.database != 0 {
            self.ask(redis::cmd("SELECT").arg(at.database), deadline)?;
        }
        Ok(())
    }

    /// Sends a command and awaits its answer.
    ///
    /// # Errors
    /// The server's, or the connection's, which is then of no more use.
    pub fn ask(&mut self, command: &Cmd, deadline: Instant) -> Result<Value> {
        self.send(command, deadline)?;
        self.receive(deadline)
    }

    /// Sends a command.
    ///
    /// # Errors
    /// The connection's.
    pub fn send(&mut self, command: &Cmd, deadline: Instant) -> Result<()> {
        self.stream.timed().deadline = deadline;
        self.stream.write_all(&command.get_packed_command())?;
        Ok(self.stream.flush()?)
    }

    /// Awaits an answer, or a message.
    ///
    /// # Errors
    /// The server's, or the connection's.
    pub fn receive(&mut self, deadline: Instant) -> Result<Value> {
        let timed = self.stream.timed();
        (timed.deadline, timed.left) = (deadline, ANSWER_BYTES_MAX);
        let mut reader = Noting { stream: &mut self.stream, error: None };
        let parsed = self.parser.parse_value(&mut reader);
        match (parsed, reader.error) {
            (Ok(Value::ServerError(error)), _) => Err((&error).into()),
            (Ok(value), _) => Ok(value),
            (Err(_), Some(error)) => Err(error.into()),
            (Err(error), None) if error.is_connection_dropped() => {
                Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())
            }
            (Err(_), None) => Err(Trouble::new(Kind::NotRedis, "what it answers is not Redis's protocol")),
        }
    }
}

/// What is left of the time; an error if it is next to nothing.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left < LEAST { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

fn connect(host: &str, port: u16, deadline: Instant) -> Result<TcpStream> {
    let addresses = addresses(host, port, deadline)?;
    let mut last = io::Error::from(io::ErrorKind::TimedOut);
    for address in addresses {
        match left(deadline).and_then(|left| TcpStream::connect_timeout(&address, left)) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(match last.kind() {
        io::ErrorKind::TimedOut => Trouble::new(Kind::Unreachable, "no connection in time"),
        _ => Trouble::new(Kind::Unreachable, last.to_string()),
    })
}

/// The system's resolver cannot be given up, so that it is left behind.
fn addresses(host: &str, port: u16, deadline: Instant) -> Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![(address, port).into()]);
    }
    let (sender, receiver) = mpsc::channel();
    let name = host.to_owned();
    let resolve = move || {
        let found = (name.as_str(), port).to_socket_addrs();
        // Nobody waits any more, if it took too long.
        let _ = sender.send(found.map(|found| found.take(ADDRESSES_MAX).collect::<Vec<_>>()));
    };
    std::thread::Builder::new().name("resolve".into()).spawn(resolve)?;
    let said = match receiver.recv_timeout(left(deadline)?) {
        Ok(Ok(addresses)) if !addresses.is_empty() => return Ok(addresses),
        Ok(Ok(_)) => "the name has no address".to_owned(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "the name was not resolved in time".to_owned(),
    };
    Err(Trouble::new(Kind::NoAddress, said))
}

fn secured(host: &str, tls: Option<&Arc<ClientConfig>>, timed: Timed) -> Result<Stream> {
    let config = tls.ok_or_else(|| Trouble::new(Kind::Tls, "there are no certificates to trust"))?;
    let name = rustls::pki_types::ServerName::try_from(host.to_owned())
        .map_err(|_| Trouble::new(Kind::Tls, "no certificate can be for this host name"))?;
    let client = ClientConnection::new(Arc::clone(config), name)
        .map_err(|error| Trouble::new(Kind::Tls, error.to_string()))?;
    let mut stream = StreamOwned::new(client, timed);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(Stream::Tls(Box::new(stream)))
}

impl Stream {
    fn timed(&mut self) -> &mut Timed {
        match self {
            Self::Plain(timed) => timed,
            Self::Tls(stream) => &mut stream.sock,
        }
    }
}

impl Read for Stream {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(timed) => timed.read(bytes),
            Self::Tls(stream) => stream.read(bytes),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(timed) => timed.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(timed) => timed.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

impl Read for Timed {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(Some(left(self.deadline)?))?;
        let count = self.socket.read(bytes)?;
        match self.left.checked_sub(count) {
            Some(left) => self.left = left,
            None => return Err(io::Error::new(io::ErrorKind::InvalidData, "an answer of over 16 MiB")),
        }
        Ok(count)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(Some(left(self.deadline)?))?;
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Keeps the error that the library would put into words.
struct Noting<'s> {
    stream: &'s mut Stream,
    error: Option<io::Error>,
}

impl Read for Noting<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(bytes);
        read.map_err(|error| {
            let kind = error.kind();
            self.error = Some(error);
            kind.into()
        })
    }
}
