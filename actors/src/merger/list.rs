//! This file is one list as clients are shown it: entries in a fixed order, pages, and who has which.
//!
//! It leaves which entries there are to `merge`, and what a view is to `catalog`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use conductor_config::{ExportStyle, ServerId};
use thiserror::Error;

use super::arguments::Arguments;
use super::sanitize::Verdict;
use crate::model::{ListKind, Target};
use crate::wire::{Hop, Marks, Text};

/// One entry as a client is shown it.
#[derive(Debug, Clone)]
pub struct ListedEntry {
    /// The name or address it is shown under.
    pub name: Text,
    /// Another name it can be called by, unless that is another's as well. Of tools and prompts in
    /// a merged list it is the name in the other style.
    pub alias: Option<Text>,
    /// Whose it is, and what it is called there.
    pub target: Target,
    /// Its definition, with that name in it.
    pub definition: Definition,
    /// The same with the other name, where somebody is shown that.
    pub other: Option<Definition>,
    /// The arguments of a tool that are repeated in headers, if any are.
    pub marks: Option<Arc<Marks>>,
    /// Whether it is a tool that can be called in no other way than as a task.
    pub is_task: bool,
    /// What checks the arguments of a tool, if the settings ask for that.
    pub(crate) arguments: Option<Arc<Arguments>>,
    /// What it was made of; the same as long as its server's list is.
    pub(super) verdict: Arc<Verdict>,
}

/// A definition, ready to be sent.
#[derive(Debug, Clone)]
pub struct Definition {
    /// One JSON object.
    pub json: Bytes,
    /// The same for newer readers, if it is another: without what a tool says about being made into a task,
    /// of which they know nothing (MCP 2025-11-25, Tool, `execution`); with a schema of results that are no
    /// objects, of which older ones know nothing.
    pub modern: Option<Bytes>,
}

/// In which form a list is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// For readers of a revision of this kind.
    pub hop: Hop,
    /// With names written like this.
    pub style: ExportStyle,
}

impl ListedEntry {
    /// Whether this is the very entry that `other` is, and not only like it.
    fn is(&self, other: &Self) -> bool {
        let same = |a: &Bytes, b: &Bytes| std::ptr::eq(a.as_ptr(), b.as_ptr());
        same(&self.definition.json, &other.definition.json)
            && self.name == other.name
            && self.alias == other.alias
            && self.other.is_some() == other.other.is_some()
            && self.arguments.is_some() == other.arguments.is_some()
    }

    fn json(&self, hop: Hop, other: bool) -> &Bytes {
        let definition = self.other.as_ref().filter(|_| other).unwrap_or(&self.definition);
        definition.modern.as_ref().filter(|_| hop == Hop::Modern).unwrap_or(&definition.json)
    }
}

/// Whether a server's list is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListState {
    /// It has been read; the server may be down by now.
    Known,
    /// The server has not come up yet for the first time.
    Awaited,
    /// The server failed before its list could be read.
    Missing,
    /// The server says that it has no such list.
    Absent,
}

/// One list of a view.
#[derive(Debug)]
pub struct List {
    kind: ListKind,
    entries: Vec<ListedEntry>,
    by_name: HashMap<Text, usize>,
    /// Aliases of several entries: they lead nowhere.
    shared: HashSet<Text>,
    /// The style of the names that entries are shown under.
    style: ExportStyle,
    /// The whole list with these names.
    usual: Whole,
    /// The same with the other names, if somebody is shown those and they differ.
    other: Option<Whole>,
    servers: BTreeMap<ServerId, ListState>,
    sorted: bool,
}

/// A whole list in one style, ready to be sent.
#[derive(Debug)]
struct Whole {
    /// One JSON array.
    array: Bytes,
    /// The same for readers without a handshake, if it is another.
    modern: Option<Bytes>,
    /// Changes exactly when `array` does.
    digest: u64,
}

impl Whole {
    fn new(entries: &[ListedEntry], other: bool) -> Self {
        let array = join(entries, Hop::Legacy, other);
        let differs = entries.iter().any(|entry| entry.definition.modern.is_some());
        let modern = differs.then(|| join(entries, Hop::Modern, other));
        Self { digest: digest(&array), array, modern }
    }
}

