//! This file decides which process of a server a call goes to, by the settings and by who calls.
//!
//! It leaves bringing it there to `routes` and `berths`.

use conductor_config::Isolation;

use crate::model::{Holder, Principal, Seat};

/// Which of the processes of a server a call goes to. Where that is one for this call alone, it ends
/// with this.
#[derive(Debug, Clone)]
pub(crate) struct Tenancy {
    pub(crate) holder: Holder,
    /// What the settings said when this was decided.
    pub(super) isolation: Isolation,
    /// Of the call itself.
    _own: Option<Seat>,
}

impl Tenancy {
    /// That of a call of `principal`, in a session if `seat` is one; `own` makes a seat for the call.
    pub(super) fn of(
        isolation: Isolation,
        principal: &Principal,
        seat: Option<&Seat>,
        own: impl FnOnce() -> Seat,
    ) -> Self {
        let (holder, own) = match (isolation, seat) {
            (Isolation::Shared, _) => (Holder::Everybody, None),
            (Isolation::PerSession, Some(seat)) => (seat.take(), None),
            (Isolation::PerSession, None) => (Holder::Principal(principal.clone()), None),
            (Isolation::PerCall, _) => {
                let own = own();
                (own.take(), Some(own))
            }
        };
        Self { holder, isolation, _own: own }
    }

    /// Whether something that outlasts a call can be kept there.
    pub(crate) fn lasts(&self) -> bool {
        self.isolation != Isolation::PerCall
    }
}
