//! This file says how many clients are behind the calls of one life of a server, and what follows for
//! what a server may ask.
//!
//! It leaves who they are to the router, and asking to `asking`.

use crate::model::Holder;

/// Who calls there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peers {
    /// One session of a client, or one call: whatever the server asks is meant for it.
    One,
    /// Several clients; nothing but a call of its own says for whom a question is meant.
    Several,
}

impl Peers {
    /// Those behind the calls of `holder`.
    pub(crate) fn of(holder: &Holder) -> Self {
        if holder.is_one_peer() { Self::One } else { Self::Several }
    }

    /// What is declared to servers with a handshake. Of several clients' roots nothing can be made that
    /// is true for all of them, so these are offered on behalf of one client only.
    pub(super) fn capabilities(self) -> &'static str {
        match self {
            Self::One => r#"{"elicitation":{"form":{},"url":{}},"sampling":{},"roots":{}}"#,
            Self::Several => r#"{"elicitation":{"form":{},"url":{}},"sampling":{}}"#,
        }
    }
}
