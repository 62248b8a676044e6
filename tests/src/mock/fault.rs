//! This file names the faults and reads them from `NAME[=ARG]`.
//! It leaves doing them to `startup.rs`, `call_faults.rs`, `malformed.rs` and `protocol.rs`.

use std::str::FromStr;

use clap::ValueEnum;
use conductor_e2e::ways::WAYS;

/// One fault with its argument, if any was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    pub(crate) arg: Option<String>,
}

impl Fault {
    /// The argument as a number, or `default` where none was given.
    pub(crate) fn number(&self, default: u64) -> u64 {
        self.arg.as_deref().and_then(|arg| arg.parse().ok()).unwrap_or(default)
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, arg) = match text.split_once('=') {
            Some((name, arg)) => (name, Some(arg.to_owned())),
            None => (text, None),
        };
        let kind = Kind::from_str(name, false).map_err(|_| format!("no fault named {name:?}"))?;
        if kind.wants_number() && arg.as_deref().is_some_and(|arg| arg.parse::<u64>().is_err()) {
            return Err(format!("{name} takes a number, not {arg:?}"));
        }
        if kind == Kind::BadTool && arg.as_deref().is_some_and(|arg| !WAYS.contains(&arg)) {
            return Err(format!("{name} takes one of {}", WAYS.join(", ")));
        }
        Ok(Self { kind, arg })
    }
}

/// What can go wrong. Numbers in brackets are the defaults of the argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Kind {
    // At the start of the process.
    /// Writes a line to stderr and exits 1 at once.
    CrashStart,
    /// Exits with code (0) at once; as a tool: during the call.
    Exit,
    /// Exits 0, (100) ms after the handshake.
    Exit0,
    /// Exits 1, (1000) ms after the handshake.
    CrashAfter,
    /// Reads nothing and answers nothing for (20000) ms, then is healthy.
    SlowStart,
    /// Answers neither `initialize` nor `server/discover`.
    HangInit,
    /// Answers the handshake with a result of the wrong shape, then exits 1.
    BadInit,
    /// Writes (1048576) bytes to stderr before it reads anything.
    StderrFirst,
    /// Ignores end of input, SIGTERM, SIGINT and SIGHUP.
    Stubborn,
    /// Ends (1500) ms after the end of its input.
    SlowEnd,
    /// Starts a child and a grandchild on the same pipes; pids go to the file ARG.
    ForkTree,
    /// Answers one message after the other: no ping while a call runs.
    Busy,

    // In lists.
    /// Never answers `tools/list`.
    HangList,
    /// One malformed tool among the healthy ones; ARG says which way (see `malformed.rs`).
    BadTool,
    /// Every page of `tools/list` names the same next page.
    CursorLoop,
    /// Every page of `tools/list` names yet another one.
    CursorEndless,

    // After the first answer to `tools/list`, or by a call of the tool of that name.
    /// Answers nothing any more, but reads.
    Mute,
    /// Closes stdout and lives on.
    CloseStdout,
    /// Stops reading stdin.
    NoStdin,
    /// Stops reading and writes JSON of no known shape, (0) lines, 0 for ever.
    ShapeFlood,
    /// Writes (1073741824) bytes without a line end.
    EndlessLine,
    /// Writes (1073741824) bytes of log notifications.
    NotifyFlood,
    /// Sends (1000) `list_changed` notifications a second for ten seconds.
    ChangedStorm,
    /// Writes (104857600) bytes without a line end to stderr.
    StderrFlood,
    /// Keeps two threads of the processor busy for (600000) ms.
    Spin,
    /// Takes (100) MiB of memory, writes to all of it and never gives it back.
    Hoard,

    // On every answer to `tools/call`, or on that of the tool of that name.
    /// Kills itself with SIGKILL instead of answering.
    CallKill,
    /// Appends a line to the file ARG, then kills itself instead of answering.
    CountKill,
    /// Never answers.
    Hang,
    /// Answers with a text of (17) MiB.
    Big,
    /// Answers with a text that is not UTF-8.
    BadUtf8,
    /// Writes half of the answer and nothing after it.
    Partial,
    /// Writes the answer byte by byte, one a millisecond.
    Dribble,
    /// Ends lines with CR LF.
    Crlf,
    /// Puts a byte order mark before the line.
    Bom,
    /// Puts blank lines before the line.
    Blank,
    /// Puts `progress 10%` and a carriage return before the line.
    CrProgress,
    /// Puts (2000) lines of plain text before the line.
    Noise,
    /// Answers under another id.
    WrongId,
    /// Answers twice, the second time with another text.
    DupId,
    /// Answers with the id as text.
    StrId,
    /// Answers with the id null.
    NullId,
    /// Answers after (1000) ms, cancelled or not.
    Late,
    /// Asks the client four things first and tells what came back within (2000) ms.
    AskBack,
}

impl Kind {
    /// Faults that a call of the tool of the same name triggers.
    pub(crate) const BY_CALL: [Self; 31] = [
        Self::Exit,
        Self::Mute,
        Self::CloseStdout,
        Self::NoStdin,
        Self::ShapeFlood,
        Self::EndlessLine,
        Self::NotifyFlood,
        Self::ChangedStorm,
        Self::StderrFlood,
        Self::Spin,
        Self::Hoard,
        Self::Busy,
        Self::ForkTree,
        Self::CallKill,
        Self::CountKill,
        Self::Hang,
        Self::Big,
        Self::BadUtf8,
        Self::Partial,
        Self::Dribble,
        Self::Crlf,
        Self::Bom,
        Self::Blank,
        Self::CrProgress,
        Self::Noise,
        Self::WrongId,
        Self::DupId,
        Self::StrId,
        Self::NullId,
        Self::Late,
        Self::AskBack,
    ];

    /// Faults that begin by themselves once `tools/list` was answered.
    pub(crate) const AFTER_LIST: [Self; 10] = [
        Self::Mute,
        Self::CloseStdout,
        Self::NoStdin,
        Self::ShapeFlood,
        Self::EndlessLine,
        Self::NotifyFlood,
        Self::ChangedStorm,
        Self::StderrFlood,
        Self::Spin,
        Self::Hoard,
    ];

    /// Faults that, given by flag, spoil the answer to every call.
    pub(crate) fn spoils_answers(self) -> bool {
        Self::BY_CALL.contains(&self)
            && !Self::AFTER_LIST.contains(&self)
            && !matches!(self, Self::Exit | Self::Busy | Self::ForkTree)
    }

    /// Faults of the way a line is written; given by flag they are on every line.
    pub(crate) fn is_on_every_line(self) -> bool {
        matches!(
            self,
            Self::Dribble | Self::Crlf | Self::Bom | Self::Blank | Self::CrProgress | Self::Noise
        )
    }

    /// The name on the command line, which is also the tool's.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// The kind whose tool has this name.
    pub(crate) fn of_tool(name: &str) -> Option<Self> {
        Self::from_str(name, false).ok().filter(|kind| Self::BY_CALL.contains(kind))
    }

    fn wants_number(self) -> bool {
        !matches!(self, Self::BadTool | Self::ForkTree | Self::CountKill)
    }
}
