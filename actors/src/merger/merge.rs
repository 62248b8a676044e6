//! This file builds the namespace from what each server lists.
//!
//! Pure. Nothing a server says about itself decides its prefix: that is its name in our settings.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use conductor_config::{CatalogSettings, ServerId, WorkspaceName};

use super::account::{Account, Visibility, filter};
use super::addresses;
use super::catalog::{Catalog, View};
use super::list::{Definition, List, ListState, ListedEntry};
use super::names::exported;
use super::sanitize::{JudgedEntry, Namespace, Verdict};
use super::slice::Slice;
use crate::model::{ListKind, PerList, Target};
use crate::server::Rejected;
use crate::wire::{Marks, Members, Text, json_string};

/// [`merge_after`] nothing.
#[cfg(test)]
pub(super) fn merge(slices: &BTreeMap<ServerId, Slice>, settings: &CatalogSettings) -> Catalog {
    merge_after(&Catalog::default(), slices, settings)
}

/// The views of all servers. `revision` is left at 0: only the publisher counts. What is as it was
/// in `before` is taken from there: a change of one server does not write the others' entries anew.
pub(super) fn merge_after(
    before: &Catalog,
    slices: &BTreeMap<ServerId, Slice>,
    settings: &CatalogSettings,
) -> Catalog {
    let styles = settings.export_styles.clone();
    let mut catalog = Catalog { export_styles: Some(styles), ..Catalog::default() };
    // The default workspace is there even when nothing is in it.
    let mut merged = BTreeMap::from([(WorkspaceName::default(), PerList::<Parts>::default())]);
    let namespaces = namespaces(slices);
    let listed_twice = listed_twice(slices);
    for (at, (id, slice)) in slices.iter().enumerate() {
        let all = merged.entry(id.workspace.clone()).or_default();
        let names = Names {
            settings,
            namespaces: &namespaces,
            listed_twice: &listed_twice,
            id,
            at,
            before,
        };
        let lists =
            PerList::make(|kind| names.add_list(kind, slice, all.get_mut(kind), &mut catalog));
        catalog.servers.insert(id.clone(), Arc::new(View::new(lists, None)));
        if slice.offers.as_ref().is_some_and(|offers| !offers.completions) {
            catalog.without_completion.insert(id.clone());
        }
        if slice.offers.as_ref().is_some_and(|offers| !offers.subscriptions) {
            catalog.without_subscriptions.insert(id.clone());
        }
        if let Some(offers) = &slice.offers {
            catalog.tasks.insert(id.clone(), offers.tasks);
            catalog.extensions.extend(offers.extensions.clone().map(|it| (id.clone(), it)));
        }
        if slice.offers.as_ref().is_some_and(|offers| !offers.logging) {
            catalog.without_logging.insert(id.clone());
        }
    }
    for (workspace, mut all) in merged {
        let separator = Arc::from(settings.separator.as_str());
        let lists = PerList::make(|kind| {
            let parts = std::mem::take(all.get_mut(kind));
            let known = before.workspaces.get(&workspace).map(|view| view.shared(kind));
            let style = settings.export_styles.usual;
            List::again(known, kind, style, parts.entries, parts.servers, true)
        });
        catalog.workspaces.insert(workspace, Arc::new(View::new(lists, Some(separator))));
    }
    for (name, spec) in &settings.views {
        if let Some(whole) = catalog.workspaces.get(&spec.workspace) {
            let old = (before.workspaces.get(&spec.workspace), before.views.get(name));
            let part = whole.part_after(old.0, old.1, spec, &settings.separator);
            catalog.views.insert(name.clone(), part);
        }
    }
    catalog
}

/// A merged list in the making.
#[derive(Default)]
struct Parts {
    entries: Vec<ListedEntry>,
    servers: BTreeMap<ServerId, ListState>,
    /// Every name that something is shown under or can be called by, and whether it is the former.
    taken: HashMap<String, bool>,
}

/// What the names of one server's entries depend on.
struct Names<'a> {
    settings: &'a CatalogSettings,
    namespaces: &'a BTreeMap<&'a WorkspaceName, Namespace<'a>>,
    listed_twice: &'a HashSet<(&'a WorkspaceName, &'a Text)>,
    id: &'a ServerId,
    /// The number of the server among all.
    at: usize,
    /// What there was before.
    before: &'a Catalog,
}

