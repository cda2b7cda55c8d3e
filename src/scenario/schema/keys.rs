//! What each key of a scenario holds, and what it means.
//!
//! A table. Invariant: a section's keys are the compiler's (a test).

/// A key.
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) of: Type,
    /// In a line.
    pub(super) about: &'static str,
    pub(super) is_required: bool,
}

/// What a key holds.
pub(super) enum Type {
    Text,
    OneOf(&'static [&'static str]),
    Texts,
    TextOrTexts,
    Duration,
    Flag,
    Number,
    Count,
    /// Of closes.
    Codes,
    Statuses,
    Size,
    /// Strings by name.
    Pairs,
    /// Strings, numbers and flags by name.
    Scalars,
    /// What stands at places of a message.
    Fields,
    /// A table.
    One(&'static str),
    /// An array of tables.
    Many(&'static str),
    /// Kinds of messages by name.
    Kinds,
}

use Type::{
    Codes, Count, Duration, Fields, Flag, Kinds, Many, Number, One, OneOf, Pairs, Scalars, Size, Statuses,
    Text, TextOrTexts, Texts,
};

const fn key(name: &'static str, of: Type, about: &'static str) -> Key {
    Key { name, of, about, is_required: false }
}

const fn required(name: &'static str, of: Type, about: &'static str) -> Key {
    Key { name, of, about, is_required: true }
}

const BLAMES: &[&str] = &["machine", "network", "server", "scenario"];

/// The keys of a section.
pub(super) fn of(section: &str) -> Vec<&'static Key> {
    if section == "place" {
        // Its name is the section's.
        return HTTP.iter().filter(|key| key.name != "name").chain(PLACE).collect();
    }
    if section == "request" {
        let is_step_s = |key: &&Key| ["name", "timeout", "marks_member"].contains(&key.name);
        return HTTP.iter().filter(|key| !is_step_s(key)).collect();
    }
    let table = match section {
        "scenario" => SCENARIO,
        "error" => ERROR,
        "http" => HTTP,
        "basic_auth" => BASIC_AUTH,
        "schedule" => SCHEDULE,
        "participants" => PARTICIPANTS,
        "websocket" => WEBSOCKET,
        "step" => STEP,
        "every" => EVERY,
        "kind" => KIND,
        "presence" => PRESENCE,
        "listed" => LISTED,
        "message_error" => MESSAGE_ERROR,
        "reconnect" => RECONNECT,
        "criterion" => CRITERION,
        "mix" => MIX,
        _ => &[],
    };
    table.iter().collect()
}

const SCENARIO: &[Key] = &[
    required("name", Text, "The name in results."),
    key("mock", Flag, "Whether the built-in mock server plays these servers."),
    key("variables", Scalars, "Values that templates use as {name}; --set NAME=VALUE replaces one."),
    key("secret", Texts, "Variables and taken values that are shown as ‹name› in every output."),
    key("cookies", Flag, "Whether cookies from answers go out with later requests and the upgrade."),
    key("errors", Many("error"), "Names for error answers of every request; the first that matches counts."),
    key("http", Many("http"), "The requests of a session, in order, on one connection."),
    key("schedule", One("schedule"), "How a run looks up, before it starts, when sessions may enter."),
    key("join", One("place"), "How startline prepare join takes a member's place."),
    key("leave", One("place"), "How startline prepare leave gives it up again."),
    key("websocket", One("websocket"), "The WebSocket that follows the requests and is held."),
    key("stages", Texts, "Levels that the number of open sessions goes through: 2m:1000, spike=30s:5000."),
    key("lifetime", Text, "How long a session stays before another takes its place: 10m, 5m..15m, ~10m."),
    key("reentry", Flag, "Whether a member who has left may enter again: true unless it is said."),
    key(
        "reconnect",
        One("reconnect"),
        "How an open session whose connection ends comes back; default: it does not.",
    ),
    key("abort_on", Texts, "When a run ends early: errors.rate>50%:10s."),
    key("criteria", Many("criterion"), "What a run is judged by."),
    key("mix", Many("mix"), "Scenarios that a run plays side by side, each with a share of its sessions."),
];

