//! This file is the one task that has settings read again: it takes the wishes one after the other,
//! checks everything before it changes anything, and keeps the record.
//!
//! It leaves looking at files to `watch.rs` and deciding what a change is to `plan.rs`.

use std::sync::Arc;
use std::time::SystemTime;

use conductor_actors::{BoardReader, System};
use conductor_config::{
    Config, ConfigError, Merged, Problem, Registration, ServerId, WorkspaceName,
};
use thiserror::Error;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::{JoinSet, spawn_blocking};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::fallback::{Fallbacks, Outcome, Turn};
use super::plan::{files, plan, possible, undeclared, waiting};
use super::registered::{Change, Condition, Register, RegisterError, Registered, Standing};
use super::watch::Contents;
use super::{History, Plan, Source};
use crate::rest::{AdminToken, ReadToken, TokenError, rfc3339};

/// Wishes that may wait; whoever has one more waits until there is room.
const WAITING: usize = 64;

/// Who wants settings read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// The signal.
    Signal,
    /// A person or a program at the admin socket.
    Command,
    /// One of the files is not what it was.
    FileChange,
}

impl Trigger {
    /// The word for it in the log and in the record.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Signal => "SIGHUP",
            Self::Command => "command",
            Self::FileChange => "file change",
        }
    }
}

/// Why settings were not taken over; those from before are in force.
#[derive(Debug, Clone, Error)]
pub enum ReloadError {
    /// They are wrong.
    #[error(transparent)]
    Settings(#[from] ConfigError),
    /// The daemon is on its way down.
    #[error("the daemon is stopping")]
    Gone,
    /// The task that read them broke down.
    #[error("failed to read the settings")]
    Broken,
}

type Answer = Result<Plan, ReloadError>;

/// What somebody wants of the owner.
enum Wish {
    /// Take over the settings as they are now. One that is `tentative` leaves no trace if they are
    /// wrong.
    Reload { by: Trigger, tentative: bool, reply: Option<oneshot::Sender<Answer>> },
    /// Say what that would change.
    Plan { reply: oneshot::Sender<Answer> },
    /// Change what is registered beside them.
    Change { change: Change, reply: oneshot::Sender<Result<Registered, RegisterError>> },
}

/// Has settings read again. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reloader {
    wishes: mpsc::Sender<Wish>,
    history: watch::Receiver<Arc<History>>,
    standing: watch::Receiver<Arc<Standing>>,
}

/// What the system was started with.
pub(crate) struct Started {
    /// What the files said.
    pub(crate) files: Config,
    /// What was registered beside them.
    pub(crate) register: Register,
    /// What opens the REST API, if that is there.
    pub(crate) token: Option<Arc<AdminToken>>,
    /// What the files said, and behind them that of the token.
    pub(crate) seen: Contents,
}

impl Reloader {
    /// Takes wishes, and those that `signals` brings, until `ended`. `system` was started with
    /// `started`. Must be called within a runtime.
    pub(crate) fn start(
        system: System,
        source: Source,
        started: Started,
        watched: bool,
        signals: Arc<Notify>,
        ended: CancellationToken,
    ) -> Self {
        let (sender, wishes) = mpsc::channel(WAITING);
        let Started { files: started, register, token, seen } = started;
        let aside = register.problems().map(ToString::to_string);
        let record = History {
            warnings: started.warnings.iter().cloned().chain(aside).collect(),
            sources: started.sources.clone(),
            watching: watched,
            ..History::default()
        };
        let (written, history) = watch::channel(Arc::new(record));
        let (told, standing) = watch::channel(Arc::new(register.standing()));
        let files = started.clone();
        let owner = Owner {
            system,
            source,
            started,
            files,
            register,
            token: token.clone(),
            fallbacks: Fallbacks::default(),
            turns: JoinSet::new(),
            history: written,
            told,
        };
        tokio::spawn(ended.clone().run_until_cancelled_owned(owner.run(wishes, signals)));
        let reloader = Self { wishes: sender, history, standing };
        if watched {
            let token = token.map(|token| token.file().to_owned());
            let watching = super::watch::run(reloader.clone(), token, seen);
            tokio::spawn(ended.run_until_cancelled_owned(watching));
        }
        reloader
    }