/// A cursor that this program did not make, or made for another list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the cursor is not one of this list")]
pub struct BadCursor;

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Definitions as one JSON array.
    pub entries: Bytes,
    /// Where the next part begins; `None` at the end.
    pub next_cursor: Option<String>,
}

/// What a list knows about a name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Named<'a> {
    One(&'a ListedEntry),
    Several,
    None,
}

impl List {
    /// A list of `entries`, which are sorted here if they are of several servers. Their names are
    /// in `style`.
    pub(super) fn new(
        kind: ListKind,
        style: ExportStyle,
        mut entries: Vec<ListedEntry>,
        servers: BTreeMap<ServerId, ListState>,
        sorted: bool,
    ) -> Self {
        if sorted {
            entries.sort_by(|a, b| place(&a.target).cmp(&place(&b.target)));
        }
        let usual = Whole::new(&entries, false);
        let differs = entries.iter().any(|entry| entry.other.is_some());
        let other = differs.then(|| Whole::new(&entries, true));
        let (mut by_name, mut shared) = (HashMap::new(), HashSet::new());
        for (at, entry) in entries.iter().enumerate() {
            if let Some(alias) = &entry.alias
                && by_name.insert(alias.clone(), at).is_some()
            {
                shared.insert(alias.clone());
            }
        }
        // The name something is shown under goes before what another is called by its server.
        for (at, entry) in entries.iter().enumerate() {
            shared.remove(&entry.name);
            by_name.insert(entry.name.clone(), at);
        }
        Self { kind, entries, by_name, shared, style, usual, other, servers, sorted }
    }

    /// The list that `before` is, if it would be the same; else a new one, as [`Self::new`] makes it.
    pub(super) fn again(
        before: Option<&Arc<Self>>,
        kind: ListKind,
        style: ExportStyle,
        mut entries: Vec<ListedEntry>,
        servers: BTreeMap<ServerId, ListState>,
        sorted: bool,
    ) -> Arc<Self> {
        if sorted {
            entries.sort_by(|a, b| place(&a.target).cmp(&place(&b.target)));
        }
        let is_same = |before: &&Arc<Self>| {
            before.style == style
                && before.sorted == sorted
                && before.servers == servers
                && before.entries.len() == entries.len()
                && before.entries.iter().zip(&entries).all(|(a, b)| a.is(b))
        };
        match before.filter(is_same) {
            Some(before) => Arc::clone(before),
            None => Arc::new(Self::new(kind, style, entries, servers, sorted)),
        }
    }

    /// The entries in the order they are shown.
    pub fn entries(&self) -> &[ListedEntry] {
        &self.entries
    }

    /// The style of the names that entries are shown under if nobody asks for another.
    pub fn style(&self) -> ExportStyle {
        self.style
    }

