//! This file is `conductor serve` and `conductor stdio`: settings and log for the daemon, which
//! then does the rest.
//!
//! It decides where the state of `stdio` is.

use std::path::Path;

use super::args::{ServeArgs, SettingsArgs, StdioArgs};
use super::load::{Surroundings, overrides};
use super::{connect, private_dir};
use crate::credentials::decrypter;
use crate::daemon::{self, Agent, Sockets};
use crate::exit::{Exit, Failure};
use crate::handover::Handed;
use crate::reload::Source;
use crate::telemetry;

/// Runs the daemon.
pub(super) async fn serve(args: &ServeArgs, handed: Handed) -> Result<Exit, Failure> {
    run(&args.settings, None, Agent::Nowhere, handed).await
}

/// Runs the system for one agent.
pub(super) async fn stdio(args: &StdioArgs) -> Result<Exit, Failure> {
    if let Some(socket) = &args.connect {
        return connect::bridge(socket).await;
    }
    if args.settings.state_dir.is_some() {
        return run(&args.settings, None, Agent::OnStdio, Handed::default()).await;
    }
    // The lock of a directory that lasts would let only one agent in, and no daemon beside it.
    let dir = private_dir::make()
        .map_err(|source| Failure::System { doing: "make a temporary state directory", source })?;
    let none = Handed::default();
    let ended = run(&args.settings, Some(dir.path()), Agent::OnStdio, none).await;
    if let Err(source) = dir.close() {
        let failure = Failure::System { doing: "remove the temporary state directory", source };
        return ended.and(Err(failure));
    }
    ended
}

async fn run(
    args: &SettingsArgs,
    dir: Option<&Path>,
    agent: Agent,
    handed: Handed,
) -> Result<Exit, Failure> {
    let surroundings = Surroundings::read()?;
    let mut overrides = overrides(args);
    if let Some(dir) = dir {
        overrides.state_dir = Some(dir.to_owned());
    }
    let http = agent == Agent::Nowhere || args.listen.is_some();
    let mut request = surroundings.request(&args.files.config, overrides);
    if dir.is_some() {
        let lasting = surroundings.state_dir(&args.files.config)?;
        request.decrypter = decrypter(&surroundings.env, Some(lasting));
    }
    let source = Source::new(request, http);
    let config = source.load()?;
    // A private directory is nobody's business, nor are the sockets.
    let sockets = if dir.is_some() { Sockets::None } else { Sockets::Open(handed) };
    let log = telemetry::start(&surroundings.log_filter(&config), config.log.format)
        .map_err(|source| Failure::System { doing: "start the log", source })?;
    let ended = Box::pin(daemon::run(config, source, agent, sockets)).await;
    drop(log); // before the last words on stderr
    ended
}
