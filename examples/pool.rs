//! A program of its own with the pool inside: it starts the servers of a settings file, asks after
//! one, prints the socket for an agent, and stops. `cargo run --example pool -- conductor.toml git`

use std::time::Duration;

use anyhow::Context;
use conductor_actors::{ListKind, Scope, System};
use conductor_config::{LoadRequest, ServerId, load};
use mcp_conductor::door::unix::UnixDoors;
use tokio::io::AsyncWriteExt;
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let file = args.next().context("name a settings file")?;
    let server: ServerId = args.next().context("name a server")?.parse()?;
    let (env, cwd) = (std::env::vars().collect(), std::env::current_dir()?);
    let request = LoadRequest { files: vec![file.into()], env, cwd, ..LoadRequest::default() };
    let config = std::sync::Arc::new(load(&request)?);

    let system = System::start(config.clone(), request.env).await?;
    let closed = CancellationToken::new();
    let mut doors = UnixDoors::new(system.clone(), Vec::new(), closed.clone());
    doors.follow(&config).await;
    let doors = tokio::spawn(doors.run());

    system
        .catalog()
        .settled(&Scope::Server(server.clone()), ListKind::Tools, Duration::from_secs(30))
        .await;
    let socket = system.healthy_socket(&server).context("the server is not healthy")?;
    tokio::io::stdout().write_all(format!("{}\n", socket.display()).as_bytes()).await?;
    tokio::signal::ctrl_c().await?;

    closed.cancel();
    system.shutdown(Duration::from_secs(5)).await;
    Ok(doors.await?)
}
