//! Reads the TOML file that lists what is watched: `[[watch]]` blocks, an item or a source each.
//!
//! Blocks with the same source share it. Opens nothing. Invariants: errors name the line and column;
//! items have names of their own.

use std::time::Duration;

use super::item::{Item, Judge, Limits};
use super::place::{Result, Variables};
use super::spec::{KINDS, Spec};
use crate::lang::Lang;
use crate::scenario::document::{self, Section};
use crate::scenario::error::Source;

/// Keys of every block.
const KEYS: [&str; 10] = [
    "source",
    "name",
    "expression",
    "unit",
    "warn_over",
    "fail_over",
    "warn_under",
    "fail_under",
    "judge",
    "every",
];
/// What this file was before, and how it is written now.
const FORMERLY: [(&str, &str, &str); 3] = [
    ("http", "[[http]]", "page"),
    ("prometheus", "[prometheus]", "prometheus"),
    ("redis", "[[redis]]", "redis"),
];

/// Maximum of blocks.
const BLOCKS_MAX: usize = 256;
/// How often an item is read.
const EVERY: Duration = Duration::from_secs(5);
const EVERY_MIN: Duration = Duration::from_millis(200);
const EVERY_MAX: Duration = Duration::from_secs(600);

/// Everything that is watched.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Watch {
    /// The sources, each with its items, in the file's order.
    pub sources: Vec<Watched>,
}

/// A source and its items.
#[derive(Clone, Debug, PartialEq)]
pub struct Watched {
    /// The name of the source: the block's that has no expression, else where it is.
    pub name: String,
    /// What it is.
    pub spec: Spec,
    /// What is read from it.
    pub items: Vec<Item>,
}

/// What decides where a source is that a block leaves open.
#[derive(Clone, Copy, Debug, Default)]
pub struct Given<'g> {
    /// Sources that options give.
    pub sources: &'g [Spec],
    /// A block without a place is no mistake: every source of its kind is asked, or its item is not measured.
    pub may_be_absent: bool,
}

impl Watch {
    /// Reads the file's text. `variable` gives a variable of the environment.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    pub fn read(file: &str, text: &str, variables: Variables<'_>, given: Given<'_>) -> Result<Self> {
        let source = Source { file, text };
        let document = document::parse(source)?;
        for (key, title, kind) in FORMERLY {
            if let Some(value) = document.get_ref().get(key) {
                let now = format!(
                    "{title} is now [[watch]] with source = {kind:?} and a name; its other keys stay the same"
                );
                return Err(source.error(value.span(), now));
            }
        }
        let root = Section::root(source, "the file of what is watched", document.get_ref(), &["watch"])?;
        let kinds: Vec<(&str, Vec<&str>)> =
            KINDS.iter().map(|kind| (kind.name, [&KEYS[..], kind.keys].concat())).collect();
        let blocks = root.tagged("watch", "source", &kinds)?;
        if blocks.is_empty() {
            return Err(root.own_error("nothing is watched: give [[watch]] blocks"));
        }
        if blocks.len() > BLOCKS_MAX {
            return Err(root.error(
                "watch",
                root.place("watch"),
                format!("there can be at most {BLOCKS_MAX}"),
            ));
        }
        let mut watch = Self::default();
        for (kind, section) in &blocks {
            watch.take(*kind, section, variables, given)?;
        }
        Ok(watch)
    }

    fn take(
        &mut self,
        kind: usize,
        section: &Section<'_>,
        variables: Variables<'_>,
        given: Given<'_>,
    ) -> Result<()> {
        let name = name(section)?;
        let kind = &KINDS[kind];
        let is_alike = |spec: &&Spec| spec.kind() == kind.name;
        let item = item(section, &name, kind.check)?;
        if let Some(item) = item.as_ref().filter(|_| given.may_be_absent) {
            self.add_everywhere(item, kind.name, given.sources);
            return Ok(());
        }
        // One that leaves out where it is, is where the one above it of the same kind is.
        let above = || self.sources.iter().rev().map(|it| &it.spec).find(is_alike).cloned();
        let option = || given.sources.iter().find(is_alike).cloned();
        let spec = (kind.read)(section, variables)?.or_else(above).or_else(option);
        let spec = spec.ok_or_else(|| {
            section.own_error(format!("it does not say where it is: {}", Lang::En.word(kind.place)))
        })?;
        if let Some(item) = &item {
            let refused = |why| section.error("expression", section.place("expression"), why);
            spec.check(&item.expression).map_err(refused)?;
        }
        if item.is_some() && self.items().any(|item| item.name == name) {
            return Err(section.error("name", section.place("name"), "another item has this name already"));
        }
        let source = self.source(spec);
        match item {
            Some(item) => source.items.push(item),
            None => source.name = name,
        }
        Ok(())
    }

    /// An item of the built-in set is asked of every source of its kind that can tell, such as each log, or of none:
    /// what nobody can answer is not measured.
    fn add_everywhere(&mut self, item: &Item, kind: &'static str, given: &[Spec]) {
        let alike = || given.iter().filter(|spec| spec.kind() == kind);
        let mut specs: Vec<&Spec> = alike().filter(|spec| spec.check(&item.expression).is_ok()).collect();
        let absent = Spec::Absent(kind);
        if specs.is_empty() {
            specs.push(alike().next().unwrap_or(&absent));
        }
        for spec in &specs {
            let mut item = item.clone();
            if specs.len() > 1 {
                item.name = format!("{} ({})", item.name, spec.place());
            }
            self.source((*spec).clone()).items.push(item);
        }
    }

    fn source(&mut self, spec: Spec) -> &mut Watched {
        let at = self.sources.iter().position(|it| it.spec == spec).unwrap_or_else(|| {
            self.sources.push(Watched { name: spec.place(), spec, items: Vec::new() });
            self.sources.len() - 1
        });
        &mut self.sources[at]
    }

    /// All items.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.sources.iter().flat_map(|source| &source.items)
    }

    /// Adds what another one watches; where both have an item of a name, this one's stays.
    pub fn add(&mut self, other: Self) {
        // One of several sources has its place behind its name.
        let is_own = |own: &str, name: &str| {
            name.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with(" ("))
        };
        let names: Vec<String> = self.items().map(|own| own.name.clone()).collect();
        for mut source in other.sources {
            source.items.retain(|item| !names.iter().any(|own| is_own(own, &item.name)));
            match self.sources.iter_mut().find(|own| own.spec == source.spec) {
                Some(own) => own.items.append(&mut source.items),
                None if !source.items.is_empty() => self.sources.push(source),
                None => {}
            }
        }
    }
}

