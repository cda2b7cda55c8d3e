//! What to add to the servers so that a metric that is missing is there.
//!
//! Data: a row a family of metrics. Invariant: each row names the exact dependency, property or line.

use crate::lang::{Reason, Sentence};

/// By the beginning of a metric's name; the first that fits.
const ROWS: [(&str, Reason); 15] = [
    ("http_server_requests_seconds_bucket", Reason::AddHistogram),
    ("hikaricp_", Reason::AddPool),
    ("process_resident_memory_bytes", Reason::RunProcessExporter),
    ("namedprocess_", Reason::RunProcessExporter),
    ("container_", Reason::RunCadvisor),
    ("redis_", Reason::RunRedisExporter),
    ("nginx_", Reason::RunNginxExporter),
    ("process_", Reason::AddSpring),
    ("system_", Reason::AddSpring),
    ("jvm_", Reason::AddSpring),
    ("http_server_requests_", Reason::AddSpring),
    ("logback_", Reason::AddSpring),
    ("tomcat_", Reason::AddSpring),
    ("jdbc_", Reason::AddSpring),
    ("executor_", Reason::AddSpring),
];

/// How to have this metric; nothing if nobody can say.
pub fn for_metric(name: &str) -> Sentence {
    row(name).map(Sentence::from).unwrap_or_default()
}

/// How to have one of the metrics that an expression names, of whatever language.
pub fn for_expression(expression: &str) -> Option<Reason> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    expression.split(|c| !is_part(c)).find_map(row)
}

fn row(name: &str) -> Option<Reason> {
    ROWS.iter().find(|(begin, _)| name.starts_with(begin)).map(|(_, advice)| *advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_have_their_own_advice() {
        for (metric, advice) in [
            ("http_server_requests_seconds_bucket", Reason::AddHistogram),
            ("http_server_requests_seconds_count", Reason::AddSpring),
            ("process_cpu_usage", Reason::AddSpring),
            ("process_resident_memory_bytes", Reason::RunProcessExporter),
        ] {
            assert_eq!(for_metric(metric), advice.into(), "{metric}");
        }
        assert!(for_metric("my_own").is_empty());
        let expression = "max by (name) (rate(container_cpu_usage_seconds_total[1m]))";
        assert_eq!(for_expression(expression), Some(Reason::RunCadvisor));
    }
}
