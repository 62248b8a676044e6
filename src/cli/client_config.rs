//! This file is `conductor client-config`: it finds where the daemon is reached and prints the
//! entry for a client.
//!
//! It leaves the entry's form to `snippet.rs`.

use std::net::SocketAddr;

use conductor_config::{Overrides, ServerId};

use super::args::ClientConfigArgs;
use super::load::{Surroundings, client};
use super::out::Out;
use super::snippet::{entry, place, url};
use crate::admin::{Client, ClientError, Connections, DaemonFacts};
use crate::exit::{Exit, Failure};

pub(super) async fn run(args: &ClientConfigArgs, out: Out) -> Result<Exit, Failure> {
    let client = client(&args.daemon)?;
    let (address, servers) = match running(&client).await {
        Ok(found) => found,
        Err(ClientError::NoDaemon { .. }) => settings(args)?,
        Err(error) => return Err(error.into()),
    };
    let address = address.ok_or_else(|| {
        Failure::Usage(
            "there is no HTTP door to be reached (listen.http is off, or its port is chosen at \
             start and no daemon runs)"
                .to_owned(),
        )
    })?;
    if let Some(server) = &args.server {
        known(server, &servers)?;
    }
    let name = args.server.as_ref().map_or("conductor", |server| server.name.as_str());
    out.data(&entry(args.client, name, &url(address, args.server.as_ref())))?;
    out.note(format_args!("this goes into {}", place(args.client)));
    Ok(Exit::Success)
}

type Found = (Option<SocketAddr>, Vec<String>);

/// Where the running daemon is reached, and its servers.
async fn running(client: &Client) -> Result<Found, ClientError> {
    let facts: DaemonFacts = client.get("/api/v1/aegis/daemon").await?;
    let list: Connections = client.get("/api/v1/aegis/connections").await?;
    Ok((facts.http, list.connections.iter().map(|connection| connection.id()).collect()))
}

/// Where the settings say that it would be.
fn settings(args: &ClientConfigArgs) -> Result<Found, Failure> {
    let files = &args.daemon.files.config;
    let config = Surroundings::read()?.settings(files, Overrides::default())?;
    let address = config.listen.http.filter(|address| address.port() != 0);
    Ok((address, config.servers.keys().map(ToString::to_string).collect()))
}

fn known(server: &ServerId, servers: &[String]) -> Result<(), Failure> {
    if servers.contains(&server.to_string()) {
        return Ok(());
    }
    let known = if servers.is_empty() { "none".to_owned() } else { servers.join(", ") };
    Err(Failure::Usage(format!("there is no server `{server}`; known are: {known}")))
}
