//! This file is what a peer with a handshake hears beside answers: updates of resources that it
//! subscribed to, and log messages from its level on.
//!
//! It leaves carrying the messages to the doors, and who may hear what to the running system.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use bytes::Bytes;
use conductor_actors::wire::{
    CallKind, Hop, Id, LogLevel, Members, Text, json_string, notification,
};
use conductor_actors::{CallError, Heard, Inbox, Listener, Seat, SubscribeError, System};
use conductor_config::ServerId;
use dashmap::DashSet;
use tokio::sync::OnceCell;
use tokio::time::sleep;

use super::era::Era;
use super::reply::{Refusal, relayed_error};
use super::service::Service;
use super::tasks;

/// Waits before a server that cannot be found yet is looked for again.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// What one peer listens to. Dropping it ends all of that.
#[derive(Debug, Default)]
pub(super) struct Hearing {
    listener: OnceCell<Arc<Listener>>,
    /// What servers run for it alone ends with it.
    seat: OnceLock<Seat>,
    /// Which of all levels, counted from 1; 0 if it has named none.
    level: AtomicU8,
    /// The addresses that it has subscribed to, as it wrote them.
    resources: Arc<DashSet<Text>>,
}

impl Hearing {
    /// What a peer listened to in an earlier run. All of it is asked for again when the peer does
    /// anything for which that matters.
    pub(super) fn again(level: Option<LogLevel>, resources: Vec<String>) -> Self {
        let resources: DashSet<Text> = resources.into_iter().map(Text::from).collect();
        let hearing = Self { resources: Arc::new(resources), ..Self::default() };
        if let Some(level) = level {
            hearing.name_level(level);
        }
        hearing
    }

    /// The level that it has named and the addresses that it has subscribed to.
    pub(super) fn wanted(&self) -> (Option<LogLevel>, Vec<String>) {
        let resources = self.resources.iter().map(|address| address.to_string()).collect();
        (self.named_level(), resources)
    }

    async fn listener(&self, service: &Service) -> &Listener {
        let join = || async {
            let listener = Arc::new(service.listener(true).await);
            if let Some(level) = self.named_level() {
                listener.set_level(level).await;
            }
            for address in self.resources.iter() {
                let resources = Arc::clone(&self.resources);
                tokio::spawn(resume(Arc::downgrade(&listener), resources, address.clone()));
            }
            listener
        };
        self.listener.get_or_init(join).await
    }

    fn name_level(&self, level: LogLevel) {
        let at = LogLevel::ALL.iter().position(|known| *known == level).unwrap_or_default();
        self.level.store(u8::try_from(at + 1).unwrap_or(1), Ordering::Release);
    }

    /// Its place, as far as servers run apart for sessions.
    pub(super) fn seat(&self, system: &System) -> &Seat {
        self.seat.get_or_init(|| system.seat())
    }

    /// Where it hears from now on.
    pub(super) async fn hear(&self, service: &Service) -> Inbox {
        self.listener(service).await.hear().await
    }

    /// The level that it has named.
    pub(super) fn named_level(&self) -> Option<LogLevel> {
        let at = usize::from(self.level.load(Ordering::Acquire)).checked_sub(1)?;
        LogLevel::ALL.get(at).copied()
    }

    /// The level that applies to it.
    pub(super) fn level(&self) -> LogLevel {
        self.named_level().unwrap_or(LogLevel::UNSAID)
    }

    /// Serves `logging/setLevel`.
    pub(super) async fn set_level(
        &self,
        service: &Service,
        params: &Members,
    ) -> Result<(), Refusal> {
        if !service.logs() {
            let method = "logging/setLevel".to_owned();
            return Err(Refusal::UnknownMethod { method, era: Era::Legacy });
        }
        let level = params.text("level").ok_or_else(|| bad("params.level must be a string"))?;
        let level: LogLevel = level.parse().map_err(|error| bad(&format!("{error}")))?;
        self.name_level(level);
        self.listener(service).await.set_level(level).await;
        Ok(())
    }

    /// Serves `resources/subscribe`; an error of the server's own is an answer.
    pub(super) async fn subscribe(
        &self,
        service: &Service,
        id: &Id,
        params: &Members,
    ) -> Result<Option<Bytes>, Refusal> {
        let address = uri(params)?;
        let listener = self.listener(service).await;
        let unoffered = "resources/subscribe".to_owned();
        match listener.subscribe(&address).await {
            Ok(()) => {
                // A copy: what is kept should not keep the whole request.
                self.resources.insert(Text::from(address.as_str()));
                Ok(None)
            }
            Err(SubscribeError::Refused(error)) => {
                Ok(Some(relayed_error(id, CallKind::Resource, &error, Era::Legacy)))
            }
            Err(SubscribeError::NotOffered { .. }) => {
                Err(Refusal::UnknownMethod { method: unoffered, era: Era::Legacy })
            }
            Err(SubscribeError::TooMany { limit }) => Err(Refusal::Overloaded { limit }),
            Err(SubscribeError::Call(error)) => {
                service.not_called(id, CallKind::Resource, error, Era::Legacy).map(Some)
            }
        }
    }

