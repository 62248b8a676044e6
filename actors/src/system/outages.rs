//! This file says of a server that takes no calls why, and whether it may do so soon.
//!
//! It leaves waiting for it to the system.

use std::sync::Arc;

use conductor_config::{ServerId, StartMode};

use super::System;
use crate::model::{Cause, Outage, ServerState};

impl System {
    pub(super) fn is_coming(&self, server: &ServerId, outage: &Outage) -> bool {
        let hopeless = outage
            .downfall
            .as_ref()
            .is_some_and(|downfall| matches!(downfall.cause, Cause::Spawn(_)));
        let lazy = self.0.board.current().servers.get(server).is_some_and(|status| {
            status.state == ServerState::Stopped
                && status.spec.enabled
                && status.spec.start == StartMode::Lazy
        });
        lazy || outage.state.is_up() || (outage.state.is_coming() && !hopeless)
    }

    pub(super) fn outage(&self, server: &ServerId) -> Outage {
        let board = self.0.board.current();
        let status = board.servers.get(server);
        Outage {
            state: status.map_or(ServerState::Stopped, |status| status.state),
            downfall: status
                .and_then(|status| status.last_error.as_ref())
                .map(|(end, _)| Arc::clone(end)),
            next_try: status.and_then(|status| status.next_try),
            returning: false,
        }
    }
}
