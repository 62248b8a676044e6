//! This file says what is known of one server once its settings have been checked.
//! It does not read settings, and holds no state of the running server.

use std::{collections::BTreeMap, fmt, path::PathBuf, time::Duration};

use crate::{
    Group, Instances, Isolation, Limits, Patterns, Reach, RestartAbove, Sanitize, Secret, ServerId,
};

/// Everything about one server that the settings decide. Two specs are equal exactly if
/// nothing about the server changed.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerSpec {
    /// Its workspace and name.
    pub id: ServerId,
    /// Where its settings come from.
    pub origin: Origin,
    /// How it is reached.
    pub transport: Transport,
    /// What a person wrote about it.
    pub description: Option<String>,
    /// Whether it is to run at all.
    pub enabled: bool,
    /// Whether readiness of the whole daemon waits for it.
    pub required: bool,
    /// Patterns of tool names to show; empty means all.
    pub include_tools: Patterns,
    /// Patterns of tool names to hide; they win over `include_tools`.
    pub exclude_tools: Patterns,
    /// What is shown of tools in place of their own descriptions, by the server's names for them.
    pub tool_descriptions: BTreeMap<String, String>,
    /// Patterns of tools that do no harm when they run twice: a call that was lost with the
    /// server may be repeated once.
    pub safe_to_repeat: Patterns,
    /// When it is started.
    pub start: StartMode,
    /// How long it may be unused before it is stopped; none means never.
    pub idle_stop: Option<Duration>,
    /// Whether it is started again after it ended.
    pub restart: RestartPolicy,
    /// What follows when one of its tools is not as it was approved.
    pub pins: PinPolicy,
    /// Patterns of tools whose arguments are checked against their schemas before a call is sent.
    pub validate_arguments: Patterns,
    /// What is done about what is found in its definitions.
    pub sanitize: Sanitize,
    /// From its start to the answer of its handshake, at most.
    pub startup_timeout: Duration,
    /// The deadline of one call.
    pub timeout: Duration,
    /// How many calls it is given at once, at least 1.
    pub max_in_flight: usize,
    /// How it is asked whether it is alive.
    pub heartbeat: Heartbeat,
    /// How long to wait between restarts.
    pub backoff: Backoff,
    /// How many restarts are too many.
    pub restarts: Restarts,
    /// How much time it gets to end.
    pub stop: StopGrace,
    /// What each of its processes may take of the machine.
    pub limits: Limits,
    /// How much it may use before it is replaced.
    pub restart_above: RestartAbove,
    /// Who shares a process of it.
    pub isolation: Isolation,
    /// How many it may have if it is not shared.
    pub instances: Instances,
    /// After running this long the back-off begins anew.
    pub stable_after: Duration,
    /// How often a server that was given up is tried once more.
    pub retry_failed: Duration,
    /// The longest line it may write, in bytes.
    pub max_line: u64,
    /// Which generation of the protocol it is spoken to in.
    pub protocol: ProtocolMode,
    /// Its own Unix socket.
    pub socket: PathBuf,
    /// The mode of that socket, such as `0o660`.
    pub socket_mode: u32,
    /// The group that socket belongs to; none means that of the daemon.
    pub socket_group: Option<Group>,
}

/// How a server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// A child process, spoken to over its stdin and stdout.
    Stdio(StdioSpec),
    /// A server elsewhere, spoken to over HTTP.
    Remote(RemoteSpec),
}

impl Transport {
    /// `stdio`, `http` or `sse`.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Stdio(_) => "stdio",
            Self::Remote(remote) => remote.kind.as_str(),
        }
    }
}

/// A program to run.
#[derive(Clone, PartialEq, Eq)]
pub struct StdioSpec {
    /// A path, or a name to be looked up in `PATH`; never empty if the server is enabled.
    pub program: String,
    /// Its arguments, one each; no shell sees them.
    pub args: Vec<String>,
    /// Variables set for it, on top of the few it inherits.
    pub env: BTreeMap<String, Secret>,
    /// Its working directory, absolute; none means the daemon's own.
    pub cwd: Option<PathBuf>,
}

impl fmt::Debug for StdioSpec {
    /// Leaves out the arguments: they carry tokens often enough.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StdioSpec")
            .field("program", &self.program)
            .field("args", &format_args!("[{} arguments]", self.args.len()))
            .field("env", &self.env)
            .field("cwd", &self.cwd)
            .finish()
    }
}

/// A server that runs elsewhere.
#[derive(Clone, PartialEq, Eq)]
pub struct RemoteSpec {
    /// Which HTTP transport it speaks.
    pub kind: RemoteKind,
    /// Its endpoint, `http` or `https`, with a host.
    pub url: String,
    /// Headers sent with every request; names as written.
    pub headers: BTreeMap<String, Secret>,
    /// Where its host may be.
    pub reach: Reach,
}

impl RemoteSpec {
    /// Whether an `Authorization` header is set, in whatever case; then it is sent as
    /// given and no authorization is negotiated.
    #[must_use]
    pub fn has_authorization(&self) -> bool {
        self.headers.keys().any(|name| name.eq_ignore_ascii_case("authorization"))
    }

