//! This file keeps calls whose servers wait for something that the client will bring with its next
//! request.
//!
//! A parked call is an open pipe and cannot outlive the process. It leaves what a client brings back
//! to `seal`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use conductor_actors::Inquiry;
use conductor_actors::wire::{Members, Outcome};
use dashmap::DashMap;
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::client::PATIENCE;
use super::conversation::Conversation;
use super::seal::{Bond, Seal, Sealed};

/// Calls that may wait at once.
pub(in crate::door) const PARKED_MAX: usize = 256;

/// Seals of the last ten minutes that are known to be opened. No more are opened then.
const SPENT_MAX: usize = 100_000;
/// Characters at the beginning of a seal that no other has.
const MARK: usize = 19;

/// A call that waits, and what its server has asked, by our key for it.
pub(in crate::door) struct Parked {
    /// The call.
    pub(in crate::door) conversation: Conversation,
    /// The questions that have not been answered.
    pub(in crate::door) open: Vec<(String, Box<Inquiry>)>,
}

impl Parked {
    /// A call whose server asks `first`, and whatever it asks with that.
    pub(in crate::door) async fn of(mut conversation: Conversation, first: Box<Inquiry>) -> Self {
        let asked = conversation.asked_with(first).await;
        let open = (1..).map(|key: u32| key.to_string()).zip(asked).collect();
        Self { conversation, open }
    }

    /// Answers the questions that `responses` has answers for; others stay open, unless the server
    /// has taken them back.
    pub(in crate::door) fn answer(&mut self, responses: Option<&Bytes>) {
        let Some(Ok(responses)) = responses.map(Members::read) else { return };
        let still_open = self.open.drain(..).filter_map(|(key, mut inquiry)| {
            if inquiry.is_withdrawn() {
                return None;
            }
            match responses.get(&key).filter(|answer| answer.first() == Some(&b'{')) {
                Some(answer) => {
                    inquiry.answer(Outcome::Result(answer.clone()));
                    None
                }
                None => Some((key, inquiry)),
            }
        });
        self.open = still_open.collect();
    }
}

/// Who has the call hands it over to whoever asks.
type Claim = oneshot::Sender<oneshot::Sender<Parked>>;

/// The calls that wait, and the seal on what their clients are to bring back. Cheap to clone.
#[derive(Clone)]
pub struct Parking(Arc<Lot>);

struct Lot {
    /// None if the system has no random bytes.
    seal: Option<Seal>,
    last: AtomicU64,
    places: DashMap<u64, Claim>,
    /// What has been opened, by its mark, and until when it could be opened again, in seconds since
    /// 1970.
    spent: DashMap<String, u64>,
}

/// What tells one seal from another: its random beginning.
fn mark_of(state: &str) -> String {
    state.chars().take(MARK).collect()
}

impl Parking {
    /// No calls yet.
    pub fn new() -> Self {
        Self(Arc::new(Lot {
            seal: Seal::new().ok(),
            last: AtomicU64::new(0),
            places: DashMap::new(),
            spent: DashMap::new(),
        }))
    }

    /// Seals something for as long as a call may wait; `now` is in seconds since 1970. `None` if the
    /// system has no random bytes.
    pub(in crate::door) fn close(&self, sealed: &Sealed, bond: &Bond, now: u64) -> Option<String> {
        let expires = now + PATIENCE.as_secs();
        self.0.seal.as_ref()?.close(sealed, bond, expires).ok()
    }

    /// Opens what was sealed for the same caller and request, if it is not too late, and once.
    pub(in crate::door) fn open(&self, state: &str, bond: &Bond, now: u64) -> Option<Sealed> {
        let Lot { seal, spent, .. } = &*self.0;
        let sealed = seal.as_ref()?.open(state, bond, now)?;
        if spent.len() >= SPENT_MAX {
            spent.retain(|_, expires| *expires > now);
        }
        if spent.len() >= SPENT_MAX {
            return None;
        }
        let before = spent.insert(mark_of(state), now + PATIENCE.as_secs());
        before.is_none().then_some(sealed)
    }

    /// Lets a call wait, ten minutes at most; returns the number to take it back with. `None` if too
    /// many wait already: then the call is taken back.
    pub(in crate::door) fn park(&self, parked: Parked) -> Option<u64> {
        let lot = Arc::clone(&self.0);
        if lot.places.len() >= PARKED_MAX {
            return None;
        }
        let number = lot.last.fetch_add(1, Ordering::Relaxed) + 1;
        let (claim, claimed) = oneshot::channel();
        lot.places.insert(number, claim);
        tokio::spawn(async move {
            tokio::select! {
                claimed = claimed => {
                    if let Ok(port) = claimed {
                        // Whoever asked may have gone: then the call is taken back with this.
                        let _ = oneshot::Sender::<Parked>::send(port, parked);
                    }
                }
                () = sleep(PATIENCE) => drop(parked),
            }
            lot.places.remove(&number);
        });
        Some(number)
    }

    /// Takes a call back, once.
    pub(in crate::door) async fn take(&self, number: u64) -> Option<Parked> {
        let (_, claim) = self.0.places.remove(&number)?;
        let (port, parked) = oneshot::channel();
        claim.send(port).ok()?;
        parked.await.ok()
    }
}

impl Default for Parking {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use conductor_actors::Principal;
    use conductor_actors::wire::CallParams;

    use super::super::seal::About;
    use super::*;

    #[tokio::test]
    async fn a_seal_is_opened_once_by_whoever_may_open_it() {
        let parking = Parking::new();
        let params = CallParams::read(Some(&Bytes::from_static(br#"{"name":"a"}"#))).unwrap();
        let bond = |uid| Bond::new(&Principal::User(uid), &About::of(&params));
        for sealed in [Sealed::Again, Sealed::Server("7".into()), Sealed::Parked(1)] {
            let state = parking.close(&sealed, &bond(7), 0).unwrap();
            assert_eq!(parking.open(&state, &bond(8), 1), None, "not for others");
            assert_eq!(parking.open(&state, &bond(7), 1), Some(sealed), "they have not spent it");
            assert_eq!(parking.open(&state, &bond(7), 1), None, "once");
        }
    }
}