impl Names<'_> {
    /// Adds what may be shown of a list to `parts`; returns the same under the server's own names.
    fn add_list(
        &self,
        kind: ListKind,
        slice: &Slice,
        parts: &mut Parts,
        catalog: &mut Catalog,
    ) -> Arc<List> {
        let part = slice.parts.get(kind);
        let tools = slice.parts.get(ListKind::Tools).judged();
        let blocked = tools.is_some_and(|tools| tools.is_blocked());
        let known = self.before.servers.get(self.id).map(|view| view.shared(kind));
        let (mut own, mut accounts) = (Vec::new(), Vec::new());
        parts.servers.insert(self.id.clone(), part.state());
        if let Some(judged) = part.judged() {
            accounts.extend(judged.rejected.iter().map(|rejected| Account {
                tool: Text::from(rejected.name.as_str()),
                visibility: Visibility::Rejected(rejected.reason.clone()),
                findings: Vec::new(),
                described: false,
            }));
            for entry in &judged.entries {
                let verdict = entry.verdict(self.is_foreign(entry));
                let is_tool = kind == ListKind::Tools;
                let hidden = filter(&slice.spec, &entry.name).filter(|_| is_tool);
                let visibility = if let Some(filter) = hidden {
                    Visibility::Filtered(filter)
                } else if blocked || verdict.held.is_some() {
                    Visibility::Rejected(held_reason(verdict))
                } else if is_tool && slice.waits_for_approval(&entry.name) {
                    Visibility::Rejected(UNAPPROVED.to_owned())
                } else {
                    let checked = is_tool && slice.spec.validate_arguments.any(&entry.name);
                    let shown = Shown { kind, id: self.id, entry, verdict, checked };
                    let before = known.and_then(|known| known.under(&entry.name));
                    own.push(shown.alone(before));
                    self.add(&shown, parts)
                };
                let (tool, findings) = (entry.name.clone(), verdict.findings.clone());
                let described = entry.described;
                accounts.push(Account { tool, visibility, findings, described });
            }
        }
        let rejected = accounts.iter().filter_map(|account| rejection(kind, account));
        let rejected: Vec<Rejected> = rejected.collect();
        if !rejected.is_empty() {
            catalog.rejected.entry(self.id.clone()).or_default().extend(rejected);
        }
        if kind == ListKind::Tools && !accounts.is_empty() {
            catalog.accounts.insert(self.id.clone(), accounts);
        }
        let servers = BTreeMap::from([(self.id.clone(), part.state())]);
        List::again(known, kind, self.settings.export_styles.usual, own, servers, false)
    }

    /// Adds an entry to a merged list, unless its name there is taken. A name that is only a second
    /// one for both is left to the list, which refuses it.
    fn add(&self, shown: &Shown<'_>, parts: &mut Parts) -> Visibility {
        let taken = |name: &str| {
            let noun = shown.kind.noun();
            Visibility::Rejected(format!("another {noun} is already shown as `{name}`"))
        };
        let server = self.id.name.as_ref();
        let own = &shown.entry.name;
        let usual = self.settings.export_styles.usual;
        let is_named = matches!(shown.kind, ListKind::Tools | ListKind::Prompts);
        let (name, alias) = match shown.kind {
            ListKind::Tools | ListKind::Prompts => {
                exported(usual, &self.settings.separator, self.id, own)
            }
            ListKind::Resources | ListKind::Templates => {
                let twice = self.listed_twice.contains(&(&self.id.workspace, own));
                let name = match addresses::public(server, own) {
                    kept if twice && *kept == **own => addresses::wrapped(server, own),
                    name => name.into_owned(),
                };
                (name, own.to_string())
            }
        };
        if parts.taken.contains_key(&name) {
            return taken(&name);
        }
        let both = is_named && self.settings.has_other_style();
        if is_named {
            let owner = parts.taken.get(&alias);
            if owner == Some(&true) || both && owner.is_some() {
                return taken(&alias);
            }
            parts.taken.insert(alias.clone(), both);
        }
        parts.taken.insert(name.clone(), true);
        let alias = (name != alias).then(|| Text::from(alias));
        let name = Text::from(name);
        let known = self.before.workspaces.get(&self.id.workspace);
        let before = known.and_then(|view| view.list(shown.kind).under(&name));
        parts.entries.push(shown.merged(before, name.clone(), alias, both));
        Visibility::Shown { name }
    }

    /// Whether a tool speaks of another server's tools.
    fn is_foreign(&self, entry: &JudgedEntry) -> bool {
        let namespace = self.namespaces.get(&self.id.workspace);
        namespace.is_some_and(|namespace| namespace.any_foreign(self.at, entry.mentions()))
    }
}