    /// The URL without credentials, query and fragment, fit to be shown.
    #[must_use]
    pub fn shown_url(&self) -> String {
        let end = self.url.find(['?', '#']).unwrap_or(self.url.len());
        let url = &self.url[..end];
        let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        format!("{scheme}://{host}{path}")
    }
}

impl fmt::Debug for RemoteSpec {
    /// Shows of the URL what [`RemoteSpec::shown_url`] shows.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteSpec")
            .field("kind", &self.kind)
            .field("url", &self.shown_url())
            .field("headers", &self.headers)
            .finish()
    }
}

/// A setting that is one of a few words.
pub(crate) trait Choice: Copy + 'static {
    /// The words and what they mean.
    const WORDS: &'static [(&'static str, Self)];
}

macro_rules! choice {
    ($(#[$doc:meta])* $type:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $type {
            $($(#[$variant_doc])* $variant),+
        }

        impl $type {
            /// The word it has in settings.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }

            /// What a word in settings means; none if it means nothing.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                let found = Self::WORDS.iter().find(|(known, _)| *known == word);
                found.map(|(_, value)| *value)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl Choice for $type {
            const WORDS: &'static [(&'static str, Self)] =
                &[$(($word, Self::$variant)),+];
        }
    };
}
pub(crate) use choice;

choice! {
    /// Which HTTP transport a remote server speaks.
    RemoteKind {
        /// Streamable HTTP.
        Http = "http",
        /// HTTP with server-sent events, of the revision 2024-11-05.
        Sse = "sse",
    }
}

choice! {
    /// When a server is started.
    StartMode {
        /// With the daemon.
        Eager = "eager",
        /// With its first use.
        Lazy = "lazy",
    }
}

choice! {
    /// Whether a server is started again after it ended.
    RestartPolicy {
        /// Unless it ended by itself with exit status 0.
        OnFailure = "on-failure",
        /// However it ended.
        Always = "always",
        /// Not until someone asks.
        Never = "never",
    }
}

choice! {
    /// Where the settings of a server come from.
    Origin {
        /// A file, or the environment over it.
        File = "file",
        /// It was registered while the daemon ran.
        Api = "api",
    }
}

choice! {
    /// What follows when a tool is not as it was approved.
    PinPolicy {
        /// Nothing: it is approved as it is.
        Allow = "allow",
        /// It is shown, and told.
        Warn = "warn",
        /// It is held back until somebody approves it.
        Hold = "hold",
    }
}

choice! {
    /// Which generation of the protocol a server is spoken to in.
    ProtocolMode {
        /// Found out at its first start.
        Auto = "auto",
        /// With `initialize`, up to 2025-11-25.
        Legacy = "legacy",
        /// With `server/discover`, from 2026-07-28.
        Modern = "modern",
    }
}

/// How a server is asked whether it is alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    /// From one question to the next; never zero.
    pub interval: Duration,
    /// How long an answer may take; never zero.
    pub timeout: Duration,
    /// How many missed answers in a row are a death, at least 1.
    pub misses: u32,
}

/// How long to wait between restarts: `min`, doubled each time up to `max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The first wait; never zero.
    pub min: Duration,
    /// The longest wait; never less than `min`.
    pub max: Duration,
}

/// How many restarts are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restarts {
    /// Restarts within `window` that are still fine.
    pub max: u32,
    /// How far back they are counted; never zero.
    pub window: Duration,
}

/// How much time a server gets to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StopGrace {
    /// From the end of its stdin to SIGTERM.
    pub stdin_grace: Duration,
    /// From SIGTERM to SIGKILL.
    pub term_grace: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(url: &str, header: &str) -> RemoteSpec {
        let headers = BTreeMap::from([(header.to_owned(), Secret::new("s3cret".to_owned()))]);
        RemoteSpec { kind: RemoteKind::Http, url: url.to_owned(), headers, reach: Reach::Anywhere }
    }

    #[test]
    fn nothing_secret_shows_in_debug_output() {
        let stdio = StdioSpec {
            program: "npx".to_owned(),
            args: vec!["--token=s3cret".to_owned()],
            env: BTreeMap::from([("TOKEN".to_owned(), Secret::new("s3cret".to_owned()))]),
            cwd: None,
        };
        let remote = remote("https://me:s3cret@host.example:8443/mcp?key=s3cret", "X-Key");
        let shown = format!("{stdio:?} {remote:?}");
        assert!(!shown.contains("s3cret"), "{shown}");
        assert!(shown.contains("https://host.example:8443/mcp"), "{shown}");
    }

    #[test]
    fn a_word_is_read_as_it_prints() {
        for (word, value) in RestartPolicy::WORDS {
            assert_eq!(RestartPolicy::from_word(word), Some(*value));
            assert_eq!(value.to_string(), *word);
        }
        assert_eq!(RestartPolicy::from_word("sometimes"), None);
    }

    #[test]
    fn p22_an_authorization_header_is_found_in_any_case() {
        for (name, expected) in [
            ("authorization", true),
            ("Authorization", true),
            ("AUTHORIZATION", true),
            ("X-Authorization", false),
        ] {
            assert_eq!(
                remote("https://host.example", name).has_authorization(),
                expected,
                "{name}"
            );
        }
    }
}