    /// The name and the definition of one of its entries in this form.
    pub fn shown<'a>(&'a self, entry: &'a ListedEntry, form: Form) -> (&'a Text, &'a Bytes) {
        let (_, other) = self.whole(form.style);
        let alias = entry.alias.as_ref().filter(|_| other);
        (alias.unwrap_or(&entry.name), entry.json(form.hop, other))
    }

    /// The servers shown, and what is known of their lists.
    pub fn servers(&self) -> &BTreeMap<ServerId, ListState> {
        &self.servers
    }

    /// A number that is the same exactly as long as a client would see the same list, with names in
    /// this style.
    pub fn digest(&self, style: ExportStyle) -> u64 {
        self.whole(style).0.digest
    }

    /// The whole list with names in this style, and whether these are the other ones.
    fn whole(&self, style: ExportStyle) -> (&Whole, bool) {
        let other = self.other.as_ref().filter(|_| style != self.style);
        (other.unwrap_or(&self.usual), other.is_some())
    }

    /// The entry that is shown under this name.
    pub(super) fn under(&self, name: &str) -> Option<&ListedEntry> {
        let at = self.by_name.get(name)?;
        self.entries.get(*at).filter(|entry| *entry.name == *name)
    }

    /// The entry of this name or alias.
    pub(super) fn find(&self, name: &str) -> Named<'_> {
        if self.shared.contains(name) {
            return Named::Several;
        }
        match self.by_name.get(name).and_then(|at| self.entries.get(*at)) {
            Some(entry) => Named::One(entry),
            None => Named::None,
        }
    }

    /// Up to `size` entries from `cursor` on, in this form. A list that fits is sent as it is kept.
    ///
    /// The cursor names the last entry shown, so that a list that changed in between goes on
    /// behind it instead of failing. Where that entry is gone, a sorted list goes on with the one
    /// that would follow it, any other with the one in its place.
    pub fn page(&self, cursor: Option<&str>, size: usize, form: Form) -> Result<Page, BadCursor> {
        let Form { hop, style } = form;
        let (whole, other) = self.whole(style);
        let start = match cursor {
            None if self.entries.len() <= size => {
                let modern = whole.modern.as_ref().filter(|_| hop == Hop::Modern);
                let entries = modern.unwrap_or(&whole.array).clone();
                return Ok(Page { entries, next_cursor: None });
            }
            None => 0,
            Some(cursor) => self.after(cursor)?,
        };
        let end = (start + size.max(1)).min(self.entries.len());
        let shown = &self.entries[start..end];
        let next_cursor = match shown.last() {
            Some(last) if end < self.entries.len() => {
                Some(encode(self.kind, end - 1, &last.target))
            }
            Some(_) | None => None,
        };
        Ok(Page { entries: join(shown, hop, other), next_cursor })
    }

    fn after(&self, cursor: &str) -> Result<usize, BadCursor> {
        let (at, target) = decode(self.kind, cursor).ok_or(BadCursor)?;
        let is_it = |entry: &ListedEntry| entry.target == target;
        // Where nothing has changed in between, it stands where it stood.
        if self.entries.get(at).is_some_and(is_it) {
            return Ok(at + 1);
        }
        if self.sorted {
            let shown = |entry: &ListedEntry| place(&entry.target) <= place(&target);
            return Ok(self.entries.partition_point(shown));
        }
        let found = self.entries.iter().position(is_it).map(|at| at + 1);
        Ok(found.unwrap_or(at.min(self.entries.len())))
    }
}

/// What cursors of a list begin with.
fn mark(kind: ListKind) -> &'static str {
    match kind {
        ListKind::Tools => "t1\n",
        ListKind::Prompts => "p1\n",
        ListKind::Resources => "r1\n",
        ListKind::Templates => "m1\n",
    }
}

/// Where an entry stands in a sorted list.
fn place(target: &Target) -> (&ServerId, &Text) {
    (&target.server, &target.name)
}

fn encode(kind: ListKind, at: usize, target: &Target) -> String {
    let mark = mark(kind);
    URL_SAFE_NO_PAD.encode(format!("{mark}{at}\n{}\n{}", target.server, target.name))
}

fn decode(kind: ListKind, cursor: &str) -> Option<(usize, Target)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let (at, target) = text.strip_prefix(mark(kind))?.split_once('\n')?;
    let (server, name) = target.split_once('\n')?;
    Some((at.parse().ok()?, Target { server: server.parse().ok()?, name: Text::from(name) }))
}

fn join(entries: &[ListedEntry], hop: Hop, other: bool) -> Bytes {
    let size = entries.iter().map(|entry| entry.json(hop, other).len() + 1).sum();
    let mut array = Vec::with_capacity(size);
    array.push(b'[');
    for (at, entry) in entries.iter().enumerate() {
        if at > 0 {
            array.push(b',');
        }
        array.extend_from_slice(entry.json(hop, other));
    }
    array.push(b']');
    Bytes::from(array)
}

/// A number that is the same for the same bytes.
pub(super) fn digest(array: &[u8]) -> u64 {
    let digest = ring::digest::digest(&ring::digest::SHA256, array);
    digest.as_ref().iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}