    /// What became of the reloads so far.
    #[must_use]
    pub fn history(&self) -> Arc<History> {
        Arc::clone(&self.history.borrow())
    }

    /// What is registered beside the files, and which workspaces are active.
    pub(crate) fn standing(&self) -> Arc<Standing> {
        Arc::clone(&self.standing.borrow())
    }

    /// Has the servers of a workspace run, or end after their calls and rest, and remembers it.
    /// Returns when they have been told.
    ///
    /// # Errors
    ///
    /// See [`RegisterError`]; nothing has changed then.
    pub async fn set_active(
        &self,
        workspace: WorkspaceName,
        active: bool,
    ) -> Result<(), RegisterError> {
        self.change(Change::SetActive(workspace, active)).await.map(drop)
    }

    /// Registers a server. Returns when that would survive a loss of power, and the server has
    /// been told to start.
    ///
    /// # Errors
    ///
    /// See [`RegisterError`]; nothing has changed then.
    pub async fn register(&self, one: Registration) -> Result<Registered, RegisterError> {
        self.change(Change::Add(one)).await
    }

    /// Puts a registration in the place of the one with the same id, as [`Self::register`].
    ///
    /// # Errors
    ///
    /// See [`RegisterError`]; nothing has changed then.
    pub async fn replace(
        &self,
        one: Registration,
        condition: Condition,
    ) -> Result<Registered, RegisterError> {
        self.change(Change::Replace(one, condition)).await
    }

    /// Removes a registration. Returns when that would survive a loss of power, and the server
    /// has been told to end.
    ///
    /// # Errors
    ///
    /// See [`RegisterError`]; nothing has changed then.
    pub async fn remove(&self, id: ServerId, condition: Condition) -> Result<(), RegisterError> {
        self.change(Change::Remove(id, condition)).await.map(drop)
    }

    async fn change(&self, change: Change) -> Result<Registered, RegisterError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.wishes.send(Wish::Change { change, reply }).await;
        sent.map_err(|_| RegisterError::Gone)?;
        answer.await.unwrap_or(Err(RegisterError::Gone))
    }

    /// Takes over the settings as they are now, all of them or none, and says what that changed.
    /// Returns when the servers concerned have been told, not when they are up. Wishes that come
    /// together are granted together.
    ///
    /// # Errors
    ///
    /// See [`ReloadError`]; nothing has changed then.
    pub async fn reload(&self, by: Trigger) -> Answer {
        self.ask(by, false).await
    }

    /// As [`Self::reload`], but settings that are wrong are neither logged nor recorded: the file
    /// may be half written.
    pub(super) async fn try_reload(&self, by: Trigger) -> Answer {
        self.ask(by, true).await
    }

    /// What a reload would change.
    ///
    /// # Errors
    ///
    /// See [`ReloadError`].
    pub async fn plan(&self) -> Answer {
        let (reply, answer) = oneshot::channel();
        self.wishes.send(Wish::Plan { reply }).await.map_err(|_| ReloadError::Gone)?;
        answer.await.unwrap_or(Err(ReloadError::Gone))
    }

    async fn ask(&self, by: Trigger, tentative: bool) -> Answer {
        let (reply, answer) = oneshot::channel();
        let wish = Wish::Reload { by, tentative, reply: Some(reply) };
        self.wishes.send(wish).await.map_err(|_| ReloadError::Gone)?;
        answer.await.unwrap_or(Err(ReloadError::Gone))
    }
}

