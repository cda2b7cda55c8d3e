//! Access logs as nginx writes them, whole and damaged, and lines of anything.

use proptest::prelude::*;
use startline::watch::nginx::format::Format;
use startline::watch::nginx::reader::Reader;

use super::{changed, changes};
use crate::checks::input::log_lines as check;

/// A request as nginx saw it: its status, and who answered after how many milliseconds, in groups of servers.
#[derive(Clone, Debug)]
struct Request {
    status: u16,
    path: String,
    groups: Vec<Vec<(String, Option<u32>)>>,
}

fn request() -> impl Strategy<Value = Request> {
    let address = prop::sample::select(vec!["10.0.0.1:80", "[::1]:8080", "unix:/tmp/sock", "ws1"]);
    let server = (address, prop::option::of(0..100_000u32)).prop_map(|(at, ms)| (at.to_owned(), ms));
    let groups = prop::collection::vec(prop::collection::vec(server, 1..4), 0..3);
    (100..600u16, "/[a-z0-9/]{0,12}", groups).prop_map(|(status, path, groups)| Request {
        status,
        path,
        groups,
    })
}

impl Request {
    fn several(&self, one: impl Fn(&(String, Option<u32>)) -> String) -> String {
        let group = |group: &Vec<_>| group.iter().map(&one).collect::<Vec<_>>().join(", ");
        let all = self.groups.iter().map(group).collect::<Vec<_>>().join(" : ");
        if all.is_empty() { "-".into() } else { all }
    }

    /// The line that nginx writes by this format.
    fn line(&self, format: &str) -> String {
        let ms =
            |ms: &Option<u32>| ms.map_or("-".to_owned(), |ms| format!("{}.{:03}", ms / 1_000, ms % 1_000));
        format
            .replace("$remote_addr", "127.0.0.1")
            .replace("$remote_user", "-")
            .replace("$time_local", "28/Nov/2026:20:04:00 +0000")
            .replace("$request_time", "0.123")
            .replace("$request", &format!("GET {}?ticket=x HTTP/1.1", self.path))
            .replace("$status", &self.status.to_string())
            .replace("$upstream_addr", &self.several(|(at, _)| at.clone()))
            .replace("$upstream_response_time", &self.several(|(_, time)| ms(time)))
    }

    #[track_caller]
    fn assert_read(&self, reader: &Reader, line: &str) {
        let mut seen = 0;
        reader.read(line.as_bytes(), &mut |entry| {
            seen += 1;
            let last = self.groups.last().and_then(|group| group.last()).map(|(at, _)| at.as_bytes());
            let all = self.groups.iter().flatten().filter_map(|(_, ms)| *ms);
            let micros = all.map(|ms| u64::from(ms) * 1_000).reduce(|sum, one| sum + one);
            assert_eq!((entry.status, entry.path), (Some(self.status), Some(self.path.as_bytes())), "{line}");
            assert_eq!((entry.upstream, entry.upstream_micros), (last, micros), "{line}");
        });
        assert_eq!(seen, 1, "{line}");
    }
}

const BEGINNING: &str = r#"$remote_addr - $remote_user [$time_local] "$request" $status 12 "-" "curl""#;
/// What a format may go on with; the first ones are recognised.
const ENDS: [&str; 6] = [
    " upstream=$upstream_addr urt=$upstream_response_time",
    r#" rt=$request_time ua="$upstream_addr" urt="$upstream_response_time""#,
    r#" "-" upstream_addr=$upstream_addr, upstream_response_time=$upstream_response_time, x=1"#,
    r#" $upstream_addr $upstream_response_time $request_time"#,
    r#" <$upstream_addr> <$upstream_response_time>"#,
    r#" $request_time:$upstream_response_time|$upstream_addr"#,
];
const RECOGNISED: usize = 3;

const TELLING: &[&str] = &[
    "\"",
    " ",
    "\n",
    "[",
    "]",
    "{",
    "}",
    "{\"status\":",
    ", ",
    " : ",
    "-",
    "=",
    "\\",
    "\\x22",
    "$",
    "status=",
    "Pause Full",
    "1.5ms",
    "[Full GC",
    " secs]",
    "OutOfMemoryError",
    "\u{9b}",
    "2026-11-28T20:04:00Z ",
];

proptest! {
    #[test]
    fn what_nginx_writes_is_read_back(request in request()) {
        for (at, end) in ENDS.iter().enumerate() {
            let format = format!("{BEGINNING}{end}");
            let line = request.line(&format);
            request.assert_read(&Reader::new(Some(Format::parse(&format).unwrap())), &line);
            if at < RECOGNISED {
                request.assert_read(&Reader::new(None), &line);
            }
        }
    }

    #[test]
    fn a_damaged_log_is_read_or_passed_over(
        request in request(),
        end in prop::sample::select(&ENDS[..]),
        changes in changes(TELLING),
    ) {
        let format = format!("{BEGINNING}{end}");
        let log = format!("{format}\n{}\n", request.line(&format));
        check::log(changed(&log, &changes).as_bytes());
    }

    #[test]
    fn any_bytes_are_read_or_passed_over(bytes: Vec<u8>, text in "\\PC{0,200}") {
        check::log(&bytes);
        check::log(text.as_bytes());
    }
}
