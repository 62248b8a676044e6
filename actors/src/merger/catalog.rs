//! This file is the merged namespace as others see it: immutable, shared, ready to be sent.
//!
//! It leaves building one to `merge`, and deciding when to `slice`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use conductor_config::{ExportStyle, ExportStyles, ServerId, ViewMode, ViewSpec, WorkspaceName};
use tokio::time::Instant;

use super::account::{Account, Accounts};
use super::addresses;
use super::fronts::{Front, FrontTool};
use super::list::{BadCursor, Form, List, ListState, ListedEntry, Named, Page};
use super::names::{canonical, own_name};
use super::sanitize::Finding;
use super::search::Index;
use crate::model::{Extensions, ListKind, PerList, Scope, Target};
use crate::server::Rejected;
use crate::wire::{CallKind, Hop, Marks, Text};

/// All views of one moment. Holders keep their snapshot as long as they like.
#[derive(Debug, Default)]
pub struct Catalog {
    /// Grows with every change that a client could see.
    pub(super) revision: u64,
    pub(super) workspaces: BTreeMap<WorkspaceName, Arc<View>>,
    pub(super) servers: BTreeMap<ServerId, Arc<View>>,
    pub(super) views: BTreeMap<String, Arc<View>>,
    /// In which form names are written, and for whom.
    pub(super) export_styles: Option<ExportStyles>,
    pub(super) rejected: BTreeMap<ServerId, Vec<Rejected>>,
    pub(super) accounts: Accounts,
    /// Servers that say that they complete nothing.
    pub(super) without_completion: BTreeSet<ServerId>,
    /// Servers that say that they tell of no updates of resources.
    pub(super) without_subscriptions: BTreeSet<ServerId>,
    /// Servers that say that they log nothing.
    pub(super) without_logging: BTreeSet<ServerId>,
    /// In which way servers make tasks of calls, if they do; those that were not asked yet are not
    /// among them.
    pub(super) tasks: BTreeMap<ServerId, Option<Hop>>,
    /// What servers declare that no revision knows.
    pub(super) extensions: BTreeMap<ServerId, Arc<Extensions>>,
    /// When the oldest list in it is to be read again.
    pub(super) fresh_until: Option<Instant>,
}

impl Catalog {
    /// Grows with every change that a client could see.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// What is not shown because something about it is wrong, by server.
    pub fn rejected(&self) -> &BTreeMap<ServerId, Vec<Rejected>> {
        &self.rejected
    }

    /// What was found in the definition of a server's tool, and what was done about it; nothing if
    /// there is no such tool.
    pub fn findings(&self, tool: &Target) -> &[Finding] {
        let found = self.accounts(&tool.server).iter().find(|account| account.tool == tool.name);
        found.map_or(&[], |account| &account.findings)
    }

    /// What became of each tool that a server lists, in the order of its list.
    pub fn accounts(&self, server: &ServerId) -> &[Account] {
        self.accounts.get(server).map_or(&[], Vec::as_slice)
    }

    /// Whether clients would see the same lists.
    pub(super) fn looks_like(&self, other: &Self) -> bool {
        let digests = |catalog: &Self| -> Vec<[[u64; 4]; 2]> {
            let views = catalog.workspaces.values();
            let views = views.chain(catalog.servers.values()).chain(catalog.views.values());
            let styles = [ExportStyle::Dot, ExportStyle::Safe];
            views.map(|view| styles.map(|style| view.digests(style))).collect()
        };
        self.workspaces.keys().eq(other.workspaces.keys())
            && self.servers.keys().eq(other.servers.keys())
            && self.views.keys().eq(other.views.keys())
            && self.export_styles == other.export_styles
            && digests(self) == digests(other)
    }

    /// How names are written for a client at a door that shows `scope`, by the name that it gave in
    /// its handshake and the key of the door's settings.
    pub fn export_style(&self, scope: &Scope, door: &str, client: Option<&str>) -> ExportStyle {
        let part = self.view(scope).and_then(|view| view.part.as_ref());
        let of_view = part.and_then(|part| part.export_style);
        let styles = self.export_styles.as_ref();
        styles.map_or(ExportStyle::Dot, |styles| styles.style(client, door, of_view))
    }

    /// Whether there is such a server.
    pub(crate) fn has_server(&self, server: &ServerId) -> bool {
        self.servers.contains_key(server)
    }

    /// Whether a server says that it completes no arguments.
    pub(crate) fn is_without_completion(&self, server: &ServerId) -> bool {
        self.without_completion.contains(server)
    }

