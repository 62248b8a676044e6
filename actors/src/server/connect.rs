//! This file brings one server up: process, pipe, session; or only the session, if it is elsewhere.
//!
//! It leaves when to try, and how often, to the supervisor.

use std::sync::Arc;

use conductor_config::{Isolation, ProtocolMode, RemoteSpec, ServerSpec, StdioSpec, Transport};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use super::downstream::{
    Lane, Opening, Peers, Pump, PumpParts, Remote, RemoteParts, Session, SessionError, StderrTail,
    open_remote, open_session,
};
use super::keeper::keep;
use super::remains::Remains;
use crate::credentials::Secrets;
use crate::model::{Cause, Downfall, Hearing, Holder, InstanceId};
use crate::process::{Nursery, Process};

/// Everything that one life of a server consists of. Dropping it ends that life at once.
pub(crate) struct Connected {
    /// The process, if the server is one of ours.
    pub(super) child: Option<Child>,
    /// The revision agreed upon.
    pub(super) version: Arc<str>,
    pub(super) lane: Lane,
    /// Has it say what callers want to hear.
    _keeper: AbortOnDropHandle<()>,
}

/// What only a server on this machine has.
pub(super) struct Child {
    pub(super) process: Process,
    _session: Session,
    /// Reads stderr as long as there is any.
    _drain: AbortOnDropHandle<()>,
}

impl Connected {
    /// The process, if the server is one of ours.
    pub(super) fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(|child| child.process.pid)
    }

    /// Whether its process is suspended, so that it does nothing at all.
    pub(super) fn is_suspended(&self) -> bool {
        self.child.as_ref().is_some_and(|child| child.process.is_suspended())
    }
}

/// Ends with the reason why the life ended.
pub(crate) type PumpEnd = AbortOnDropHandle<Arc<Downfall>>;

/// How a start ended.
pub(crate) type Start = Result<(Connected, PumpEnd), Arc<Downfall>>;

/// Starts the server and opens a session with it, within its `startupTimeout`.
pub(super) async fn connect(
    spec: &ServerSpec,
    holder: Holder,
    nursery: &Nursery,
    stderr: &StderrTail,
    remains: &Remains,
    hearing: &Hearing,
) -> Start {
    let (peers, secrets) = (Peers::of(&holder), Secrets::of(spec));
    let (child, version, lane, pump) = match &spec.transport {
        Transport::Stdio(command) => {
            connect_stdio((spec, &secrets), command, peers, nursery, stderr, remains).await
        }
        Transport::Remote(remote) => connect_remote(spec, remote, peers).await,
    }
    .map_err(|downfall| downfall.without(&secrets))?;
    let (begun, ready) = oneshot::channel();
    // What ends with a call tells of nothing afterwards.
    let mut offers = lane.offers().clone();
    if spec.isolation == Isolation::PerCall {
        offers.subscriptions = false;
        offers.tasks = None;
    }
    let lane = lane.offering(offers);
    let id = InstanceId::new(spec.id.clone(), holder);
    let keeping = keep(id, secrets, lane.clone(), hearing.clone(), begun);
    let keeper = AbortOnDropHandle::new(tokio::spawn(keeping));
    // Only until it is asked for, and not until it has answered.
    let _ = ready.await;
    Ok((Connected { child, version, lane, _keeper: keeper }, pump))
}

/// A session: the process if there is one, the revision, the way there and its end.
type Opened = Result<(Option<Child>, Arc<str>, Lane, PumpEnd), Arc<Downfall>>;

async fn connect_remote(spec: &ServerSpec, remote: &RemoteSpec, peers: Peers) -> Opened {
    let parts = RemoteParts {
        spec: remote,
        protocol: spec.protocol,
        max_line: usize::try_from(spec.max_line).unwrap_or(usize::MAX),
        max_in_flight: spec.max_in_flight,
        peers,
    };
    match timeout(spec.startup_timeout, Box::pin(open_remote(parts))).await {
        Ok(Ok(Remote { lane, version, pump })) => Ok((None, version, lane, pump)),
        Ok(Err(cause)) => Err(Downfall::silent(cause)),
        Err(_) => Err(Downfall::silent(Cause::StartTimeout(spec.startup_timeout))),
    }
}

async fn connect_stdio(
    (spec, secrets): (&ServerSpec, &Secrets),
    command: &StdioSpec,
    peers: Peers,
    nursery: &Nursery,
    stderr: &StderrTail,
    remains: &Remains,
) -> Opened {
    let deadline = Instant::now() + spec.startup_timeout;
    let mark = stderr.mark();
    let (process, pipes) = nursery.spawn(command, &spec.limits).map_err(|error| {
        let reason = error.to_string().into();
        let passing = error.is_passing();
        Downfall::silent(if passing { Cause::Shortage(reason) } else { Cause::Spawn(reason) })
    })?;
    remains.are(&process);
    let (held_open, stderr_open) = watch::channel(());
    let reading = stderr.clone().drain(pipes.stderr, secrets.clone());
    let drain = AbortOnDropHandle::new(tokio::spawn(async move {
        reading.await;
        drop(held_open);
    }));
    let (pump, lane) = Pump::new(PumpParts {
        reader: pipes.stdout,
        writer: pipes.stdin,
        max_line: usize::try_from(spec.max_line).unwrap_or(usize::MAX),
        max_in_flight: spec.max_in_flight,
        peers,
        exit: process.exit.clone(),
        stderr: stderr.clone(),
        stderr_open,
    });
    let mut pump = AbortOnDropHandle::new(tokio::spawn(pump.run()));
    let failed = |cause: Cause| {
        let stderr_tail = stderr.last_words(mark);
        Arc::new(Downfall { cause, stderr_tail })
    };
    let opened = timeout_at(deadline, open(&lane, spec.protocol, peers)).await;
    match opened {
        Ok(Ok(session)) => {
            let lane = lane.speaking(session.hop).offering(session.offers.clone());
            let version = Arc::from(session.version.as_str());
            let child = Child { process, _session: session, _drain: drain };
            Ok((Some(child), version, lane, pump))
        }
        Ok(Err(SessionError::Closed)) => match timeout_at(deadline, &mut pump).await {
            Ok(Ok(downfall)) => Err(downfall),
            Ok(Err(_)) | Err(_) => Err(failed(Cause::OutputClosed)),
        },
        Ok(Err(SessionError::Refused(reason))) => Err(failed(Cause::Handshake(reason.into()))),
        Err(_) => Err(failed(Cause::StartTimeout(spec.startup_timeout))),
    }
}

/// Opens a session in the order that harms nobody: many servers of the older revisions end when
/// the first thing they get is not `initialize`, while newer ones only refuse it.
async fn open(lane: &Lane, mode: ProtocolMode, peers: Peers) -> Result<Session, SessionError> {
    let open_session = |opening| open_session(lane, opening, peers);
    match mode {
        ProtocolMode::Legacy => open_session(Opening::Initialize).await,
        ProtocolMode::Modern => open_session(Opening::Discover).await,
        ProtocolMode::Auto => match open_session(Opening::Initialize).await {
            Err(SessionError::Refused(first)) => {
                let second = open_session(Opening::Discover).await;
                second.map_err(|error| match error {
                    SessionError::Refused(then) => SessionError::Refused(format!(
                        "`initialize` was refused ({first}), and so was `server/discover` ({then})"
                    )),
                    SessionError::Closed => SessionError::Closed,
                })
            }
            other => other,
        },
    }
}
