//! This file reads a modern server's list of tools for the sake of the headers that calls need, after
//! the server has refused a call because of them (MCP 2026-07-28, basic/transports/streamable-http).
//!
//! It leaves what callers are shown to those who read lists for them, and a limit of time to the pump.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;

use super::answer::{Answer, RefusalError};
use super::channel::{Channel, Letter};
use super::sse::Kind;
use crate::server::downstream::desk::PREFIX;
use crate::server::downstream::lane::Body;
use crate::server::downstream::sdk::write_request;
use crate::wire::{self, Hop, Members, Message, Outcome, Response};

const METHOD: &str = "tools/list";

/// Takes over what the whole list says, page by page, as far as it can be read.
pub(super) async fn relearn(channel: &Channel) {
    let (mut members, mut seen) = (Bytes::new(), HashSet::new());
    loop {
        let Ok(Some(page)) = page(channel, members).await else { return };
        if let Some(mirrors) = channel.mirrors.load().learn(&page) {
            channel.mirrors.store(Arc::new(mirrors));
        }
        let cursor = Members::read(&page).ok().and_then(|mut page| page.take("nextCursor"));
        let Some(cursor) = cursor.filter(|raw| raw.first() == Some(&b'"')) else { return };
        members = [&b"\"cursor\":"[..], &cursor].concat().into();
        if !seen.insert(cursor) {
            return;
        }
    }
}

async fn page(channel: &Channel, members: Bytes) -> Result<Option<Bytes>, RefusalError> {
    let (mut out, body) = (Vec::new(), Body::Members(members));
    write_request(&mut out, PREFIX, 0, METHOD, Hop::Modern, &body);
    let mut letter = Letter::from(out);
    letter.headers = channel.mirrors.load().headers(METHOD, &body);
    let session = channel.session.load_full();
    match channel.post(&session, &letter).await?.0 {
        Answer::Nothing => Ok(None),
        Answer::Whole(message) => Ok(result_of(&message)),
        Answer::Stream(mut stream) => {
            while let Some(event) = stream.next().await? {
                if event.kind == Kind::Message
                    && let Some(page) = result_of(&event.data)
                {
                    return Ok(Some(page));
                }
            }
            Ok(None)
        }
    }
}

fn result_of(message: &Bytes) -> Option<Bytes> {
    match wire::parse(message) {
        Ok(Message::Response(Response { outcome: Outcome::Result(result), .. })) => Some(result),
        _ => None,
    }
}