const ERROR: &[Key] = &[
    required("name", Text, "The error's name in results."),
    key("status", Statuses, "The HTTP status."),
    key("field", Text, "A JSON pointer into the body; \"equals\" says what stands there."),
    key("equals", TextOrTexts, "The value at \"field\", or a list of which one stands there."),
    key("contains", Text, "Text that the body contains."),
    key("after", Text, "How long the answer took, such as \"29s500ms..31s\"."),
    key("blame", OneOf(BLAMES), "Who must act; default: server."),
    key("ticket", Flag, "It means that a one-time ticket was too old, spent or unknown."),
];

const HTTP: &[Key] = &[
    required("name", Text, "The step's name in results."),
    key("method", Text, "The method; default: GET."),
    required("path", Text, "Path and query: a template."),
    key("headers", Pairs, "Header fields besides Host and Content-Length: templates."),
    key("basic_auth", One("basic_auth"), "User and password of the Authorization field."),
    key("form", Pairs, "The body as a form, in place of \"body\": templates by name."),
    key("follow", Count, "How many redirects are followed; default: none."),
    key("body", Text, "The body: a template. With an empty one, Content-Length: 0 is sent."),
    key("expect", Statuses, "Statuses that count as success; default: 200 to 299."),
    key("timeout", Duration, "From sending to the whole answer; default: 10s."),
    key("take", Pairs, "Values to take: NAME = \"/json/pointer\", \"header:NAME\" or \"cookie:NAME\"."),
    key("marks_member", Flag, "Its success marks the member as in, whether or not a WebSocket follows."),
    key("errors", Many("error"), "Names for this request's error answers, before those of all requests."),
];

const BASIC_AUTH: &[Key] = &[
    required("user", Text, "The user's name: a template."),
    required("password", Text, "The password: a template."),
];

const SCHEDULE: &[Key] = &[
    required("after", Text, "The request after which the look-up follows."),
    required("path", Text, "Path and query of the look-up: a template."),
    key("headers", Pairs, "Header fields: templates."),
    required("status", Text, "Pointer to the status: RECRUITING, READY, RUNNING or DONE."),
    required("starts_at", Text, "Pointer to the instant by which all sessions must have entered."),
    required("ends_at", Text, "Pointer to the instant by which the hold must be over."),
    key("created_at", Text, "Pointer to the instant at which it was made."),
    key("distance", Text, "Pointer to how far runners go: kilometres, or a name."),
    key("distances", Scalars, "Kilometres of the names: FIVE = 5."),
    key("participants", One("participants"), "Where those who have joined are listed."),
];

const PARTICIPANTS: &[Key] = &[
    required("list", Text, "Pointer to the list."),
    required("member", Text, "Pointer to the member's id in an entry of it."),
    key("status", Text, "Pointer to the member's status in an entry."),
    key("may_enter", Text, "Statuses of members who may enter for the first time, with spaces between."),
    key("may_return", Text, "Statuses of members who may enter again."),
    key("has_left", Text, "Statuses of members who have given up their place."),
    key("room", Text, "Pointer to how many members there may be."),
];

/// Besides a request's.
const PLACE: &[Key] = &[
    key("private_body", Text, "The body where the place is behind a password: a template."),
    key("done", Text, "Errors that mean that it is so already, with spaces between."),
    key("look_up", Text, "Errors that mean that it may be so already."),
    key("again", Text, "Errors after which it may work later."),
    key("stop", Text, "Errors that hold for everyone."),
];

