//! This file tells notifications of extensions from those that some revision knows.
//!
//! Pure. Whether such a one is carried is decided by those who know both peers.

/// Longest method.
const METHOD_MAX: usize = 128;

/// The notifications of all revisions and of tasks, of clients and of servers.
const KNOWN: [&str; 13] = [
    "notifications/cancelled",
    "notifications/elicitation/complete",
    "notifications/initialized",
    "notifications/message",
    "notifications/progress",
    "notifications/prompts/list_changed",
    "notifications/resources/list_changed",
    "notifications/resources/updated",
    "notifications/roots/list_changed",
    "notifications/subscriptions/acknowledged",
    "notifications/tasks",
    "notifications/tasks/status",
    "notifications/tools/list_changed",
];

/// Whether a notification may be one of an extension: its method says that it is a notification, and no
/// revision knows it. A request that came without an id is none.
pub fn is_of_extension(method: &str) -> bool {
    let named = method.starts_with("notifications/") || method.contains("/notifications/");
    let visible =
        method.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
    named && visible && method.len() <= METHOD_MAX && !KNOWN.contains(&method)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_revision_knows_is_of_an_extension() {
        for of_one in ["notifications/mock/tick", "io.mock/notifications/tick", "notifications/x"] {
            assert!(is_of_extension(of_one), "{of_one}");
        }
        let long = format!("notifications/{}", "x".repeat(METHOD_MAX));
        let others =
            ["", "tools/call", "mock/reverse", "notifications/a b", "notifications/\"", &long];
        for other in KNOWN.into_iter().chain(others) {
            assert!(!is_of_extension(other), "{other}");
        }
    }
}
