//! This file tries whether a server can be used: it has it started if need be, and asks for its
//! tools.
//!
//! It leaves keeping servers up to the supervisor, and what is told of a trial to the doors.

use std::time::Duration;

use conductor_config::ServerId;
use tokio::time::{Instant, sleep, timeout};

use crate::model::{Generation, ListKind, ServerState};
use crate::server::ServerLink;
use crate::supervisor::RestartError;
use crate::system::System;

/// How often it is tried.
const TRIES: u32 = 3;
/// How long one try may take.
const LIMIT: Duration = Duration::from_secs(5);
/// The wait after the first try; doubled after each.
const PAUSE: Duration = Duration::from_millis(500);

/// What came of a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// Tries made, 1 to 3.
    pub attempts: u32,
    /// How long all of it took.
    pub took: Duration,
    /// How many tools the server lists, or a clause on why it could not be asked.
    pub outcome: Result<usize, String>,
}

impl System {
    /// Tries whether a server can be used: three tries of five seconds, with half a second and a
    /// second between them. One that is not running is started, or started anew.
    ///
    /// # Errors
    /// If there is no such server, or it is not to run.
    pub async fn test(&self, server: &ServerId) -> Result<Trial, RestartError> {
        match self.config().servers.get(server) {
            None => return Err(RestartError::UnknownServer(server.clone())),
            Some(spec) if !spec.enabled => return Err(RestartError::Disabled(server.clone())),
            Some(_) => {}
        }
        let begun = Instant::now();
        let mut attempts = 1;
        loop {
            let outcome = match timeout(LIMIT, self.list_tools(server)).await {
                Ok(outcome) => outcome,
                Err(_) => Err(format!("it did not answer within {LIMIT:?}")),
            };
            if outcome.is_ok() || attempts == TRIES {
                return Ok(Trial { attempts, took: begun.elapsed(), outcome });
            }
            sleep(PAUSE * 2_u32.pow(attempts - 1)).await;
            attempts += 1;
        }
    }

    async fn list_tools(&self, server: &ServerId) -> Result<usize, String> {
        let link = self.link(server).await?;
        // The limit of the try is the one that counts.
        let listing = link.list(ListKind::Tools, LIMIT * 2).await;
        listing.map(|listing| listing.entries.len()).map_err(|error| error.to_string())
    }

    /// The way to a server, once it is up.
    async fn link(&self, server: &ServerId) -> Result<ServerLink, String> {
        let mut board = self.board();
        let mut asked: Option<Generation> = None;
        loop {
            let current = board.current();
            let status = current.servers.get(server).ok_or("it was removed")?;
            if let Some(link) = &status.link {
                return Ok(link.clone());
            }
            match (status.state, asked) {
                (ServerState::Stopped | ServerState::Backoff | ServerState::Failed, None) => {
                    asked = Some(status.generation);
                    self.restart(server).await.map_err(|error| error.to_string())?;
                }
                // The life that was begun for this has ended.
                (ServerState::Backoff | ServerState::Failed, Some(before))
                    if status.generation > before =>
                {
                    let downfall = status.last_error.as_ref().map(|(downfall, _)| downfall);
                    let cause = downfall.map(ToString::to_string);
                    return Err(format!("it {}", cause.as_deref().unwrap_or("went down")));
                }
                _ => {}
            }
            if !board.changed().await {
                return Err("the gateway is shutting down".to_owned());
            }
        }
    }
}
