//! This file takes the connections of one Unix socket: who it is, whether they may come in, and
//! whether there is room.
//!
//! It leaves what is said to `stream`, or to `door::http` with peers that speak that.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use conductor_actors::{LocalCaller, System};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::gone::gone;
use super::speech::Speech;
use super::wanted::Wanted;
use crate::door::dialogue::Parking;
use crate::door::http::{self, OverUnix};
use crate::door::reply::{Refusal, refuse};
use crate::door::room;
use crate::door::service::Service;
use crate::door::stream;

/// Connections of one socket at one time.
pub(super) const CONNECTIONS_MAX: usize = 500;
/// Peers that are being told why they cannot come in; any more are not told.
const TURNED_AWAY_MAX: usize = 50;
/// How long telling them may take.
const TURNING_AWAY: Duration = Duration::from_secs(1);
/// How long to wait for the first word of a peer that is not to stay, so as to answer in kind.
const FIRST_WORD: Duration = Duration::from_millis(100);
/// How long to wait when no further connection can be taken.
const PAUSE: Duration = Duration::from_millis(100);

/// One door: its socket, and what is behind it.
pub(super) struct Door {
    pub(super) listener: UnixListener,
    pub(super) wanted: Wanted,
    pub(super) system: System,
    pub(super) closed: CancellationToken,
}

/// Who is at the other end, as the kernel says.
struct Peer {
    uid: u32,
    gid: u32,
    pid: Option<i32>,
}

impl Peer {
    fn of(stream: &UnixStream) -> std::io::Result<Self> {
        let found = stream.peer_cred()?;
        Ok(Self { uid: found.uid(), gid: found.gid(), pid: found.pid() })
    }

    fn label(&self) -> String {
        let pid = self.pid.map_or_else(String::new, |pid| format!(" pid {pid}"));
        format!("unix uid {} gid {}{pid}", self.uid, self.gid)
    }

    fn caller(&self) -> LocalCaller {
        let caller = LocalCaller::new(self.label());
        let ours = rustix::process::geteuid().as_raw() == self.uid;
        if ours { caller } else { caller.of_user(self.uid) }
    }
}

impl Door {
    /// Takes connections until the door is closed; returns when the last one has ended.
    pub(super) async fn serve(self) {
        let (mut inside, mut turned_away) = (JoinSet::new(), JoinSet::new());
        let (system, at) = (self.system.clone(), self.wanted.door());
        let name = self.wanted.path.to_string_lossy();
        let http = Arc::new(OverUnix::new(system, &name, at, self.closed.clone()));
        loop {
            while inside.try_join_next().is_some() {}
            while turned_away.try_join_next().is_some() {}
            let accepted = async {
                room::for_a_connection(&self.listener).await;
                self.listener.accept().await
            };
            let accepted = tokio::select! {
                biased;
                () = self.closed.cancelled() => break,
                accepted = accepted => accepted,
            };
            match accepted {
                Ok((stream, _)) => match self.admit(&stream, inside.len()) {
                    Ok(peer) => {
                        inside.spawn(self.connection(stream, &peer, Arc::clone(&http)));
                    }
                    Err(refusal) if turned_away.len() < TURNED_AWAY_MAX => {
                        turned_away.spawn(turn_away(stream, refusal));
                    }
                    Err(_) => {}
                },
                Err(error) => {
                    warn!(%error, socket = %self.wanted.path.display(), "connection not accepted");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        drop(self);
        while inside.join_next().await.is_some() {}
    }

    fn admit(&self, stream: &UnixStream, inside: usize) -> Result<Peer, Refusal> {
        let socket = self.wanted.path.display();
        let peer = Peer::of(stream).map_err(|error| {
            warn!(%error, %socket, "a nameless peer was refused");
            Refusal::Internal
        })?;
        let (uid, gid, pid) = (peer.uid, peer.gid, peer.pid);
        if self.wanted.uids.as_ref().is_some_and(|uids| !uids.contains(&uid)) {
            warn!(uid, gid, pid, %socket, "a user who is not allowed here was refused");
            return Err(Refusal::NotAllowed { uid });
        }
        if inside >= CONNECTIONS_MAX {
            warn!(uid, gid, pid, %socket, limit = CONNECTIONS_MAX, "no room for one more agent");
            return Err(Refusal::NoRoom { limit: CONNECTIONS_MAX });
        }
        debug!(uid, gid, pid, %socket, "agent connected");
        Ok(peer)
    }

    fn connection(
        &self,
        stream: UnixStream,
        peer: &Peer,
        http: Arc<OverUnix>,
    ) -> impl Future<Output = ()> + Send + use<> {
        let (label, caller) = (peer.label(), peer.caller());
        let (system, at) = (self.system.clone(), self.wanted.door());
        let service = Service::new(system, at, caller.clone(), Parking::new());
        let closed = self.closed.clone();
        async move {
            // A door that closes still hears a request that is on its way.
            let closing = async {
                closed.cancelled().await;
                tokio::time::sleep(FIRST_WORD).await;
            };
            let heard = tokio::select! {
                heard = Speech::heard(&stream) => heard.ok(),
                () = closing => None,
            };
            if heard == Some(Speech::Http) {
                http.serve(stream, caller).await;
            } else {
                let (input, output) = stream.into_split();
                stream::serve_until(input, output, service, closed, gone).await;
            }
            debug!(caller = label, "agent left");
        }
    }
}

/// Tells a peer why it cannot come in, as it speaks. What it has sent is read and thrown away, or it
/// might see a broken connection instead of the reason.
async fn turn_away(mut stream: UnixStream, refusal: Refusal) {
    let told = async {
        if let Ok(Ok(Speech::Http)) = timeout(FIRST_WORD, Speech::heard(&stream)).await {
            http::turn_away(stream, &refusal).await;
            return Ok(());
        }
        let mut line: Bytes = refuse(None, &refusal).into_body();
        stream.write_all_buf(&mut line).await?;
        stream.write_all(b"\n").await?;
        stream.shutdown().await?;
        let mut rest = [0; 1024];
        while stream.read(&mut rest).await? > 0 {}
        std::io::Result::Ok(())
    };
    let _ = timeout(TURNING_AWAY, told).await; // gone, or too slow to be told
}
