//! This file is `conductor connect`: it carries bytes between stdin and stdout and a Unix socket of
//! the daemon, for clients that know nothing but commands.
//!
//! It does not look at the bytes.

use std::path::{Path, PathBuf};

use conductor_config::{ServerId, server_socket};
use tokio::io::{AsyncWriteExt, copy};
use tokio::net::UnixStream;

use super::args::ConnectArgs;
use super::load::state_dir;
use crate::admin::{Client, ClientError, Connection};
use crate::exit::{Exit, Failure};

pub(super) async fn run(args: &ConnectArgs) -> Result<Exit, Failure> {
    let socket = match (&args.socket, &args.name) {
        (Some(socket), _) => socket.clone(),
        (None, Some(name)) => find(name, &state_dir(&args.daemon)?).await?,
        (None, None) => return Err(Failure::Usage("name a server or a socket".to_owned())),
    };
    bridge(&socket).await
}

/// Where the server's socket is: as the daemon says, or where it usually is if the daemon itself
/// is out of reach, as from a sandbox.
async fn find(server: &ServerId, state_dir: &Path) -> Result<PathBuf, Failure> {
    let path = format!("/api/v1/aegis/connections/{}/{}", server.workspace, server.name);
    match Client::new(state_dir).get::<Connection>(&path).await {
        Ok(Connection { socket: Some(socket), .. }) => Ok(socket),
        Ok(Connection { socket_error: Some(error), .. }) => Err(Failure::NoSocket(error)),
        Ok(_) => Err(Failure::NoSocket(format!("server `{server}` has no socket"))),
        Err(ClientError::Refused(problem)) => Err(Failure::NoSocket(problem.detail)),
        Err(_) => Ok(server_socket(server, state_dir)),
    }
}

/// Carries bytes until the socket's side ends. The end of stdin is passed on, and what is still
/// answered then is written out.
pub(super) async fn bridge(socket: &Path) -> Result<Exit, Failure> {
    let stream = UnixStream::connect(socket).await.map_err(|error| {
        let place = socket.display();
        Failure::NoSocket(format!("failed to connect to socket {place}: {error}"))
    })?;
    let (mut from, mut to) = stream.into_split();
    let (mut stdin, mut stdout) = (tokio::io::stdin(), tokio::io::stdout());
    let up = async {
        // Whichever end breaks first, the other direction tells when it is over.
        let _ = copy(&mut stdin, &mut to).await;
        let _ = to.shutdown().await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        // A reader that has left, or a daemon that was killed: over is over.
        _ = copy(&mut from, &mut stdout) => {}
        () = up => {}
    }
    let _ = stdout.flush().await; // nobody may be there
    Ok(Exit::Success)
}