    /// Whether a server says that it tells of no updates of resources.
    pub(crate) fn is_without_subscriptions(&self, server: &ServerId) -> bool {
        self.without_subscriptions.contains(server)
    }

    /// Whether some server in `scope` may tell of updates of resources: one that says so, or one
    /// that was not asked yet.
    pub fn tells_of_updates(&self, scope: &Scope) -> bool {
        self.some_is_not_in(&self.without_subscriptions, ListKind::Resources, scope)
    }

    /// The same for log messages.
    pub fn logs(&self, scope: &Scope) -> bool {
        self.some_is_not_in(&self.without_logging, ListKind::Tools, scope)
    }

    fn some_is_not_in(&self, without: &BTreeSet<ServerId>, kind: ListKind, scope: &Scope) -> bool {
        let Some(view) = self.view(scope) else { return true };
        let mut servers = view.list(kind).servers().iter();
        servers.any(|(id, state)| *state != ListState::Absent && !without.contains(id))
    }

    /// Whether some server in `scope` may make tasks of calls in the way of this kind of revision.
    pub fn makes_tasks(&self, scope: &Scope, hop: Hop) -> bool {
        let Some(view) = self.view(scope) else { return true };
        let mut servers = view.list(ListKind::Tools).servers().keys();
        servers.any(|id| self.tasks.get(id).is_none_or(|way| *way == Some(hop)))
    }

    /// In which way a server makes tasks of calls, if it is known to.
    pub fn way_of_tasks(&self, server: &ServerId) -> Option<Hop> {
        self.tasks.get(server).copied().flatten()
    }

    /// What the server whose own door this is declares beside what the revisions know. Merged doors
    /// show nothing of it: nobody could tell whose it is.
    pub fn extensions(&self, scope: &Scope) -> Option<&Arc<Extensions>> {
        let Scope::Server(id) = scope else { return None };
        self.extensions.get(id)
    }

    /// Whether arguments may be completed in `scope`.
    pub fn completes(&self, scope: &Scope) -> bool {
        let named =
            |view: &View| view.may_have(ListKind::Prompts) || view.may_have(ListKind::Resources);
        self.view(scope).is_none_or(|view| named(view))
            && !matches!(scope, Scope::Server(id) if self.is_without_completion(id))
    }

    /// What a door shows; `None` if there is no such workspace or server.
    pub fn view(&self, scope: &Scope) -> Option<&Arc<View>> {
        match scope {
            Scope::Workspace(name) => self.workspaces.get(name),
            Scope::Server(id) => self.servers.get(id),
            Scope::View(name) => self.views.get(&**name),
        }
    }
}

/// What one door shows: lists in a fixed order, and where each entry leads.
#[derive(Debug)]
pub struct View {
    lists: PerList<Arc<List>>,
    separator: Option<Arc<str>>,
    /// What it is a part of everything by.
    part: Option<Arc<ViewSpec>>,
    /// What it shows in place of its tools, if it does.
    front: Option<Front>,
    /// The words of its tools, once somebody has searched them.
    index: Arc<OnceLock<Index>>,
}

/// What a name means in a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// This thing of this server.
    Found(Target),
    /// Perhaps something of this server, whose list is not known.
    Awaited(ServerId),
    /// One of these, by the names that tell them apart.
    Ambiguous(Vec<Text>),
    /// Nothing.
    Unknown,
}

impl View {
    /// A view of `lists`. `separator` is set for merged views.
    pub(super) fn new(lists: PerList<Arc<List>>, separator: Option<Arc<str>>) -> Self {
        Self { lists, separator, part: None, front: None, index: Arc::default() }
    }

    /// Whether it has the very lists of `other`.
    fn has_lists_of(&self, other: &Self) -> bool {
        ListKind::ALL.iter().all(|kind| Arc::ptr_eq(self.shared(*kind), other.shared(*kind)))
    }

    /// The same part of this merged view as `before` is of the view `whole`, if nothing in it is new;
    /// else as [`Self::part`] makes it, with what has been read of its tools if these are the same.
    pub(super) fn part_after(
        &self,
        whole: Option<&Arc<Self>>,
        before: Option<&Arc<Self>>,
        spec: &ViewSpec,
        separator: &str,
    ) -> Arc<Self> {
        let is_this = |before: &&Arc<Self>| {
            before.part.as_deref() == Some(spec) && before.separator == self.separator
        };
        let before = before.filter(is_this);
        if let Some((whole, before)) = whole.zip(before)
            && self.has_lists_of(whole)
        {
            return Arc::clone(before);
        }
        let part = self.part(before, Arc::new(spec.clone()), separator);
        match before.filter(|before| part.has_lists_of(before)) {
            Some(before) => Arc::clone(before),
            None => Arc::new(part),
        }
    }

