//! This file is `conductor logs`: what a server writes to stderr.
//!
//! It leaves keeping the lines to the daemon.

use super::args::LogsArgs;
use super::load::client;
use super::out::Out;
use crate::admin::LogLine;
use crate::exit::{Exit, Failure};

pub(super) async fn run(args: &LogsArgs, out: Out) -> Result<Exit, Failure> {
    let path = format!(
        "/api/v1/aegis/connections/{}/{}/logs?from=0&follow={}",
        args.name.workspace, args.name.name, args.follow
    );
    let mut lines = client(&args.daemon)?.lines(&path).await?;
    let mut next = None;
    while let Some(LogLine { number, line }) = lines.next().await? {
        if let Some(lost) = next.map(|next| number.saturating_sub(next)).filter(|lost| *lost > 0) {
            out.note(format_args!("({lost} lines lost: they came faster than they could be read)"));
        }
        next = Some(number + 1);
        out.data(&line)?;
    }
    Ok(Exit::Success)
}
