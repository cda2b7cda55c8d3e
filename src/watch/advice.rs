//! What to add to the servers so that a metric that is missing is there.
//!
//! Data: a row a family of metrics. Invariant: each row names the exact dependency, property or line.

/// The dependency and the property that give a Spring Boot server its page of metrics.
pub const SPRING: &str = "add io.micrometer:micrometer-registry-prometheus to the server's dependencies, and \
                          management.endpoints.web.exposure.include=prometheus to its properties";

/// What shows the resident memory of a Java server.
const RESIDENT: &str = "Spring's page does not have the resident memory: run process-exporter \
                        (ncabatoff/process-exporter) beside the servers, or cAdvisor beside the containers";

/// By the beginning of a metric's name; the first that fits.
const ROWS: [(&str, &str); 15] = [
    (
        "http_server_requests_seconds_bucket",
        "add management.metrics.distribution.percentiles-histogram.http.server.requests=true to the server's properties",
    ),
    (
        "hikaricp_",
        "the server needs a HikariCP pool, Spring's default, and its page of metrics: \
         io.micrometer:micrometer-registry-prometheus and management.endpoints.web.exposure.include=prometheus",
    ),
    ("process_resident_memory_bytes", RESIDENT),
    ("namedprocess_", RESIDENT),
    ("container_", "run cAdvisor (gcr.io/cadvisor/cadvisor) beside the containers"),
    ("redis_", "run a redis_exporter, or give --redis URL"),
    ("nginx_", "run an nginx-prometheus-exporter, or add a [[watch]] of source \"nginx\""),
    ("process_", SPRING),
    ("system_", SPRING),
    ("jvm_", SPRING),
    ("http_server_requests_", SPRING),
    ("logback_", SPRING),
    ("tomcat_", SPRING),
    ("jdbc_", SPRING),
    ("executor_", SPRING),
];

/// How to have this metric.
pub fn for_metric(name: &str) -> &'static str {
    ROWS.iter().find(|(begin, _)| name.starts_with(begin)).map_or("", |(_, advice)| advice)
}

/// How to have one of the metrics that an expression names, of whatever language.
pub fn for_expression(expression: &str) -> &'static str {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    expression.split(|c| !is_part(c)).map(for_metric).find(|advice| !advice.is_empty()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_have_their_own_advice() {
        assert!(for_metric("http_server_requests_seconds_bucket").contains("percentiles-histogram"));
        assert_eq!(for_metric("http_server_requests_seconds_count"), SPRING);
        assert_eq!(for_metric("my_own"), "");
        assert_eq!(
            (for_metric("process_cpu_usage"), for_metric("process_resident_memory_bytes")),
            (SPRING, RESIDENT)
        );
        assert!(
            for_expression("max by (name) (rate(container_cpu_usage_seconds_total[1m]))")
                .contains("cAdvisor")
        );
    }
}