    /// The part of a merged view that `spec` describes; names are put together with `separator`.
    /// Patterns speak of tools: where there are any, nothing but tools is shown. Lists of `before`,
    /// the same part until now, stay if nothing in them is new.
    fn part(&self, before: Option<&Arc<Self>>, spec: Arc<ViewSpec>, separator: &str) -> Self {
        let lists = PerList::make(|kind| {
            let whole = self.list(kind);
            let is_tools = kind == ListKind::Tools;
            let shown = |entry: &&ListedEntry| {
                let target = &entry.target;
                (is_tools || !spec.is_by_tool())
                    && spec.shows(
                        &target.server.name,
                        &canonical(separator, &target.server, &target.name),
                    )
            };
            let entries = whole.entries().iter().filter(shown).cloned().collect();
            let mut servers = whole.servers().clone();
            servers.retain(|id, _| {
                (is_tools || !spec.is_by_tool()) && spec.may_show(&id.name, separator)
            });
            let known = before.map(|before| before.shared(kind));
            List::again(known, kind, whole.style(), entries, servers, true)
        });
        let tools = |view: &&Arc<Self>| {
            Arc::ptr_eq(view.shared(ListKind::Tools), lists.get(ListKind::Tools))
        };
        let index = before.filter(tools).map(|before| Arc::clone(&before.index));
        let (separator, front) = (self.separator.clone(), Front::of(spec.mode));
        Self { lists, separator, part: Some(spec), front, index: index.unwrap_or_default() }
    }

    /// Whether the words of its tools are read already.
    #[cfg(test)]
    pub(super) fn is_read(&self) -> bool {
        self.index.get().is_some()
    }

    /// How it shows its tools.
    pub fn mode(&self) -> ViewMode {
        self.front.as_ref().map_or(ViewMode::List, |front| front.mode)
    }

    /// The tool of this name, if it is one that this view shows in place of those that it has.
    pub fn front_tool(&self, name: &str) -> Option<FrontTool> {
        self.front.as_ref()?.tool(name)
    }

    /// Up to `size` entries of a list from `cursor` on, as readers are shown them in this form.
    pub fn page(
        &self,
        kind: ListKind,
        cursor: Option<&str>,
        size: usize,
        form: Form,
    ) -> Result<Page, BadCursor> {
        match (self.front.as_ref().filter(|_| kind == ListKind::Tools), cursor) {
            (None, _) => self.list(kind).page(cursor, size, form),
            (Some(front), None) => Ok(Page { entries: front.array.clone(), next_cursor: None }),
            (Some(_), Some(_)) => Err(BadCursor),
        }
    }

    /// The tools that have words of `query`, those that fit best first. The first search of a view
    /// reads all its tools, which takes a while where there are many.
    pub fn search(&self, query: &str) -> Vec<&ListedEntry> {
        let index = self.index.get_or_init(|| Index::new(self.tools()));
        index.find(query).into_iter().filter_map(|at| self.tools().get(at)).collect()
    }

    /// The tool of this name in either style.
    pub fn tool(&self, name: &str) -> Option<&ListedEntry> {
        match self.list(ListKind::Tools).find(name) {
            Named::One(entry) => Some(entry),
            Named::Several | Named::None => None,
        }
    }

    /// One of the lists. Of a view that shows other tools in place of its own, these are its own.
    pub fn list(&self, kind: ListKind) -> &List {
        self.lists.get(kind)
    }

    /// The same, to be kept.
    pub(super) fn shared(&self, kind: ListKind) -> &Arc<List> {
        self.lists.get(kind)
    }

    /// The tools in the order they are shown.
    pub fn tools(&self) -> &[ListedEntry] {
        self.list(ListKind::Tools).entries()
    }

    /// The arguments of a tool that are repeated in headers, if any are.
    pub fn marks(&self, tool: &str) -> Option<&Arc<Marks>> {
        self.tool(tool).and_then(|entry| entry.marks.as_ref())
    }

    /// Whether a tool can be called in no other way than as a task.
    pub fn is_task(&self, tool: &str) -> bool {
        self.tool(tool).is_some_and(|entry| entry.is_task)
    }

    /// Whether entries of this kind may be here now or later.
    pub fn may_have(&self, kind: ListKind) -> bool {
        match (&self.separator, &self.part) {
            (None, _) => {
                self.list(kind).servers().values().any(|state| *state != ListState::Absent)
            }
            (Some(_), Some(part)) => kind == ListKind::Tools || part.tools.is_none(),
            (Some(_), None) => true,
        }
    }

