//! A MariaDB of the tests' own: a private directory, a socket in it and no port; one server for all tests of this binary that play at a
//! time, a database for each. It ends with the last of them, and with this process, however that ends.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::common::{Finished, eventually, finish};
use crate::programs::program;

/// Becomes the server, which a process beside it ends as soon as standard input does: MariaDB goes on after Ctrl-C, and whoever
/// kills a test gives it no time to clean up. That process leaves Ctrl-C alone for the same reason.
const GUARDED: &str = r#"
exec 3<&0
( trap '' INT TERM HUP; read -r _ <&3; kill -9 $$ ) >/dev/null 2>&1 &
exec "$@" </dev/null 3<&-
"#;

/// What makes the server quick where nothing has to last, with no system tables: whoever can reach the socket may do anything.
const OPTIONS: [&str; 14] = [
    "--no-defaults",
    "--skip-networking",
    "--skip-grant-tables",
    "--skip-log-bin",
    "--socket=mariadb.sock",
    "--pid-file=mariadb.pid",
    "--character-set-server=utf8mb4",
    "--collation-server=utf8mb4_general_ci",
    "--performance-schema=OFF",
    "--innodb-buffer-pool-size=16M",
    "--innodb-log-file-size=16M",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=OFF",
    "--innodb-use-native-aio=OFF",
];

