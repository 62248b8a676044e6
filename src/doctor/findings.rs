//! This file is the form of what was found: one check, how bad it is, what to do about it, and the
//! report of all of them for people.
//!
//! Pure. It leaves finding anything to the judges.

use serde::Serialize;

/// What a check is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Area {
    /// The settings files as such.
    Settings,
    /// One entry of the settings.
    Servers,
    /// What the system gives.
    Machine,
    /// The running daemon and how its servers do.
    Daemon,
}

impl Area {
    const ALL: [Self; 4] = [Self::Settings, Self::Servers, Self::Machine, Self::Daemon];

    fn as_str(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Servers => "servers",
            Self::Machine => "machine",
            Self::Daemon => "daemon",
        }
    }
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    /// As it should be.
    Ok,
    /// It works, and may surprise.
    Warning,
    /// It does not work.
    Problem,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    pub(crate) area: Area,
    /// What was looked at: a server, a file, a part of the machine.
    pub(crate) subject: String,
    pub(crate) level: Level,
    /// What was found.
    pub(crate) message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cure: Option<String>,
    /// Lines that belong to it, as the last words of a server.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) details: Vec<String>,
}

impl Check {
    /// Something that is as it should be.
    pub(crate) fn ok(area: Area, subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            area,
            subject: subject.into(),
            level: Level::Ok,
            message: message.into(),
            cure: None,
            details: Vec::new(),
        }
    }

    /// The same as something that works, and may surprise.
    pub(crate) fn warns(self, cure: impl Into<String>) -> Self {
        Self { level: Level::Warning, cure: Some(cure.into()), ..self }
    }

    /// The same as something that does not work.
    pub(crate) fn fails(self, cure: impl Into<String>) -> Self {
        Self { level: Level::Problem, cure: Some(cure.into()), ..self }
    }

    /// The same with lines below it.
    pub(crate) fn with_details(self, details: Vec<String>) -> Self {
        Self { details, ..self }
    }
}

/// All checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Report {
    pub(crate) problems: usize,
    pub(crate) warnings: usize,
    pub(crate) checks: Vec<Check>,
}

impl Report {
    /// The checks in the order of their areas, else as they come.
    pub(crate) fn new(mut checks: Vec<Check>) -> Self {
        checks.sort_by_key(|check| check.area);
        let count = |level| checks.iter().filter(|check| check.level == level).count();
        Self { problems: count(Level::Problem), warnings: count(Level::Warning), checks }
    }

    /// A paragraph for each area, and the sum.
    pub(crate) fn text(&self) -> String {
        let mut parts: Vec<String> =
            Area::ALL.iter().filter_map(|area| self.paragraph(*area)).collect();
        parts.push(self.sum());
        parts.join("\n\n")
    }

    fn paragraph(&self, area: Area) -> Option<String> {
        let checks: Vec<&Check> = self.checks.iter().filter(|check| check.area == area).collect();
        if checks.is_empty() {
            return None;
        }
        let width = checks.iter().map(|check| check.subject.chars().count()).max().unwrap_or(0);
        let lines = checks.iter().map(|check| lines(check, width));
        Some(std::iter::once(area.as_str().to_owned()).chain(lines).collect::<Vec<_>>().join("\n"))
    }

    fn sum(&self) -> String {
        let counted = |count: usize, word: &str| match count {
            1 => format!("1 {word}"),
            count => format!("{count} {word}s"),
        };
        match (self.problems, self.warnings) {
            (0, 0) => "all is well".to_owned(),
            (0, warnings) => format!("no problems, {}", counted(warnings, "warning")),
            (problems, 0) => counted(problems, "problem"),
            (problems, warnings) => {
                format!("{}, {}", counted(problems, "problem"), counted(warnings, "warning"))
            }
        }
    }
}

fn lines(check: &Check, width: usize) -> String {
    let indent = " ".repeat(2 + 7 + 2 + width + 2);
    let mut text = format!(
        "  {:7}  {:width$}  {}",
        check.level.as_str(),
        check.subject,
        check.message.replace('\n', " ")
    );
    for line in &check.details {
        text.push_str(&format!("\n{indent}| {line}"));
    }
    if let Some(cure) = &check.cure {
        text.push_str(&format!("\n{indent}→ {cure}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_a_paragraph_for_each_area_and_the_sum() {
        let down = Check::ok(Area::Daemon, "git", "it exited with code 1");
        let checks = vec![
            down.fails("run it by hand").with_details(vec!["last words".into()]),
            Check::ok(Area::Settings, "a.toml", "2 servers"),
            Check::ok(Area::Servers, "git", "runs /bin/git"),
            Check::ok(Area::Servers, "files", "is elsewhere").warns("look"),
        ];
        let report = Report::new(checks);
        assert_eq!((report.problems, report.warnings), (1, 1));
        assert_eq!(
            report.text(),
            "\
settings
  ok       a.toml  2 servers

servers
  ok       git    runs /bin/git
  warning  files  is elsewhere
                  → look

daemon
  problem  git  it exited with code 1
                | last words
                → run it by hand

1 problem, 1 warning"
        );
    }

    #[track_caller]
    fn check(levels: &[Level], expected: &str) {
        let checks = levels
            .iter()
            .map(|level| Check { level: *level, ..Check::ok(Area::Machine, "x", "y") });
        let text = Report::new(checks.collect()).text();
        assert_eq!(text.lines().last(), Some(expected));
    }

    #[test]
    fn the_sum_is_told_in_words() {
        check(&[], "all is well");
        check(&[Level::Ok], "all is well");
        check(&[Level::Warning, Level::Warning], "no problems, 2 warnings");
        check(&[Level::Problem, Level::Problem], "2 problems");
    }
}
