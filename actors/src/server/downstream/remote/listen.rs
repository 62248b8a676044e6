//! This file keeps a stream open on which a remote server of the older revisions tells what nobody
//! asked for.
//!
//! It leaves what is told to the pump. Servers without such a stream are left in peace.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::answer::{EventStream, RefusalError};
use super::channel::Channel;
use super::client::TripError;
use super::exchange::{Heard, is_forgotten, say};
use super::sse::Kind;
use crate::model::Cause;

/// Waits before a stream that has ended is opened again.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// A stream that lasted so long was fine.
const STEADY: Duration = Duration::from_secs(10);

/// Listens as long as there is something to listen to.
pub(super) async fn listen(channel: Arc<Channel>, heard: mpsc::Sender<Heard>) {
    let session = channel.session.load_full();
    let mut wait = AGAIN.0;
    let mut last_id: Option<String> = None;
    for time in 1.. {
        match channel.events(&session, last_id.as_deref()).await {
            Ok(mut stream) => {
                if time > 1 && last_id.is_none() {
                    // What was told in the meantime is lost.
                    channel.gauges.lists_changed.send_modify(|count| *count += 1);
                }
                let since = Instant::now();
                pass_on(&mut stream, &heard).await;
                last_id = stream.last_id().map(str::to_owned).or(last_id);
                if since.elapsed() >= STEADY {
                    wait = AGAIN.0;
                }
                wait = stream.retry().map_or(wait, |asked| asked.clamp(AGAIN.0, AGAIN.1));
            }
            Err(RefusalError::Trip(TripError::Unreachable(reason))) => {
                let _ = heard.send(Heard::Gone(Cause::Unreachable(reason))).await;
                return;
            }
            Err(RefusalError::Throttled(pause)) => wait = wait.max(pause),
            Err(RefusalError::Trip(TripError::Broken(_))) => {}
            Err(RefusalError::Status { status, .. }) if status.is_server_error() => {}
            Err(RefusalError::Status { status, body })
                if is_forgotten(&session, status, &body) && time > 1 =>
            {
                let _ = heard.send(Heard::Forgotten(session.number)).await;
                return;
            }
            Err(RefusalError::Status { .. }) if last_id.take().is_some() => {} // too old: afresh
            Err(_) => return,                                                  // not offered
        }
        sleep(wait).await;
        wait = (wait * 2).min(AGAIN.1);
    }
}

/// Passes on what the one stream of an old server says; its end is the server's.
pub(super) async fn listen_to(mut stream: Box<EventStream>, heard: mpsc::Sender<Heard>) {
    pass_on(&mut stream, &heard).await;
    let cause = Cause::Unreachable("its event stream ended".into());
    let _ = heard.send(Heard::Gone(cause)).await;
}

async fn pass_on(stream: &mut EventStream, heard: &mpsc::Sender<Heard>) {
    while let Ok(Some(event)) = stream.next().await {
        if event.kind == Kind::Message {
            say(heard, event.data, None).await;
        }
    }
}