const WEBSOCKET: &[Key] = &[
    required("url", Text, "A path on the target, or a ws:// or wss:// URL: a template."),
    key("headers", Pairs, "Header fields of the upgrade: templates."),
    key("basic_auth", One("basic_auth"), "User and password of the upgrade's Authorization field."),
    key("subprotocol", TextOrTexts, "Sec-WebSocket-Protocol to offer; the server has to choose one."),
    key("compression", OneOf(&["deflate"]), "Offers permessage-deflate; default: nothing is offered."),
    key("connect_timeout", Duration, "From connecting to the 101; default: 10s."),
    key("close_timeout", Duration, "From our close frame to the end of the connection; default: 5s."),
    key("ticket_lifetime", Duration, "How long a one-time ticket lives after the last answer."),
    key("message_bytes_max", Size, "The longest message accepted, such as \"16MiB\"."),
    key("steps", Many("step"), "What is sent and awaited after the 101; the session is open after the last."),
    key("every", Many("every"), "Periodic messages; one with a reply is a heartbeat."),
    key("quit", Text, "The message before the close, with end = \"quit\" or --end quit."),
    key("end", OneOf(&["close", "quit"]), "How sessions end; default: close."),
    key("closes", Codes, "Close codes of the server that end a session as completed."),
    key("frames", OneOf(&["text", "binary"]), "The frames in which messages are sent; default: text."),
    key(
        "elements",
        Text,
        "Pointer to an array whose elements are records, \"\" where the message is the array.",
    ),
    key("separator", Text, "What stands between two records of a message, such as \"\\u001e\"."),
    key("body_after", Text, "Text before the JSON of every message."),
    key("type_at", Text, "Where a message's type is; default: /type."),
    key("messages", Kinds, "Kinds of messages, tried in this order; what matches none is \"other\"."),
    key("presence", One("presence"), "Where announcements have the member's id."),
    key("errors", Many("message_error"), "Codes of error messages, and what each is called."),
];

const STEP: &[Key] = &[
    required("name", Text, "The step's name in results."),
    key("send", Text, "The message to send: a template."),
    key(
        "request",
        One("request"),
        "An HTTP request, made beside the WebSocket; its answer ends the step, too.",
    ),
    key("await", TextOrTexts, "The kind of message that ends the step, or a list of which one does."),
    key(
        "reply_at",
        Text,
        "Where a reply says whose it is: a JSON pointer, after:TEXT or bytes such as u32le:5.",
    ),
    key("reply_equals", Text, "What stands there in this session's own reply: a template."),
    key("reply_starts", Text, "What this session's own reply begins with: a template."),
    key("timeout", Duration, "From sending to the reply; default: 10s."),
    key("pause", Text, "Think time before sending: \"2s\" or \"1s..3s\"."),
    key(
        "take",
        Pairs,
        "Values to take from the reply: NAME = \"/json/pointer\", \"after:TEXT\" or \"u32le:5\".",
    ),
    key("broadcast", Text, "The kind, of the role entered, by which the server tells the others of it."),
];

const EVERY: &[Key] = &[
    required("name", Text, "Its name in results."),
    key("send", Text, "The message to send: a template."),
    required("interval", Text, "\"30s\", \"4s..8s\", \"~10s\" (exponential), or \"{value}s or 300s\"."),
    key("reply", Text, "The kind that answers it, or \"same\" for an echo; without one nothing is awaited."),
    key(
        "reply_at",
        Text,
        "Where a reply says which message it answers: a JSON pointer, after:TEXT or bytes such as u32le:5.",
    ),
    key("reply_equals", Text, "What stands there, such as \"{sequence}\": a template."),
    key("reply_starts", Text, "What its reply begins with: a template."),
    key("timeout", Duration, "From sending to the reply; default: 5s."),
    key("share", Number, "The share of the sessions that send it, from 0 to 1; default: 1."),
    key("times", Count, "How often a session sends it at most."),
    key("start", OneOf(&["on", "off"]), "\"off\": not until it is switched on from outside."),
    key("frame", OneOf(&["ping"]), "A protocol Ping with this payload, answered by its Pong."),
    key(
        "finishes",
        Flag,
        "The one that says finish_km as its {distance_km} is the session's last: it closes.",
    ),
    key("broadcast", Text, "The kind, of the role updated, by which the server tells the others of it."),
    key("broadcast_at", Text, "Where that kind has the value that tells which message it follows."),
    key("broadcast_equals", Text, "What stands there, such as \"{sequence}\": a template."),
];