fn name(section: &Section<'_>) -> Result<String> {
    let name = section.required_text("name")?;
    if name.value.chars().any(char::is_control) {
        return Err(section.error("name", name.span, "it has more than one line, or control characters"));
    }
    Ok(name.value.to_owned())
}

/// The block's item; `None` if it only names a source.
fn item(
    section: &Section<'_>,
    name: &str,
    check: fn(&str) -> std::result::Result<(), String>,
) -> Result<Option<Item>> {
    if !section.has("expression") {
        let of_items = ["unit", "warn_over", "fail_over", "warn_under", "fail_under", "judge", "every"];
        return match of_items.into_iter().find(|key| section.has(key)) {
            Some(key) => {
                Err(section.error(key, section.place(key), "the block has no expression that it is about"))
            }
            None => Ok(None),
        };
    }
    let expression = section.required_text("expression")?;
    check(expression.value).map_err(|why| section.error("expression", expression.span, why))?;
    let limits = limits(section)?;
    let every = section.delay("every", EVERY_MAX)?.unwrap_or(EVERY);
    if every < EVERY_MIN {
        return Err(section.error("every", section.place("every"), "it can be 200ms at least"));
    }
    Ok(Some(Item {
        name: name.to_owned(),
        expression: expression.value.to_owned(),
        unit: section.text("unit")?.map(|text| text.value.to_owned()).unwrap_or_default(),
        judge: judge(section, limits)?,
        limits,
        every,
        requests: None,
    }))
}

fn limits(section: &Section<'_>) -> Result<Limits> {
    let over = [section.number("warn_over")?, section.number("fail_over")?];
    let under = [section.number("warn_under")?, section.number("fail_under")?];
    let is_least = under.iter().any(Option::is_some);
    if is_least && over.iter().any(Option::is_some) {
        let key = if under[0].is_some() { "warn_under" } else { "fail_under" };
        return Err(section.error(
            key,
            section.place(key),
            "an item has limits on one side: _over or _under",
        ));
    }
    let [warn, fail] = if is_least { under } else { over };
    let limits = Limits { warn, fail, is_least };
    if let Some((warn, fail)) = warn.zip(fail)
        && (if is_least { warn <= fail } else { warn >= fail })
    {
        let key = if is_least { "warn_under" } else { "warn_over" };
        return Err(section.error(key, section.place(key), "the failure's limit comes before the warning's"));
    }
    Ok(limits)
}

