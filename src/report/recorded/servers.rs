//! `servers.csv` read back: what happened at each server, on the timeline's points.
//!
//! Invariants: a server has as many points as the timeline; a line that is cut, or not one of ours, costs
//! itself.

use std::fs::File;
use std::path::Path;

use super::{ReadError, Timeline, unreadable};
use crate::measure::routing::URLS_MAX;

/// Rows' times are rounded.
const ROUNDING_S: f64 = 0.000_6;

/// A server over time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServerSeries {
    /// Its URL, as in the result.
    pub url: String,
    /// What happened there in each point of the timeline.
    pub points: Vec<ServerPoint>,
}

/// What happened at a server in a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerPoint {
    /// Sessions sent there.
    pub sent: u64,
    /// Sessions that opened.
    pub opened: u64,
    /// Sessions that failed, on the way there or there.
    pub failed: u64,
    /// Of these, those that were open.
    pub lost: u64,
    /// Of those sent, those whose hash says another server.
    pub misrouted: u64,
    /// Open sessions whose connection ended and that came back or might have.
    pub dropped: u64,
    /// Of these, those that were given up.
    pub gave_up: u64,
    /// Sessions that dropped, here or elsewhere, and opened again here.
    pub came_back: u64,
    /// Sessions that were open no longer: lost, dropped, cut or closed by plan.
    pub gone: u64,
}

impl ServerSeries {
    /// The sum of something over all points.
    pub fn sum(&self, of: impl Fn(&ServerPoint) -> u64) -> u64 {
        self.points.iter().map(of).sum()
    }

    /// Sessions open at the end of each point, as long as accounts are open.
    pub fn open(&self) -> Vec<u64> {
        let mut open = 0_u64;
        let mut next = |point: &ServerPoint| {
            open = (open + point.opened + point.came_back).saturating_sub(point.gone);
            open
        };
        self.points.iter().map(&mut next).collect()
    }

    /// The first and the last point in which something happened.
    pub fn between(&self, of: impl Fn(&ServerPoint) -> u64) -> Option<(usize, usize)> {
        let first = self.points.iter().position(|point| of(point) > 0)?;
        let last = self.points.iter().rposition(|point| of(point) > 0)?;
        Some((first, last))
    }
}

/// Reads the file; servers are in the order of their names.
pub(super) fn read(path: &Path, timeline: &Timeline) -> Result<Vec<ServerSeries>, ReadError> {
    let file = File::open(path).map_err(|why| unreadable(path, why))?;
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(file);
    let head = reader.headers().map_err(|why| unreadable(path, why.into()))?.clone();
    let column = |name: &str| head.iter().position(|own| own == name).unwrap_or(usize::MAX);
    let counts = ["sent", "opened", "failed", "lost", "misrouted", "dropped", "gave_up", "came_back", "gone"]
        .map(column);
    let (at, server) = (column("at_s"), column("server"));
    // An older release did not count those that were closed by plan.
    let has_gone = counts[8] != usize::MAX;
    let mut series: Vec<ServerSeries> = Vec::new();
    for row in reader.records().map_while(Result::ok) {
        let cell = |k: usize| row.get(k).unwrap_or_default();
        let Some(at_s) = cell(at).parse().ok().filter(|at_s: &f64| at_s.is_finite()) else { continue };
        let point = timeline.points.partition_point(|point| point.end_s + ROUNDING_S < at_s);
        let Some(own) = of(&mut series, cell(server), timeline.points.len()) else { continue };
        // What was handed over after the last row is nowhere to be drawn.
        let Some(own) = own.points.get_mut(point) else { continue };
        let counts = counts.map(|k| cell(k).parse::<u64>().unwrap_or(0));
        let [.., lost, _, dropped, gave_up, _, gone] = counts;
        // Who is given up at once has dropped, and is lost as well.
        let left = if has_gone { gone } else { dropped + lost.saturating_sub(gave_up) };
        let ServerPoint { sent, opened, failed, lost, misrouted, dropped, gave_up, came_back, gone } = own;
        let sums = [sent, opened, failed, lost, misrouted, dropped, gave_up, came_back];
        sums.into_iter().zip(counts).for_each(|(sum, count)| *sum += count);
        *gone += left;
    }
    series.sort_by(|one, other| one.url.cmp(&other.url));
    Ok(series)
}

fn of<'s>(series: &'s mut Vec<ServerSeries>, url: &str, points: usize) -> Option<&'s mut ServerSeries> {
    let known = series.iter().position(|one| one.url == url);
    if known.is_none() && (series.len() == URLS_MAX || url.is_empty()) {
        return None;
    }
    let at = known.unwrap_or_else(|| {
        let points = vec![ServerPoint::default(); points];
        series.push(ServerSeries { url: url.to_owned(), points });
        series.len() - 1
    });
    series.get_mut(at)
}

#[cfg(test)]
mod tests {
    use super::super::Point;
    use super::*;

    fn read_text(text: &str, ends: &[f64]) -> Vec<ServerSeries> {
        let temp = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(temp.path(), text).expect("written");
        let point = |end_s: &f64| Point { end_s: *end_s, ..Point::default() };
        let timeline = Timeline { points: ends.iter().map(point).collect(), ..Timeline::default() };
        read(temp.path(), &timeline).expect("it reads")
    }

    #[test]
    fn lines_are_put_on_the_timelines_points() {
        let text = "at_s,server,sent,opened,failed,lost,misrouted,came_back,gone\n1,b,5,4,1,0,2,0,0\n1,a,3,3,0,0,0,0,0\n\
                    2,b,0,0,2,2,0,0,4\n3,b,2,2,0,0,,1,0\nx,b,9,9,9,9,9,9,9\n9,b,9,9,9,9,9,9,9\n3,b,1";
        let series = read_text(text, &[1.0, 3.0]);
        assert_eq!(series.iter().map(|one| one.url.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        let b = &series[1];
        let first = ServerPoint { sent: 5, opened: 4, failed: 1, misrouted: 2, ..ServerPoint::default() };
        assert_eq!(b.points[0], first);
        assert_eq!((b.points[1].sent, b.points[1].lost, b.points.len()), (3, 2, 2));
        assert_eq!(
            (b.open(), b.sum(|point| point.opened)),
            (vec![4, 3], 6),
            "four are gone, two cut among them"
        );
        assert_eq!(
            (b.between(|point| point.misrouted), b.between(|point| point.lost)),
            (Some((0, 0)), Some((1, 1)))
        );
    }

    #[test]
    fn who_drops_and_comes_back_is_open_where_they_are() {
        let text = "at_s,server,sent,opened,failed,lost,misrouted,dropped,gave_up,came_back\n1,a,5,5,0,0,0,0,0,0\n\
                    1,b,5,5,0,0,0,0,0,0\n2,a,0,0,1,1,0,4,1,0\n3,b,0,0,0,0,0,0,0,2\n3,a,0,0,0,0,0,0,1,0\n";
        let series = read_text(text, &[1.0, 2.0, 3.0]);
        // One of the four is given up at once, one later, and two come back to the other server.
        assert_eq!((series[0].open(), series[1].open()), (vec![5, 1, 1], vec![5, 5, 7]));
    }

    #[test]
    fn a_file_of_an_older_release_lacks_columns_only() {
        let series = read_text("at_s,server,sent,opened,failed\n1,a,3,2,1\n", &[1.0]);
        assert_eq!(
            series[0].points[0],
            ServerPoint { sent: 3, opened: 2, failed: 1, ..ServerPoint::default() }
        );
    }
}