/// The tables as Runnity has them: members, their participations, and their records.
const TABLES: &str = "
CREATE TABLE member (
  member_id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY,
  average_pace int, birth date, created_at datetime(6), email varchar(255), gender varchar(255), height float,
  is_deleted bit(1) NOT NULL, nickname varchar(255), profile_image varchar(255), social_type varchar(255),
  social_uid varchar(255) NOT NULL, updated_at datetime(6), weight float,
  UNIQUE KEY uk_member_social_uid (social_uid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 AUTO_INCREMENT=13;
CREATE TABLE challenge_participation (
  participant_id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY,
  challenge_id bigint NOT NULL, member_id bigint NOT NULL,
  UNIQUE KEY uk_challenge_member (challenge_id, member_id),
  CONSTRAINT fk_participation_member FOREIGN KEY (member_id) REFERENCES member (member_id)
) ENGINE=InnoDB;
CREATE TABLE run_record (
  run_record_id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY, member_id bigint NOT NULL,
  CONSTRAINT fk_run_record_member FOREIGN KEY (member_id) REFERENCES member (member_id)
) ENGINE=InnoDB;
";

/// The server that is there, if any test has it.
static RUNNING: Mutex<Weak<Server>> = Mutex::new(Weak::new());
static DATABASES: AtomicU32 = AtomicU32::new(0);

#[derive(Debug)]
struct Server {
    process: Child,
    client: PathBuf,
    directory: TempDir,
}

impl Server {
    /// The one that is there, or a new one.
    #[track_caller]
    fn shared() -> Arc<Self> {
        // A test that failed to start it says so itself.
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        running.upgrade().unwrap_or_else(|| {
            let server = Arc::new(Self::start());
            *running = Arc::downgrade(&server);
            server
        })
    }

    #[track_caller]
    fn start() -> Self {
        let installed = |names: [&str; 2]| program(&names, "apt-get install mariadb-server");
        let (server, client) = (installed(["mariadbd", "mysqld"]), installed(["mariadb", "mysql"]));
        let directory = tempfile::tempdir().expect("a directory");
        let data = directory.path().join("data");
        fs::create_dir(&data).expect("made");
        let mut command = Command::new("sh");
        command.args(["-c", GUARDED, "sh"]).arg(server).args(OPTIONS);
        command.arg(format!("--datadir={}", data.display()));
        command.arg(format!("--tmpdir={}", directory.path().display()));
        // SAFETY: geteuid() takes nothing, touches no memory and cannot fail.
        if unsafe { libc::geteuid() } == 0 {
            command.arg("--user=root");
        }
        let log = directory.path().join("server.log");
        let writer = File::create(&log).expect("a file");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(writer);
        let process = command.spawn().expect("a shell starts");
        let mut server = Self { process, client, directory };
        eventually("MariaDB", || {
            if let Some(status) = server.process.try_wait().expect("our own child") {
                panic!("MariaDB ended with {status}: {}", fs::read_to_string(&log).unwrap_or_default());
            }
            server.socket().exists()
                && finish(server.client(&["-e", "SELECT 1"]).spawn().expect("it starts")).status == 0
        });
        server
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("data/mariadb.sock")
    }

    /// The client, to be given what it plays.
    fn client<S: AsRef<OsStr>>(&self, args: &[S]) -> Command {
        let mut command = Command::new(&self.client);
        // The socket's whole path may be longer than a socket's may be.
        command.current_dir(self.directory.path().join("data"));
        command.args([
            "--no-defaults",
            "--protocol=socket",
            "--socket=mariadb.sock",
            "--user=root",
            "--batch",
        ]);
        command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The process beside it has the same to do; once it is done, nobody else has this id.
        drop(self.process.stdin.take());
        let give_up = Instant::now() + Duration::from_secs(10);
        while Instant::now() < give_up && matches!(self.process.try_wait(), Ok(None)) {
            std::thread::park_timeout(Duration::from_millis(1));
        }
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A database with the table `member`, whose next id is 13.
#[derive(Debug)]
pub struct Database {
    server: Arc<Server>,
    name: String,
}

impl Database {
    #[track_caller]
    pub fn new() -> Self {
        let server = Server::shared();
        let name = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        let make = format!("CREATE DATABASE {name}");
        finish(server.client(&["-e", &make]).spawn().expect("it starts")).assert_status(0);
        let database = Self { server, name };
        database.tell(TABLES);
        database
    }

    /// Plays a file as somebody would who types `mariadb DATABASE < FILE`, with these options besides.
    #[track_caller]
    pub fn play(&self, file: &Path, options: &[&str]) -> Finished {
        let mut command = self.server.client(options);
        command.arg(&self.name).stdin(File::open(file).expect("a file"));
        finish(command.spawn().expect("it starts"))
    }

    /// What a query shows, without a header.
    #[track_caller]
    pub fn ask(&self, query: &str) -> String {
        self.ask_with(&[], query)
    }

    /// The same, with these options.
    #[track_caller]
    pub fn ask_with(&self, options: &[&str], query: &str) -> String {
        let args = [&["--skip-column-names", "--default-character-set=utf8mb4"], options].concat();
        let mut command = self.server.client(&args);
        let shown = finish(command.args(["-e", query, &self.name]).spawn().expect("it starts"));
        shown.assert_status(0);
        shown.stdout.trim_end().to_owned()
    }

    /// Plays statements that show nothing.
    #[track_caller]
    pub fn tell(&self, statements: &str) {
        assert_eq!(self.ask(statements), "");
    }

    /// Everything that is in the table, as a number to compare.
    #[track_caller]
    pub fn state(&self) -> String {
        self.ask(
            "SELECT COUNT(*), SUM(CRC32(CONCAT_WS('|', member_id, HEX(social_uid), HEX(email), social_type, HEX(nickname),
               is_deleted + 0, created_at, updated_at))) FROM member",
        )
    }

    /// Adds members of somebody else's.
    #[track_caller]
    pub fn add_others(&self, social_uids: &[&str]) {
        for uid in social_uids {
            let uid = uid.replace('\'', "''");
            self.tell(&format!(
                "INSERT INTO member (social_uid, social_type, is_deleted, nickname) VALUES ('{uid}', 'TEST', 0, '남')"
            ));
        }
    }
}

#[test]
fn the_server_ends_with_its_last_test() {
    let server = Server::start();
    let (id, socket) = (server.process.id(), server.socket());
    let directory = server.directory.path().to_owned();
    assert!(socket.exists());
    drop(server);
    assert!(!Path::new(&format!("/proc/{id}")).exists());
    assert!(!directory.exists());
}
