//! This file owns stdout: one task writes, everybody else sends it whole pieces.
//! It leaves what is written to the callers, however wrong it is.

use tokio::io::AsyncWriteExt as _;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Duration, sleep};

use super::fault::{Fault, Kind};

/// Pieces waiting for a reader that is slow; senders wait beyond it.
const QUEUE: usize = 64;

/// A piece of output.
enum Piece {
    Bytes(Vec<u8>),
    Dribble(Vec<u8>),
    Flush(oneshot::Sender<()>),
    /// Nothing is written after this, and nothing is said about it.
    Freeze,
    /// stdout is closed; the process lives on.
    Close,
}

/// The way to stdout. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    queue: mpsc::Sender<Piece>,
    every_line: Vec<Fault>,
}

impl Output {
    /// Starts the task that writes; `every_line` are the faults of all lines.
    pub(crate) fn start(every_line: Vec<Fault>) -> Self {
        let (queue, pieces) = mpsc::channel(QUEUE);
        tokio::spawn(write_all(pieces));
        Self { queue, every_line }
    }

    /// Writes one message as a line, with the faults that are on every line.
    pub(crate) async fn line(&self, text: &str) {
        self.spoiled_line(text, &self.every_line).await;
    }

    /// Writes one message as a line with these faults of writing.
    pub(crate) async fn spoiled_line(&self, text: &str, faults: &[Fault]) {
        let mut bytes = Vec::with_capacity(text.len() + 2);
        let mut end: &[u8] = b"\n";
        let mut dribble = false;
        for fault in faults {
            match fault.kind {
                Kind::Crlf => end = b"\r\n",
                Kind::Bom => bytes.extend_from_slice("\u{feff}".as_bytes()),
                Kind::Blank => bytes.extend_from_slice(b"\n\r\n   \n"),
                Kind::CrProgress => bytes.extend_from_slice(b"progress 10%\rprogress 99%\r"),
                Kind::Noise => {
                    for number in 0..fault.number(2000) {
                        bytes.extend_from_slice(format!("log line {number}\n").as_bytes());
                    }
                }
                Kind::Dribble => dribble = true,
                _ => {}
            }
        }
        bytes.extend_from_slice(text.as_bytes());
        bytes.extend_from_slice(end);
        if dribble {
            self.send(Piece::Dribble(bytes)).await;
        } else {
            self.raw(bytes).await;
        }
    }

    /// Writes these bytes as they are.
    pub(crate) async fn raw(&self, bytes: Vec<u8>) {
        self.send(Piece::Bytes(bytes)).await;
    }

    /// Returns when everything sent so far is in the pipe.
    pub(crate) async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        self.send(Piece::Flush(done)).await;
        let _ = wait.await; // the writer has gone: nothing left to wait for
    }

    /// Nothing is written any more; senders do not notice.
    pub(crate) async fn freeze(&self) {
        self.send(Piece::Freeze).await;
    }

    /// Closes stdout.
    pub(crate) async fn close(&self) {
        self.send(Piece::Close).await;
    }

    async fn send(&self, piece: Piece) {
        let _ = self.queue.send(piece).await; // the reader of our stdout has gone
    }
}

async fn write_all(mut pieces: mpsc::Receiver<Piece>) {
    let mut stdout = tokio::io::stdout();
    let mut frozen = false;
    while let Some(piece) = pieces.recv().await {
        let written = match piece {
            Piece::Bytes(bytes) if !frozen => write(&mut stdout, &bytes).await,
            Piece::Dribble(bytes) if !frozen => dribble(&mut stdout, &bytes).await,
            Piece::Bytes(_) | Piece::Dribble(_) => Ok(()),
            Piece::Flush(done) => {
                let _ = done.send(()); // the one who waited has gone
                Ok(())
            }
            Piece::Freeze => {
                frozen = true;
                Ok(())
            }
            Piece::Close => {
                frozen = true;
                close_stdout()
            }
        };
        // A pipe without a reader: go on as if nothing was, as stubborn servers do.
        frozen |= written.is_err();
    }
}

async fn write(stdout: &mut tokio::io::Stdout, bytes: &[u8]) -> std::io::Result<()> {
    stdout.write_all(bytes).await?;
    stdout.flush().await
}

async fn dribble(stdout: &mut tokio::io::Stdout, bytes: &[u8]) -> std::io::Result<()> {
    for byte in bytes {
        write(stdout, std::slice::from_ref(byte)).await?;
        sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

/// Puts `/dev/null` in stdout's place, which closes the pipe.
fn close_stdout() -> std::io::Result<()> {
    let null = std::fs::OpenOptions::new().write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdout(&null)?;
    Ok(())
}