    /// A number for each list, in the order of [`ListKind::ALL`], that changes exactly when a client
    /// would see something else whose names are written like this.
    pub fn digests(&self, style: ExportStyle) -> [u64; 4] {
        ListKind::ALL.map(|kind| self.digest(kind, style))
    }

    /// The same for one list.
    pub fn digest(&self, kind: ListKind, style: ExportStyle) -> u64 {
        let front = self.front.as_ref().filter(|_| kind == ListKind::Tools);
        front.map_or_else(|| self.list(kind).digest(style), |front| front.digest)
    }

    /// What `name` leads to in a request of this kind.
    pub fn resolve(&self, kind: CallKind, name: &str) -> Resolution {
        match kind {
            CallKind::Tool => self.by_name(ListKind::Tools, name),
            CallKind::Prompt | CallKind::PromptArgument => self.by_name(ListKind::Prompts, name),
            CallKind::Resource => self.by_address(ListKind::Resources, name),
            CallKind::TemplateVariable => self.by_address(ListKind::Templates, name),
            // No list has them: their ids are sealed, and opened elsewhere.
            CallKind::Task(_) => Resolution::Unknown,
            CallKind::Extension | CallKind::Notice => {
                match (&self.separator, self.tools_servers().next()) {
                    (None, Some(server)) => found(server, name),
                    _ => Resolution::Unknown,
                }
            }
        }
    }

    fn tools_servers(&self) -> impl Iterator<Item = &ServerId> {
        self.list(ListKind::Tools).servers().keys()
    }

    fn by_name(&self, kind: ListKind, name: &str) -> Resolution {
        let list = self.list(kind);
        match list.find(name) {
            Named::One(entry) => return Resolution::Found(entry.target.clone()),
            Named::Several => return Resolution::Unknown,
            Named::None => {}
        }
        let awaited = |(id, state): (&ServerId, &ListState)| {
            let unknown = !matches!(state, ListState::Known | ListState::Absent);
            let own = match &self.separator {
                Some(separator) => own_name(separator, id, name)?,
                None => name,
            };
            let shown =
                self.part.as_ref().zip(self.separator.as_ref()).is_none_or(|(part, separator)| {
                    part.shows(&id.name, &canonical(separator, id, own))
                });
            (shown && unknown).then(|| id.clone())
        };
        list.servers().iter().find_map(awaited).map_or(Resolution::Unknown, Resolution::Awaited)
    }

    /// Resources need not be listed to be read, so an address that names its server leads there.
    fn by_address(&self, kind: ListKind, address: &str) -> Resolution {
        let list = self.list(kind);
        if self.separator.is_none() {
            let mut servers = list.servers().iter();
            let has = servers.find(|(_, state)| **state != ListState::Absent);
            return has.map_or(Resolution::Unknown, |(server, _)| found(server, address));
        }
        match list.find(address) {
            Named::One(entry) => return Resolution::Found(entry.target.clone()),
            Named::Several => {
                let same = |entry: &&ListedEntry| entry.alias.as_deref() == Some(address);
                let names = list.entries().iter().filter(same).map(|entry| entry.name.clone());
                return Resolution::Ambiguous(names.collect());
            }
            Named::None => {}
        }
        if let Some((server, own)) = addresses::owner(address) {
            let named = |(id, state): &(&ServerId, &ListState)| {
                id.name.as_ref() == server && **state != ListState::Absent
            };
            if let Some((id, _)) = list.servers().iter().find(named) {
                return found(id, &own);
            }
        }
        self.by_template(address)
    }

    /// The one server with a template that `address` may have been made from.
    fn by_template(&self, address: &str) -> Resolution {
        let templates = self.list(ListKind::Templates).entries().iter();
        let fits = templates.filter(|entry| addresses::matches(&entry.target.name, address));
        let servers: BTreeSet<&ServerId> = fits.map(|entry| &entry.target.server).collect();
        let mut servers = servers.into_iter();
        match (servers.next(), servers.next()) {
            (Some(server), None) => found(server, address),
            (Some(one), Some(other)) => {
                let all = [one, other].into_iter().chain(servers);
                let wrapped = |id: &ServerId| addresses::wrapped(id.name.as_ref(), address);
                Resolution::Ambiguous(all.map(|id| Text::from(wrapped(id))).collect())
            }
            (None, _) => Resolution::Unknown,
        }
    }
}

fn found(server: &ServerId, name: &str) -> Resolution {
    Resolution::Found(Target { server: server.clone(), name: Text::from(name) })
}