/// An entry that is not shown because something about it is wrong.
fn rejection(kind: ListKind, account: &Account) -> Option<Rejected> {
    let Visibility::Rejected(reason) = &account.visibility else { return None };
    Some(Rejected { kind, name: account.tool.to_string(), reason: reason.clone() })
}

/// An entry that may be shown, and what of it.
struct Shown<'a> {
    kind: ListKind,
    id: &'a ServerId,
    entry: &'a JudgedEntry,
    verdict: &'a Arc<Verdict>,
    /// Whether its arguments are to be checked.
    checked: bool,
}

impl Shown<'_> {
    /// The entry as its server alone is shown; the one of `before` if nothing about it is new.
    fn alone(&self, before: Option<&ListedEntry>) -> ListedEntry {
        let name = &self.entry.name;
        if let Some(before) = before.filter(|before| self.is_as(before, name, None, false)) {
            return before.clone();
        }
        self.list(self.verdict.definition.clone(), name.clone(), None, false)
    }

    /// The entry in a merged list, under `name`, and under `alias` as well if `both` are shown.
    /// Addresses in it are those that are shown there.
    fn merged(
        &self,
        before: Option<&ListedEntry>,
        name: Text,
        alias: Option<Text>,
        both: bool,
    ) -> ListedEntry {
        let as_before = |before: &&ListedEntry| self.is_as(before, &name, alias.as_ref(), both);
        if let Some(before) = before.filter(as_before) {
            return before.clone();
        }
        let mut definition = self.verdict.definition.clone();
        if self.kind == ListKind::Tools
            && let Some(meta) = definition.get("_meta")
            && let Some(meta) = with_app(self.id.name.as_ref(), meta)
        {
            definition.set("_meta", meta);
        }
        self.list(definition, name, alias, both)
    }

    /// Whether `before` was made of the same.
    fn is_as(&self, before: &ListedEntry, name: &Text, alias: Option<&Text>, both: bool) -> bool {
        Arc::ptr_eq(&before.verdict, self.verdict)
            && before.target.server == *self.id
            && before.name == *name
            && before.alias.as_ref() == alias
            && before.other.is_some() == (both && alias.is_some())
            && before.arguments.is_some() == (self.checked && self.entry.arguments.is_some())
    }

    fn list(
        &self,
        mut definition: Members,
        name: Text,
        alias: Option<Text>,
        both: bool,
    ) -> ListedEntry {
        let target = Target { server: self.id.clone(), name: self.entry.name.clone() };
        let is_tool = self.kind == ListKind::Tools;
        let marks = marks(&definition).filter(|_| is_tool);
        let is_task = is_tool && is_task(&definition);
        let arguments = self.entry.arguments.clone().filter(|_| self.checked);
        let other = alias.as_ref().filter(|_| both).map(|alias| self.named(&mut definition, alias));
        let definition = self.named(&mut definition, &name);
        let verdict = Arc::clone(self.verdict);
        ListedEntry { name, alias, target, definition, other, marks, is_task, arguments, verdict }
    }

    /// The definition with this name.
    fn named(&self, definition: &mut Members, name: &str) -> Definition {
        let key = match self.kind {
            ListKind::Tools | ListKind::Prompts => "name",
            ListKind::Resources => "uri",
            ListKind::Templates => "uriTemplate",
        };
        definition.set(key, json_string(name));
        let is_tool = self.kind == ListKind::Tools;
        let foreign = definition.get("outputSchema").is_some_and(|schema| !is_of_objects(schema));
        if !is_tool || !foreign && definition.get("execution").is_none() {
            return Definition { json: definition.to_json(), modern: None };
        }
        let (mut older, mut newer) = (definition.clone(), definition.clone());
        newer.take("execution");
        if foreign {
            older.take("outputSchema");
        }
        Definition { json: older.to_json(), modern: Some(newer.to_json()) }
    }
}