    /// Everything subscribed to counts as updated once.
    pub(super) async fn miss(&self, service: &Service) {
        let all: Vec<Text> = self.resources.iter().map(|address| address.clone()).collect();
        for address in all {
            self.listener(service).await.miss(&address).await;
        }
    }

    /// From now on the peer hears how a task goes that it was shown under this id.
    pub(super) async fn hear_of_task(&self, service: &Service, shown: &str) {
        self.listener(service).await.hear_of_task(shown, Hop::Legacy).await;
    }

    /// From now on the peer hears of the ends of these visits, to which `server` has asked it.
    pub(super) async fn await_visits(
        &self,
        service: &Service,
        server: &ServerId,
        visits: Vec<Arc<str>>,
    ) {
        self.listener(service).await.await_visits(server, visits).await;
    }

    /// Serves `resources/unsubscribe`.
    pub(super) async fn unsubscribe(
        &self,
        service: &Service,
        params: &Members,
    ) -> Result<(), Refusal> {
        let address = uri(params)?;
        self.resources.remove(&address);
        self.listener(service).await.unsubscribe(&address).await;
        Ok(())
    }
}

/// Listens to a resource again, as soon as it is known whose it is, unless that is not wanted any more.
async fn resume(listener: Weak<Listener>, resources: Arc<DashSet<Text>>, address: Text) {
    let mut wait = AGAIN.0;
    loop {
        {
            let Some(listener) = listener.upgrade() else { return };
            match listener.resume(&address).await {
                Ok(()) if resources.contains(&address) => return,
                Ok(()) => return listener.unsubscribe(&address).await,
                Err(CallError::Unknown { .. }) => return drop(resources.remove(&address)),
                Err(_) if !resources.contains(&address) => return,
                Err(_) => {}
            }
        }
        sleep(wait).await;
        wait = AGAIN.1.min(wait * 2);
    }
}

fn uri(params: &Members) -> Result<Text, Refusal> {
    params.text("uri").ok_or_else(|| bad("params.uri must be a string"))
}

fn bad(reason: &str) -> Refusal {
    Refusal::BadParams { reason: reason.to_owned() }
}

/// What was heard, as a notification for a peer with a handshake.
pub(super) fn told(heard: &Heard) -> Bytes {
    match heard {
        Heard::Logged(params) => notification("notifications/message", Some(params)),
        Heard::Task { shown, news } => tasks::told(shown, news),
        Heard::Visited(id) => visited(id),
        Heard::Noticed(line) => line.clone(),
        Heard::Updated(address) => {
            let params = Members::from_iter([("uri", json_string(address))]).to_json();
            notification("notifications/resources/updated", Some(&params))
        }
    }
}

/// The notification that a visit of this name has ended (MCP 2025-11-25, client/elicitation).
pub(super) fn visited(id: &str) -> Bytes {
    let params = Members::from_iter([("elicitationId", json_string(id))]).to_json();
    notification("notifications/elicitation/complete", Some(&params))
}

/// Waits for what is heard next; for ever if nothing ever will be.
pub(super) async fn next(inbox: &mut Option<Inbox>) -> Bytes {
    if let Some(open) = inbox {
        match open.next().await {
            Some(heard) => return told(&heard),
            None => *inbox = None,
        }
    }
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_what_was_named_or_info() {
        let hearing = Hearing::default();
        assert_eq!((hearing.named_level(), hearing.level()), (None, LogLevel::Info));
        for (at, level) in (1..).zip(LogLevel::ALL) {
            hearing.level.store(at, Ordering::Release);
            assert_eq!((hearing.named_level(), hearing.level()), (Some(level), level));
        }
    }

    #[test]
    fn what_was_heard_is_a_notification() {
        assert_eq!(
            told(&Heard::Updated("n:/\"a\"".into())),
            r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"n:/\"a\""}}"#
        );
        assert_eq!(
            told(&Heard::Logged(r#"{"level":"info","data":1}"#.into())),
            r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}"#
        );
        assert_eq!(
            told(&Heard::Visited("e-1".into())),
            r#"{"jsonrpc":"2.0","method":"notifications/elicitation/complete","params":{"elicitationId":"e-1"}}"#
        );
    }
}
