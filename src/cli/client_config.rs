//! This file is `conductor client-config`: it finds where the daemon is reached and prints the
//! entry for a client.
//!
//! It leaves the entry's form to `snippet.rs`, and a client's own file to `client_file.rs`.

use std::net::SocketAddr;
use std::path::PathBuf;

use conductor_config::{Overrides, ServerId};

use super::args::{ClientConfigArgs, Via};
use super::client_file;
use super::load::{Surroundings, client};
use super::out::Out;
use super::snippet::{Way, entry, place, url};
use crate::admin::{Client, ClientError, Connection, Connections, DaemonFacts};
use crate::exit::{Exit, Failure};

pub(super) async fn run(args: &ClientConfigArgs, out: Out) -> Result<Exit, Failure> {
    let name = args.server.as_ref().map_or("conductor", |server| server.name.as_str());
    let entry = match args.via {
        Via::Http => entry(args.client, name, &Way::Url(&http(args).await?)),
        Via::Connect => {
            let socket = socket(args).await?.display().to_string();
            let system = |source| Failure::System { doing: "find this program", source };
            let program = std::env::current_exe().map_err(system)?.display().to_string();
            let mut words = vec!["connect".to_owned(), "--socket".to_owned(), socket];
            words.splice(1..1, args.server.iter().map(ToString::to_string));
            entry(args.client, name, &Way::Command(&program, &words))
        }
    };
    let Some(file) = &args.write else {
        out.data(&entry)?;
        out.note(format_args!("this goes into {}", place(args.client)));
        return Ok(Exit::Success);
    };
    client_file::write(file, &entry, &format!("the entry `{name}`"), out)?;
    Ok(Exit::Success)
}

/// The URL of the endpoint.
async fn http(args: &ClientConfigArgs) -> Result<String, Failure> {
    let (address, servers) = match running(&client(&args.daemon)?).await {
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
    Ok(url(address, args.server.as_ref()))
}

/// The socket of the endpoint; of a server only while it takes calls.
async fn socket(args: &ClientConfigArgs) -> Result<PathBuf, Failure> {
    let client = client(&args.daemon)?;
    let Some(server) = &args.server else {
        let facts: DaemonFacts = client.get("/api/v1/aegis/daemon").await?;
        let none = || Failure::NoSocket("this daemon has no Unix sockets".to_owned());
        return facts.socket.ok_or_else(none);
    };
    let path = format!("/api/v1/aegis/connections/{}/{}", server.workspace, server.name);
    let connection: Connection = client.get(&path).await?;
    if !connection.is_up() {
        let state = connection.state;
        return Err(Failure::NoSocket(format!("server `{server}` is {state}, not running")));
    }
    let why = connection.socket_error.unwrap_or_else(|| "it has none".to_owned());
    let none = || Failure::NoSocket(format!("server `{server}` has no open socket: {why}"));
    connection.socket.ok_or_else(none)
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