pub(super) struct Owner {
    pub(super) system: System,
    source: Source,
    /// What the files said at the start.
    started: Config,
    /// What they say now.
    pub(super) files: Config,
    pub(super) register: Register,
    token: Option<Arc<AdminToken>>,
    /// Which servers run with what the files said before.
    fallbacks: Fallbacks,
    /// Servers that were replaced, until it is known what became of them.
    turns: JoinSet<Option<(Turn, String)>>,
    pub(super) history: watch::Sender<Arc<History>>,
    told: watch::Sender<Arc<Standing>>,
}

impl Owner {
    async fn run(mut self, mut wishes: mpsc::Receiver<Wish>, signals: Arc<Notify>) {
        let mut next = None;
        loop {
            let first = match next.take() {
                Some(wish) => wish,
                None => tokio::select! {
                    wish = wishes.recv() => match wish {
                        Some(wish) => wish,
                        None => return,
                    },
                    () = signals.notified() => {
                        Wish::Reload { by: Trigger::Signal, tentative: false, reply: None }
                    }
                    Some(turned) = self.turns.join_next() => {
                        if let Ok(Some((turn, reason))) = turned {
                            self.fall_back(turn, reason).await;
                        }
                        continue;
                    }
                },
            };
            match first {
                Wish::Plan { reply } => drop(reply.send(self.planned().await)),
                Wish::Change { change, reply } => drop(reply.send(self.change(change).await)),
                Wish::Reload { by, tentative, reply } => {
                    next = self.grant(by, tentative, reply, &mut wishes).await;
                }
            }
        }
    }

    /// Carries out a reload, and with it the others that wait: one look at the files does for all.
    /// Returns the wish for something else that came among them.
    async fn grant(
        &mut self,
        by: Trigger,
        mut tentative: bool,
        reply: Option<oneshot::Sender<Answer>>,
        wishes: &mut mpsc::Receiver<Wish>,
    ) -> Option<Wish> {
        let mut next = None;
        let mut reloads: Vec<_> = reply.into_iter().collect();
        let mut plans = Vec::new();
        for _ in 0..WAITING {
            match wishes.try_recv() {
                Ok(Wish::Reload { tentative: lenient, reply, .. }) => {
                    tentative &= lenient;
                    reloads.extend(reply);
                }
                Ok(Wish::Plan { reply }) => plans.push(reply),
                Ok(other @ Wish::Change { .. }) => {
                    next = Some(other);
                    break;
                }
                Err(_) => break,
            }
        }
        let answer = self.reload(by, tentative).await;
        for reply in reloads {
            drop(reply.send(answer.clone())); // it may have stopped waiting
        }
        for reply in plans {
            drop(reply.send(self.planned().await));
        }
        next
    }

    async fn reload(&mut self, by: Trigger, tentative: bool) -> Answer {
        let at = rfc3339(SystemTime::now());
        let Wanted { files, fallbacks, merged, plan, token } = match self.wanted().await {
            Ok(found) => found,
            Err(error) => {
                if tentative {
                    debug!(%error, by = by.as_str(), "settings not taken over yet");
                } else {
                    self.note_failure(&error, by, at);
                }
                return Err(error);
            }
        };
        (self.files, self.fallbacks) = (files, fallbacks);
        if let (Some(known), Some(token)) = (&self.token, token)
            && known.put_in_force(token)
        {
            info!(file = %known.file().display(), "another admin token holds");
        }
        self.register.set_aside(&merged);
        self.tell_registered();
        let wanted = merged.config;
        if *self.system.config() != wanted {
            let board = self.system.board();
            let turns: Vec<Turn> = match wanted.reload.rollback {
                true => Turn::all(&plan.restart, &board.current(), &self.files).collect(),
                false => Vec::new(),
            };
            self.system.reconcile(Arc::new(wanted.clone())).await;
            for turn in turns {
                self.turns.spawn(watch_over(turn, board.clone()));
            }
        }
        self.note_success(&wanted, &plan, by, at);
        Ok(plan)
    }