const KIND: &[Key] = &[
    key(
        "role",
        OneOf(&["error", "entered", "left", "updated", "information"]),
        "What it means to a session.",
    ),
    key("code", Text, "Where an error's code is: a JSON pointer, after:TEXT or bytes such as u16:5."),
    key("is", Text, "The whole record."),
    key("starts", Text, "What the record begins with."),
    key("contains", Text, "What the record contains."),
    key(
        "fields",
        Fields,
        "What stands at JSON pointers, or at offsets (\"u8:0\"); \"*\": it is there and not null.",
    ),
    key("take", Pairs, "Values for its answer: NAME = \"/json/pointer\", \"after:TEXT\" or \"bytes:5..\"."),
    key("answer", Text, "The message to send at once: a template."),
    key("sent_at", Text, "Where the instant of its sending is: its age is measured."),
    key("sent_unit", OneOf(&["s", "ms", "us", "ns"]), "The unit of that instant; default: ms."),
    key("sequence", Text, "Where its number is: gaps and duplicates are counted."),
    key("body_after", Text, "Text before its JSON."),
];

const PRESENCE: &[Key] = &[
    required("subject", Text, "Where the id is of the member who entered, left or did something."),
    key("subject_equals", Text, "What stands there, such as \"runner{member_id}\"; default: the id alone."),
    key("left_within", Duration, "How long servers may take to announce a member whose connection was cut."),
    key("listed", One("listed"), "The message that lists those who are in already."),
];

const LISTED: &[Key] = &[
    required("kind", Text, "The kind of message that lists them."),
    required("at", Text, "Pointer to their ids, such as /participants/*/userId."),
];

const MESSAGE_ERROR: &[Key] = &[
    required("code", TextOrTexts, "The code, exactly, or a list of codes."),
    key("name", Text, "The error's name in results; default: the code."),
    key("blame", OneOf(BLAMES), "Who must act; default: server."),
    key("ticket", Flag, "It means that a one-time ticket was too old, spent or unknown."),
];

const RECONNECT: &[Key] = &[
    key("first_delay", Duration, "Before the first attempt; default: 1s."),
    key("factor", Number, "Each delay over the one before it; default: 2."),
    key("jitter", Number, "The part of each delay that is drawn, from 0 to 1; default: 0.5."),
    key("max_delay", Duration, "The longest delay; default: 30s."),
    key("attempts", Count, "Attempts after a drop, at most; default: no limit."),
    key("give_up_after", Duration, "How long after a drop an attempt may begin; default: no limit."),
    key(
        "retry_for",
        Pairs,
        "The same after failures of these names: INVALID_STATUS = \"100s\"; \"0s\": not at all.",
    ),
    key("rate_max", Text, "Attempts of the whole run, at most, such as \"200/s\"; default: no limit."),
    key("from", Text, "The HTTP step that attempts begin with while what comes before it is fresh."),
    key("token_age", Duration, "How long that is; default: until an answer of status 401 or 403."),
];

const CRITERION: &[Key] = &[
    required("name", Text, "The criterion's name in results."),
    required("measure", Text, "What is measured, such as steps.open.p95_ms (docs/scenarios.md lists them)."),
    key("below", Number, "It must be below this."),
    key("at_most", Number, "It may be this at most."),
    key("at_least", Number, "It must be at least this."),
    key("warn", Number, "Beyond the limit but within this it is a warning."),
    key("needs_sessions", Count, "Judged only with this many sessions or more."),
    key("needs_hold", Duration, "Judged only with a hold as long."),
];

const MIX: &[Key] = &[
    key("name", Text, "The part's name in results: letters, digits, - and _; its scenario's without."),
    key("scenario", Text, "A built-in scenario's name, or a file beside this one; this file without."),
    key("weight", Count, "The part's share of the sessions, over the sum of all weights: 1 without."),
    key("target", Text, "URL of the part's servers; the run's without."),
    key("members", Text, "The part's own members: a range, or a CSV file beside this one."),
    key("set", Scalars, "Variables of the scenario that the part sets."),
];