fn judge(section: &Section<'_>, limits: Limits) -> Result<Judge> {
    let Some(text) = section.text("judge")? else {
        return Ok(if limits.is_set() { Judge::Worst } else { Judge::End });
    };
    let refused = |why: &str| section.error("judge", text.span.clone(), why);
    let judge = Judge::parse(text.value).map_err(|why| refused(&why))?;
    match judge {
        Judge::P95 | Judge::Growth | Judge::Slope | Judge::PerSession if limits.is_least => Err(refused(
            "it goes with warn_over and fail_over only; for _under there are worst, worst-minute, sustained and end",
        )),
        judge => Ok(judge),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_given(text: &str, given: Given<'_>) -> std::result::Result<Watch, String> {
        let variable = |name: &str| (name == "REDIS_PW").then(|| "geheim".to_owned());
        Watch::read("watch.toml", text, &variable, given).map_err(|error| error.to_string())
    }

    fn read(text: &str) -> std::result::Result<Watch, String> {
        read_given(text, Given::default())
    }

    const WHOLE: &str = r#"
[[watch]]
source = "page"
name = "grafana"
url = "http://grafana.example:3000/api/health"
contains = "ok"
status = [200, 204]
[[watch]]
source = "prometheus"
name = "Prometheus"
url = "http://prometheus.example:9090/"
targets = ["business", "10.0.0.5:8081"]
[[watch]]
source = "prometheus"
name = "CPU"
expression = "max(process_cpu_usage) * 100"
unit = "%"
warn_over = 80
judge = "sustained 30s"
[[watch]]
source = "redis"
name = "cache"
address = "10.0.0.7"
password_env = "REDIS_PW"
[[watch]]
source = "redis"
name = "WebSocket servers"
address = "[::1]:6380"
expression = "pubsub.numsub(challenge:enter)"
fail_under = 2
every = "1s"
"#;

    #[test]
    fn a_whole_file_is_read() {
        let watch = read(WHOLE).expect("it reads");
        let names: Vec<&str> = watch.sources.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["grafana", "Prometheus", "cache", "[::1]:6380"]);
        let Spec::Page(page) = &watch.sources[0].spec else { panic!("{watch:?}") };
        assert_eq!((&page.statuses[..], page.contains.as_deref()), (&[200, 204][..], Some("ok")));
        let Spec::Prometheus(prometheus) = &watch.sources[1].spec else { panic!("{watch:?}") };
        assert_eq!(
            (prometheus.url.as_str(), prometheus.targets.len()),
            ("http://prometheus.example:9090", 2)
        );
        let cpu = &watch.sources[1].items[0];
        assert_eq!((cpu.limits.warn, cpu.every), (Some(80.0), EVERY));
        assert_eq!(cpu.judge, Judge::Sustained(Duration::from_secs(30)));
        let servers = &watch.sources[3].items[0];
        assert_eq!((servers.judge, servers.limits.is_least), (Judge::Worst, true));
        assert!(!format!("{watch:?}").contains("geheim"));
    }

    #[test]
    fn a_block_without_a_place_is_where_the_one_above_or_an_option_says() {
        let text = "[[watch]]\nsource = \"prometheus\"\nname = \"a\"\nexpression = \"up\"\n";
        let error = read(text).expect_err("nowhere");
        assert!(
            error.contains("where it is: give url = \"http://…\", or the option --prometheus URL"),
            "{error}"
        );
        let given = [Spec::Prometheus(prometheus("http://p:9090"))];
        let watch = read_given(text, Given { sources: &given, may_be_absent: true }).expect("there");
        assert_eq!(watch.sources[0].spec, given[0]);
        let watch = read_given(text, Given { sources: &[], may_be_absent: true }).expect("no mistake");
        assert_eq!(watch.sources[0].spec, Spec::Absent("prometheus"));
    }

    fn prometheus(url: &str) -> crate::watch::prometheus::Prometheus {
        crate::watch::prometheus::Prometheus::at(url).expect("a URL")
    }

    #[test]
    fn an_item_of_the_file_s_stands_before_one_of_the_set_s() {
        let block = |name: &str, limit: u32| {
            format!(
                "[[watch]]\nsource = \"redis\"\nname = \"{name}\"\naddress = \"x\"\nexpression = \"ping.p95_ms\"\nwarn_over = {limit}\n"
            )
        };
        let mut own = read(&block("a", 1)).expect("it reads");
        own.add(read(&(block("a", 2) + &block("b", 3))).expect("it reads"));
        let limits: Vec<_> = own.items().map(|item| (item.name.as_str(), item.limits.warn)).collect();
        assert_eq!((limits, own.sources.len()), (vec![("a", Some(1.0)), ("b", Some(3.0))], 1));
    }

    #[test]
    fn an_item_of_the_set_s_is_asked_of_every_log() {
        let logs = "[[watch]]\nsource = \"log\"\nname = \"one\"\nfile = \"/a.log\"\n[[watch]]\nsource = \"log\"\nname = \"two\"\nfile = \"/b.log\"\n";
        let mut own = read(logs).expect("it reads");
        let given: Vec<Spec> = own.sources.iter().map(|it| it.spec.clone()).collect();
        let block = |name: &str| {
            format!("[[watch]]\nsource = \"log\"\nname = \"{name}\"\nexpression = \"count out_of_memory\"\n")
        };
        let set = read_given(&(block("oom") + &block("cut")), Given { sources: &given, may_be_absent: true });
        own.add(set.expect("it reads"));
        let items = |own: &Watch| own.items().map(|item| item.name.clone()).collect::<Vec<_>>();
        assert_eq!(items(&own), ["oom (/a.log)", "cut (/a.log)", "oom (/b.log)", "cut (/b.log)"]);
        assert_eq!(own.sources.len(), 2);
        let mut own = read(&(logs.to_owned() + &block("oom"))).expect("it reads");
        let set = read_given(&(block("oom") + &block("cut")), Given { sources: &given, may_be_absent: true });
        own.add(set.expect("it reads"));
        assert_eq!(items(&own), ["cut (/a.log)", "oom", "cut (/b.log)"], "the file's stands for all of them");
    }

    #[track_caller]
    fn assert_refused(text: &str, at: &str, message: &str) {
        let error = read(text).expect_err("it is refused");
        assert!(error.starts_with(&format!("watch.toml:{at}: ")) && error.contains(message), "{error}");
    }

    #[test]
    fn mistakes_have_their_place_and_what_to_write() {
        assert_refused("[[wach]]\nname = \"a\"\n", "1:3", "did you mean \"watch\"?");
        assert_refused("", "1:1", "nothing is watched: give [[watch]] blocks");
        assert_refused("[[watch]]\nname = \"a\"", "1:1", "the key \"source\" is missing: prometheus, ");
        assert_refused(
            "[[watch]]\nsource = \"redsi\"",
            "2:10",
            "did you mean \"redis\"?; known: prometheus, ",
        );
        assert_refused(
            "[[watch]]\nsource = \"redis\"\nnam = \"a\"",
            "3:1",
            "unknown key \"nam\" in [[watch]] of source \"redis\"; did you mean \"name\"?",
        );
        assert_refused("[[watch]]\nsource = \"redis\"\nurl = \"a\"", "3:1", "unknown key \"url\"");
        let page = |line: &str| format!("[[watch]]\nsource = \"page\"\nname = \"a\"\n{line}\n");
        assert_refused(&page("url = \"grafana:3000\""), "4:7", "it is neither http nor https");
        assert_refused(&page("url = \"grafana\""), "4:7", "it is not a URL");
        assert_refused(&page("url = \"http://me:pw@x/\""), "4:7", "do not belong in a file");
        assert_refused(&page("url = \"http://x/\"\nstatus = 99"), "5:10", "not a final HTTP status");
        assert_refused(&page("url = \"http://x/\"\ncontains = \"\""), "5:12", "it is empty");
        assert_refused(
            &page("url = \"http://x/\"\nexpression = \"x\""),
            "5:14",
            "is neither up (1 if it answers",
        );
        assert_refused("[[watch]]\nsource = \"page\"\nname = \"a\\nb\"", "3:8", "more than one line");
        let prometheus = |lines: &str| {
            format!("[[watch]]\nsource = \"prometheus\"\nname = \"a\"\nurl = \"http://x/\"\n{lines}\n")
        };
        assert_refused(&prometheus("targets = []"), "5:11", "leave it out for all targets");
        assert_refused(&prometheus("targets = [1]"), "5:12", "a string is wanted here, this is an integer");
        let item = |lines: &str| prometheus(&format!("expression = \"up\"\n{lines}"));
        assert_refused(&item("warn_over = 1\nfail_under = 2"), "7:14", "limits on one side");
        assert_refused(&item("warn_over = 2\nfail_over = 1"), "6:13", "before the warning's");
        assert_refused(&item("warn_under = 1\nfail_under = 2"), "6:14", "before the warning's");
        assert_refused(&item("judge = \"maximum\""), "6:9", "there is no judge \"maximum\"");
        assert_refused(&item("fail_under = 1\njudge = \"growth\""), "7:9", "_over only");
        assert_refused(&item("every = \"1ms\""), "6:9", "200ms at least");
        assert_refused(&prometheus("warn_over = 1"), "5:13", "the block has no expression");
        let twice = item("") + &item("");
        assert_refused(&twice, "9:8", "another item has this name already");
    }

    #[test]
    fn the_former_spelling_is_refused_with_the_new_one() {
        let former = [
            ("[[http]]\nname = \"a\"", "[[http]] is now [[watch]] with source = \"page\""),
            (
                "[prometheus]\nurl = \"a\"",
                "[prometheus] is now [[watch]] with source = \"prometheus\" and a name",
            ),
            ("[[redis]]\nname = \"a\"", "[[redis]] is now [[watch]] with source = \"redis\""),
        ];
        for (text, message) in former {
            assert_refused(text, "1:1", message);
        }
    }
}
