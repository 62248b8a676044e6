//! This file says what has to hold whatever a child writes: what fuzzers look for a breach of.
//!
//! It leaves making output up to them, and what a certain line becomes to the decoder's own tests.

use super::decoder::{Decoder, Line};

/// Cuts what `data` makes up: a limit, the sizes of reads, and then the output itself. Panics if a
/// promise is broken.
pub(crate) fn hold(data: &[u8]) {
    let [limit, first, second, output @ ..] = data else { return };
    let limit = usize::from(*limit) + 1;
    let sizes = [usize::from(*first) + 1, usize::from(*second) + 1];
    let expected: Vec<Option<Vec<u8>>> = lines(output, limit);
    for sizes in [sizes, [1, 1], [usize::MAX, 1]] {
        let mut decoder = Decoder::new(limit);
        let (mut found, mut rest, mut size) = (Vec::new(), output, sizes.into_iter().cycle());
        while !rest.is_empty() {
            let (part, later) = rest.split_at(size.next().unwrap_or(1).min(rest.len()));
            rest = later;
            decoder.space().extend_from_slice(part);
            while let Some(line) = decoder.next_line() {
                found.push(match line {
                    Line::Whole(line) => Some(line.to_vec()),
                    Line::TooLong { .. } => None,
                });
            }
        }
        // What is over the limit is told before its end is seen.
        let cut = found.len().min(expected.len());
        assert_eq!(found[..cut], expected[..cut], "reads of {sizes:?}");
        let tail = output.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        let told_early = usize::from(tail.len() > limit);
        assert_eq!(found.len(), expected.len() + told_early, "reads of {sizes:?}");
        let most = limit + 4 * output.len().min(1 << 20) + (1 << 17);
        assert!(decoder.space().capacity() <= most, "more room than output");
    }
}

/// The lines of `output`, each of which has its end: what is in them, or that they are too long.
fn lines(output: &[u8], limit: usize) -> Vec<Option<Vec<u8>>> {
    let mut lines: Vec<&[u8]> = output.split(|byte| *byte == b'\n').collect();
    lines.pop();
    let line = |line: &&[u8]| match (line.len() > limit, bare(line)) {
        (true, _) => Some(None),
        (false, []) => None,
        (false, bare) => Some(Some(bare.to_vec())),
    };
    lines.iter().filter_map(line).collect()
}

/// A line without what is put around messages.
fn bare(line: &[u8]) -> &[u8] {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii_end();
    let behind = line.iter().rposition(|byte| *byte == b'\r').map(|at| &line[at + 1..]);
    let behind = behind.map(<[u8]>::trim_ascii_start).filter(|rest| rest.starts_with(b"{"));
    match behind {
        Some(behind) if !line.starts_with(b"{") => behind,
        _ => line.trim_ascii_start(),
    }
}
