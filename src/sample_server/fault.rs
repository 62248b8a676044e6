//! This file has a sample server go wrong in a named way, once its tool `misbehave` is called.
//! It leaves what a gateway makes of it to the trials of `conductor doctor --chaos`.

use std::io;

use clap::ValueEnum;
use conductor_actors::{Harm, harm_self};
use rmcp::model::{Tool, ToolAnnotations};
use serde::Serialize;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::time::{Duration, sleep};
use tokio_util::sync::CancellationToken;

use super::tools::schema;

/// The tool that sets it off.
pub(super) const TOOL: &str = "misbehave";
/// Lines of garbage before an answer.
const GARBAGE: usize = 500;
/// Between two bytes of an answer that drips.
const DRIP: Duration = Duration::from_millis(5);
/// Of a flood, so much at once.
const WAVE: usize = 64 * 1024;

/// The ways to go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// Ends at once, as by `kill -9`
    Kill,
    /// Stands still, as by `kill -STOP`
    Stop,
    /// Writes lines that are no messages, then answers
    Garbage,
    /// Writes half of its answer and is silent from then on
    HalfLine,
    /// Writes without end, and answers nothing any more
    Flood,
    /// Answers byte by byte
    SlowDrip,
}

impl Fault {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 6] =
        [Self::Kill, Self::Stop, Self::Garbage, Self::HalfLine, Self::Flood, Self::SlowDrip];

    /// Its name on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Stop => "stop",
            Self::Garbage => "garbage",
            Self::HalfLine => "half-line",
            Self::Flood => "flood",
            Self::SlowDrip => "slow-drip",
        }
    }
}

/// A fault that waits to be set off. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Armed {
    pub(super) fault: Fault,
    set_off: CancellationToken,
}

impl Armed {
    pub(super) fn new(fault: Fault) -> Self {
        Self { fault, set_off: CancellationToken::new() }
    }

    /// Sets it off. Returns if an answer is to be tried, never if there is to be none.
    pub(super) async fn set_off(&self) {
        self.set_off.cancel();
        let harmed = match self.fault {
            Fault::Kill => harm_self(Harm::Kill),
            Fault::Stop => harm_self(Harm::Freeze),
            Fault::Flood => std::future::pending().await,
            Fault::Garbage | Fault::HalfLine | Fault::SlowDrip => Ok(()),
        };
        drop(harmed); // refused, or over: then it is answered like any other call
    }
}

/// What the tool that sets it off says of itself.
pub(super) fn tool() -> Tool {
    let hints = ToolAnnotations::new().read_only(false).destructive(true).idempotent(false);
    Tool::new(TOOL, "Has this server go wrong.", schema(json!({}), &[])).with_annotations(hints)
}

/// Carries what the server writes line by line, and spoils it once the fault is set off. Ends when
/// there is no more, or nobody reads it.
pub(super) async fn carry<R, W>(from: R, mut to: W, armed: Armed) -> io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    let mut spoilt = false;
    loop {
        line.clear();
        tokio::select! {
            read = from.read_until(b'\n', &mut line) => if read? == 0 { return Ok(()) },
            () = armed.set_off.cancelled(), if armed.fault == Fault::Flood => {
                return flood(&mut to).await;
            }
        }
        let is_set_off = armed.set_off.is_cancelled() && !spoilt;
        spoilt |= is_set_off;
        match armed.fault {
            Fault::Garbage if is_set_off => {
                to.write_all(&garbage()).await?;
                to.write_all(&line).await?;
            }
            Fault::HalfLine if is_set_off => {
                to.write_all(&line[..line.len() / 2]).await?;
                to.flush().await?;
                return std::future::pending().await;
            }
            Fault::SlowDrip if is_set_off => drip(&mut to, &line).await?,
            _ => to.write_all(&line).await?,
        }
        to.flush().await?;
    }
}

/// What servers write to stdout by mistake, and worse.
fn garbage() -> Vec<u8> {
    let lines: [&[u8]; 5] = [
        b"Downloading package: 10%\n",
        b"{\"level\":\"info\",\"msg\":\"ready\"}\n",
        b"{\"jsonrpc\":\"2.0\",\n",
        b"\xff\xfe\x00 not even text\n",
        b"\n",
    ];
    lines.into_iter().cycle().take(GARBAGE).flatten().copied().collect()
}

async fn flood(to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
    let line = b"{\"level\":\"debug\",\"msg\":\"still here\"}\n";
    let wave: Vec<u8> =
        line.iter().copied().cycle().take(line.len() * (WAVE / line.len())).collect();
    loop {
        to.write_all(&wave).await?;
    }
}

async fn drip(to: &mut (impl AsyncWrite + Unpin), line: &[u8]) -> io::Result<()> {
    for byte in line {
        to.write_all(&[*byte]).await?;
        to.flush().await?;
        sleep(DRIP).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    /// What comes of two lines when the fault is set off between them, as far as it comes at once.
    async fn carried(fault: Fault) -> Vec<u8> {
        let armed = Armed::new(fault);
        let (mut server, from) = tokio::io::duplex(1024);
        let (to, mut client) = tokio::io::duplex(1 << 20);
        let carrying = tokio::spawn(carry(from, to, armed.clone()));
        let mut got = vec![0; 6];
        server.write_all(b"first\n").await.unwrap();
        client.read_exact(&mut got).await.unwrap();
        armed.set_off.cancel();
        server.write_all(b"second\n").await.unwrap();
        sleep(Duration::from_secs(10)).await;
        drop(server);
        let mut rest = vec![0; 1 << 17];
        let read = client.read(&mut rest).await.unwrap();
        carrying.abort();
        rest.truncate(read);
        got.extend(rest);
        got
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_spoilt_as_the_fault_says() {
        assert_eq!(carried(Fault::SlowDrip).await, b"first\nsecond\n");
        assert_eq!(carried(Fault::HalfLine).await, b"first\nsec");
        let garbage = carried(Fault::Garbage).await;
        assert!(garbage.len() > 5_000 && garbage.ends_with(b"second\n"), "{}", garbage.len());
        assert_eq!(carried(Fault::Flood).await.len(), 6 + (1 << 17));
    }

    #[test]
    fn a_fault_is_read_as_it_is_written() {
        for fault in Fault::ALL {
            assert_eq!(Fault::from_str(fault.as_str(), false), Ok(fault));
        }
        assert_eq!(Fault::ALL.len(), Fault::value_variants().len());
    }
}
