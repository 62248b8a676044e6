//! This file is `conductor sample-server`: a small, well-behaved MCP server on stdin and stdout.
//! It leaves what each tool does to `tools.rs` and logging to its caller; stdout carries nothing but MCP.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, ErrorData, Implementation, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::{RequestContext, RoleServer, ServerInitializeError, ServiceExt as _};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

mod fault;
mod tools;

#[cfg(test)]
mod tests;

use fault::Armed;
pub use fault::Fault;

/// How long answers that are ready may take to reach a reader that has closed its side.
const LAST_ANSWERS: Duration = Duration::from_millis(500);

/// What a server that may go wrong can have written before it is carried on.
const PIPE: usize = 64 * 1024;

/// Most generated tools; beyond it a list is of no use to anyone.
const TOOLS_MAX: usize = 10_000;

/// Why the sample server could not run.
#[derive(Debug, Error)]
pub enum SampleError {
    /// The operating system gave no signal handler.
    #[error("failed to listen for the signals that end the sample server")]
    Signals(#[source] std::io::Error),
    /// The client's first messages were no handshake.
    #[error("failed to agree on a protocol revision with the client")]
    Handshake(#[source] Box<ServerInitializeError>),
    /// The task that serves panicked.
    #[error("failed to serve the client to the end")]
    Serve(#[source] tokio::task::JoinError),
    /// More generated tools than the sample server lists.
    #[error("cannot list {asked} generated tools, the most is {max}")]
    TooManyTools {
        /// How many were asked for.
        asked: usize,
        /// The most there can be.
        max: usize,
    },
}

/// Serves one client on stdin and stdout, with `tools` generated tools (`tool_001`…, at most
/// 10 000) beside the fixed ones. With a `fault` it has a tool `misbehave` that sets it off.
///
/// Returns at the end of input and on SIGTERM or SIGINT; calls that still run are given up.
/// A read of a terminal may then still block a thread, so the process should exit rather than
/// wait for its runtime.
///
/// # Errors
///
/// See [`SampleError`]. A client that leaves early is none.
pub async fn run(tools: usize, fault: Option<Fault>) -> Result<(), SampleError> {
    if tools > TOOLS_MAX {
        return Err(SampleError::TooManyTools { asked: tools, max: TOOLS_MAX });
    }
    let mut term = signal(SignalKind::terminate()).map_err(SampleError::Signals)?;
    let mut int = signal(SignalKind::interrupt()).map_err(SampleError::Signals)?;
    let (stdin, stdout) = rmcp::transport::stdio_pipes();
    tokio::select! {
        ended = serve_spoilt(stdin, stdout, tools, fault) => ended,
        _ = term.recv() => Ok(()),
        _ = int.recv() => Ok(()),
    }
}

/// As [`serve`], going wrong when told to if there is a `fault`.
async fn serve_spoilt<R, W>(
    input: R,
    output: W,
    tools: usize,
    fault: Option<Fault>,
) -> Result<(), SampleError>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let Some(fault) = fault else { return serve(input, output, tools, None).await };
    let armed = Armed::new(fault);
    let (near, far) = tokio::io::duplex(PIPE);
    tokio::select! {
        ended = serve(input, near, tools, Some(armed.clone())) => ended,
        // Nobody reads any more: that is the end of a client, and no error.
        _ = fault::carry(far, output, armed) => Ok(()),
    }
}

/// Serves one client on any pair of streams until its input ends.
async fn serve<R, W>(
    input: R,
    output: W,
    tools: usize,
    armed: Option<Armed>,
) -> Result<(), SampleError>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let ended = CancellationToken::new();
    let input = EndWatch { input, ended: ended.clone() };
    let mut tools = tools::all(tools);
    tools.extend(armed.iter().map(|_| fault::tool()));
    let server = SampleServer { tools, armed, ended: ended.clone() };
    let running = match server.serve((input, output)).await {
        Ok(running) => running,
        Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(error) => return Err(SampleError::Handshake(Box::new(error))),
    };
    let waiting = running.waiting();
    tokio::pin!(waiting);
    let quit = tokio::select! {
        quit = &mut waiting => quit,
        () = ended.cancelled() => match tokio::time::timeout(LAST_ANSWERS, waiting).await {
            Ok(quit) => quit,
            Err(_) => return Ok(()),
        },
    };
    quit.map(|_| ()).map_err(SampleError::Serve)
}

/// The server as rmcp sees it.
struct SampleServer {
    tools: Vec<Tool>,
    armed: Option<Armed>,
    ended: CancellationToken,
}

impl ServerHandler for SampleServer {
    fn get_info(&self) -> ServerConfig {
        let mut identity = Implementation::new("conductor-sample", env!("CARGO_PKG_VERSION"));
        identity.title = Some("Sample server of mcp-conductor".to_owned());
        let capabilities = ServerCapabilities::builder().enable_tools().build();
        ServerConfig::new(capabilities)
            .with_server_info(identity)
            .with_instructions("Tools to try a gateway with: echo, add, time, sleep, progress.")
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.tools.clone()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        if let Some(armed) = self.armed.as_ref().filter(|_| request.name == fault::TOOL) {
            armed.set_off().await;
        }
        let (cancelled, ended) = (context.ct.clone(), self.ended.clone());
        let given_up = || ErrorData::internal_error("the call was given up", None);
        // In this order: an answer that is ready goes out even if the input has just ended.
        tokio::select! {
            biased;
            result = tools::run(request, &context, &self.tools) => result.map(Into::into),
            () = cancelled.cancelled() => Err(given_up()),
            () = ended.cancelled() => Err(given_up()),
        }
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.tools.iter().find(|tool| tool.name == name).cloned()
    }
}

/// A reader that tells when its input has ended, so that running calls can be given up then.
struct EndWatch<R> {
    input: R,
    ended: CancellationToken,
}

impl<R: AsyncRead + Unpin> AsyncRead for EndWatch<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let room = buffer.remaining() > 0;
        let read = Pin::new(&mut self.input).poll_read(cx, buffer);
        let at_end = match &read {
            Poll::Ready(Ok(())) => room && buffer.filled().len() == before,
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        };
        if at_end {
            self.ended.cancel();
        }
        read
    }
}
