//! This file says what is wrong with settings, in sentences a person can act upon.
//! It does not look for problems, nor decide what becomes of the daemon.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One thing that is wrong: where it stands, and what was expected there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Problem {
    /// The file, or another source such as `environment variable CONDUCTOR_LISTEN__HTTP`.
    pub file: String,
    /// The path of the key, such as `mcpServers.git.args[0]`; empty for the whole file.
    pub key: String,
    /// What was found there and what to do about it.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key.as_str() {
            "" => write!(f, "{}: {}", self.file, self.message),
            key => write!(f, "{}: {key}: {}", self.file, self.message),
        }
    }
}

/// Why there are no settings: everything found wrong, at least one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigError {
    /// What is wrong, in the order of sources and keys.
    pub problems: Vec<Problem>,
}

impl ConfigError {
    pub(crate) fn new(mut problems: Vec<Problem>) -> Self {
        let mut seen = std::collections::BTreeSet::new();
        problems.retain(|problem| seen.insert(problem.clone()));
        Self { problems }
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    /// The problem itself if there is one, else a heading and a line for each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [problem] = self.problems.as_slice() {
            return write!(f, "{problem}");
        }
        write!(f, "the settings have {} problems", self.problems.len())?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(key: &str, message: &str) -> Problem {
        Problem { file: "a.toml".into(), key: key.into(), message: message.into() }
    }

    #[test]
    fn one_problem_is_one_line() {
        let error = ConfigError::new(vec![problem("listen.http", "must be text")]);
        assert_eq!(error.to_string(), "a.toml: listen.http: must be text");
    }

    #[test]
    fn several_problems_are_a_list_without_repetition() {
        let error = ConfigError::new(vec![
            problem("", "first"),
            problem("b", "second"),
            problem("", "first"),
        ]);
        assert_eq!(
            error.to_string(),
            "the settings have 2 problems\n  a.toml: first\n  a.toml: b: second"
        );
    }

    #[test]
    fn a_machine_gets_file_key_and_message() {
        let json = serde_json::to_value(ConfigError::new(vec![problem("b", "c")])).unwrap();
        assert_eq!(
            json,
            serde_json::json!({"problems": [{"file": "a.toml", "key": "b", "message": "c"}]})
        );
    }
}