    /// A server that was replaced did not come up: it is replaced again, by what it was.
    async fn fall_back(&mut self, turn: Turn, reason: String) {
        if !turn.is_in(&self.files) {
            return; // by now they say something else
        }
        let warning = self.fallbacks.add(turn, reason);
        warn!("{warning}");
        self.record(|history| history.warnings.push(warning));
        self.fallbacks.put_into(&mut self.files);
        let merged = self.register.beside(&self.files);
        self.system.reconcile(Arc::new(merged.config)).await;
    }

    async fn planned(&self) -> Answer {
        Ok(self.wanted().await?.plan)
    }

    /// Shows what is registered to those who ask.
    pub(super) fn tell_registered(&self) {
        self.told.send_replace(Arc::new(self.register.standing()));
    }

    /// The settings as they are now, as far as they can hold, and what they change. Everything that
    /// could be wrong with them has been looked for.
    async fn wanted(&self) -> Result<Wanted, ReloadError> {
        let mut config = read(self.source.clone()).await?;
        let token = self.token_now().await?;
        let waiting = waiting(&self.started, &config);
        if config.state != self.started.state {
            config = read(self.source.with_state_in(&self.started.state.dir)).await?;
        }
        if let Some(problem) = undeclared(&self.files, &config) {
            return Err(ConfigError { problems: vec![problem] }.into());
        }
        if let Err(error) = System::accepts(&config) {
            let (file, key) = (files(&config.sources), "delegation".to_owned());
            let problem = Problem { file, key, message: error.to_string() };
            return Err(ConfigError { problems: vec![problem] }.into());
        }
        let mut files = possible(&self.started, config);
        let fallbacks = self.fallbacks.still_in(&files);
        fallbacks.put_into(&mut files);
        let merged = self.register.beside(&files);
        let lost = self.register.lost(&merged);
        if !lost.is_empty() {
            return Err(ConfigError { problems: lost.into_iter().cloned().collect() }.into());
        }
        let mut plan = plan(&self.system.config(), &merged.config);
        plan.warnings.extend(waiting);
        plan.warnings.extend(self.register.problems().map(ToString::to_string));
        plan.warnings.extend(fallbacks.warnings());
        Ok(Wanted { files, fallbacks, merged, plan, token })
    }

    /// The admin token as its file says it now; none where nothing asks for one, or where the file
    /// that was made here is gone.
    async fn token_now(&self) -> Result<Option<ReadToken>, ReloadError> {
        let Some(token) = self.token.clone() else { return Ok(None) };
        let file = token.file().display().to_string();
        let read = spawn_blocking(move || token.read_again()).await;
        match read.map_err(|_| ReloadError::Broken)? {
            Ok(token) => Ok(Some(token)),
            Err(TokenError::File(error)) if error.is_not_found() => Ok(None),
            Err(error) => {
                let key = "auth.adminTokenFile".to_owned();
                let problem = Problem { file, key, message: error.to_string() };
                Err(ConfigError { problems: vec![problem] }.into())
            }
        }
    }
}

/// Settings that could be taken over.
struct Wanted {
    /// What the files say, but for those servers that run with what they said before.
    files: Config,
    /// Those servers.
    fallbacks: Fallbacks,
    /// The same with what is registered.
    merged: Merged,
    /// What it changes.
    plan: Plan,
    /// What opens the REST API then.
    token: Option<ReadToken>,
}

/// Waits until it is known what becomes of a server that was replaced; returns why it did not come up.
async fn watch_over(turn: Turn, mut board: BoardReader) -> Option<(Turn, String)> {
    loop {
        match turn.outcome(&board.current()) {
            Outcome::Settled => return None,
            Outcome::Down(reason) => return Some((turn, reason)),
            Outcome::Open => {}
        }
        if !board.changed().await {
            return None;
        }
    }
}

/// Reads the settings where waiting for a disk holds nobody up.
async fn read(source: Source) -> Result<Config, ReloadError> {
    let read = spawn_blocking(move || source.load()).await;
    Ok(read.map_err(|_| ReloadError::Broken)??)
}