/// Whether a schema says that what it is of are objects. Older revisions know of no other results
/// (MCP 2025-11-25, schema, Tool), and clients of them may refuse a list with one.
fn is_of_objects(schema: &Bytes) -> bool {
    Members::read(schema).is_ok_and(|schema| schema.text("type").as_deref() == Some("object"))
}

/// The arguments of a tool that are repeated in headers. Wrong marks are none.
fn marks(definition: &Members) -> Option<Arc<Marks>> {
    let schema = definition.get("inputSchema").filter(|schema| Marks::may_be_in(schema))?;
    let marks = Marks::of(&serde_json::from_slice(schema).ok()?).ok()?;
    (!marks.is_empty()).then(|| Arc::new(marks))
}

/// Whether a tool says that it can be called in no other way than as a task.
fn is_task(definition: &Members) -> bool {
    let said = definition.get("execution").and_then(|said| Members::read(said).ok());
    said.and_then(|said| said.text("taskSupport")).as_deref() == Some("required")
}

/// `_meta` of a tool whose app is a resource, with the address that the resource is shown under
/// (MCP Apps, `_meta.ui.resourceUri`); `None` if it names none.
fn with_app(server: &str, meta: &Bytes) -> Option<Bytes> {
    memchr::memmem::find(meta, b"resourceUri")?;
    let mut meta = Members::read(meta).ok()?;
    if let Some(ui) = meta.get("ui")
        && let Ok(mut ui) = Members::read(ui)
        && let Some(own) = ui.text("resourceUri")
    {
        ui.set("resourceUri", json_string(&addresses::public(server, &own)));
        meta.set("ui", ui.to_json());
    }
    if let Some(own) = meta.text("ui/resourceUri") {
        meta.set("ui/resourceUri", json_string(&addresses::public(server, &own)));
    }
    Some(meta.to_json())
}

/// Addresses that would be shown unchanged for several servers of a workspace.
fn listed_twice(slices: &BTreeMap<ServerId, Slice>) -> HashSet<(&WorkspaceName, &Text)> {
    let mut owners: HashMap<(&WorkspaceName, &Text), &ServerId> = HashMap::new();
    let mut twice = HashSet::new();
    for (id, slice) in slices {
        for kind in [ListKind::Resources, ListKind::Templates] {
            let judged = slice.parts.get(kind).judged();
            for entry in judged.iter().flat_map(|judged| &judged.entries) {
                let key = (&id.workspace, &entry.name);
                if owners.insert(key, id).is_some_and(|other| other != id) {
                    twice.insert(key);
                }
            }
        }
    }
    twice
}

/// Who has which tool, workspace by workspace. Servers are numbered as they come.
fn namespaces(slices: &BTreeMap<ServerId, Slice>) -> BTreeMap<&WorkspaceName, Namespace<'_>> {
    let mut namespaces: BTreeMap<_, Namespace<'_>> = BTreeMap::new();
    for (at, (id, slice)) in slices.iter().enumerate() {
        let namespace = namespaces.entry(&id.workspace).or_default();
        let tools = slice.parts.get(ListKind::Tools).judged();
        for tool in tools.iter().flat_map(|judged| &judged.entries) {
            tool.squashed.iter().flatten().for_each(|name| namespace.add(at, name));
        }
    }
    namespaces
}

/// Why a tool is held back that is harmless as far as can be told.
const UNAPPROVED: &str = "held back: it is not as it was approved; see `conductor pins diff`";

/// Why a tool is held back.
fn held_reason(verdict: &Verdict) -> String {
    match verdict.held {
        Some(_) => format!("held back: {}", verdict.reason()),
        None => "held back: another tool of its server is hostile".to_owned(),
    }
}
