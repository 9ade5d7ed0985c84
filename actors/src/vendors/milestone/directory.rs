//! Names and meanings from the Configuration REST API, as pure code.
//!
//! Event types and state groups are loaded whole; items one by one, or as a list where many are wanted. Whole answers are kept, keyed by
//! what they are about. "No permission" and "no such item" are believed for five minutes; a refused token and a server in
//! trouble are not remembered at all. The unversioned list parameters `page` and `size` are not used: some servers refuse them (observed).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytestring::ByteString;
use secrecy::ExposeSecret;

use super::login::Grant;

use super::rest::{Resource, list, single, trouble};
use super::vocabulary::{Told, meaning, word};
use crate::model::event::{Item, Meaning};
use crate::model::vocabulary::slug;
use crate::transport::RestError;
use crate::transport::request::{HeaderText, Method, RestAnswer, RestCall};
use crate::vendors::{Directory, Forget, Learned, LearnedMeaning, NameKey, Now, Taken};

/// How long "no permission" and "no such item" are believed.
const REFUSED_FOR: Duration = Duration::from_secs(300);
/// From so many missing items of one kind on, the whole list is asked for.
const MANY: usize = 20;
/// The time that a list may take: on large sites minutes were observed.
const LIST_TIMEOUT: Duration = Duration::from_secs(180);
/// The size that a list may have, 64 MiB: enough for 50,000 cameras, as 2,659 are 2.9 MB (observed). Ten may be under way at a time.
const MAX_LIST: usize = 64 << 20;
/// Prefixes of sources that REST does not know (Milestone's component samples).
const NOT_IN_REST: [&str; 2] = ["services", "mipKinds"];

/// A question to the Configuration API.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Ask {
    /// All event types.
    Types,
    /// All state groups.
    Groups,
    /// One event type.
    Type(ByteString),
    /// One state group.
    Group(ByteString),
    /// All items of a resource type.
    List(ByteString),
    /// One item, `cameras/<guid>`.
    Item(ByteString),
}

/// Event types by name, for subscriptions that name them.
#[derive(Debug, Default)]
pub struct Catalog {
    /// Name or display name without case and blanks, GUIDs: devices and recorders have types of the same name.
    types: HashMap<String, Vec<String>>,
}

impl Catalog {
    /// The GUIDs of all event types of this name or display name, in any case, with or without blanks; empty if there is none.
    #[must_use]
    pub fn event_types(&self, name: &str) -> &[String] {
        self.types.get(&squeezed(name)).map_or(&[], Vec::as_slice)
    }

    /// The known names, for a hint.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.types.keys().map(String::as_str)
    }
}

/// `Motion Started`, `MotionStarted` and `motion_started` are one name.
fn squeezed(name: &str) -> String {
    slug(name).replace('_', "")
}

/// What is known of one system.
#[derive(Debug)]
pub struct MilestoneDirectory {
    timeout: Duration,
    types: HashMap<ByteString, TypeInfo>,
    groups: HashMap<ByteString, Arc<str>>,
    items: HashMap<ByteString, Arc<Item>>,
    /// Groups that a type of the shared vocabulary belongs to.
    shared: HashMap<ByteString, &'static str>,
    catalog: Option<Arc<Catalog>>,
    refused: HashMap<Ask, Instant>,
    listed: HashSet<ByteString>,
    /// The server knows `/api/` but not `/API/`.
    lower_case_root: bool,
}

#[derive(Debug, Default)]
struct TypeInfo {
    title: Option<Arc<str>>,
    name: Option<String>,
    group: ByteString,
    state: Option<Arc<str>>,
}

impl MilestoneDirectory {
    /// A directory that knows nothing; single look-ups may take `timeout`.
    pub fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            types: HashMap::new(),
            groups: HashMap::new(),
            items: HashMap::new(),
            shared: HashMap::new(),
            catalog: None,
            refused: HashMap::new(),
            listed: HashSet::new(),
            lower_case_root: false,
        }
    }

    fn may_ask(&self, now: Now, ask: &Ask) -> bool {
        self.refused.get(ask).is_none_or(|until| *until <= now.instant)
    }

    fn meaning(&self, kind: &ByteString, group: &ByteString) -> Option<Arc<Meaning>> {
        let info = self.types.get(kind)?;
        let title = if group.is_empty() { None } else { self.groups.get(group).map(|title| &**title) };
        Some(Arc::new(meaning(
            kind,
            group,
            Told {
                name: info.title.as_deref(),
                state: info.state.as_deref(),
                group: title,
                shared_group: self.shared.get(group).copied(),
            },
        )))
    }

    fn learned_type(&self, kind: &ByteString, group: &ByteString) -> Option<LearnedMeaning> {
        let meaning = self.meaning(kind, group)?;
        Some(LearnedMeaning { kind: kind.clone(), group: group.clone(), meaning })
    }

    /// The meanings of all types, after types or groups have changed.
    fn all_meanings(&self) -> Vec<LearnedMeaning> {
        self.types.iter().filter_map(|(kind, info)| self.learned_type(kind, &info.group)).collect()
    }

    fn take_type(&mut self, resource: &Resource) -> Option<ByteString> {
        let id = resource.guid()?;
        let group: ByteString = resource.group.as_deref().unwrap_or_default().to_ascii_lowercase().into();
        if let Some((shared, _)) = word(&id).and_then(|word| word.state).filter(|_| !group.is_empty()) {
            self.shared.insert(group.clone(), shared);
        }
        let state = resource.state.as_deref().filter(|state| !state.is_empty()).map(Arc::from);
        let info = TypeInfo { title: resource.title(), name: resource.name.clone(), group, state };
        self.types.insert(id.clone(), info);
        Some(id)
    }

    fn take_types(&mut self, list: &[Resource]) {
        for resource in list {
            self.take_type(resource);
        }
        let mut names: HashMap<String, Vec<String>> = HashMap::new();
        for (id, info) in &self.types {
            for name in info.title.as_deref().into_iter().chain(info.name.as_deref()) {
                let ids = names.entry(squeezed(name)).or_default();
                if !ids.contains(&id.to_string()) {
                    ids.push(id.to_string());
                }
            }
        }
        self.catalog = Some(Arc::new(Catalog { types: names }));
    }

    fn take_item(&mut self, id: ByteString, resource: &Resource) -> Option<Arc<Item>> {
        let item = Arc::new(Item { id: Arc::from(&*id), name: Some(resource.title()?) });
        self.items.insert(id, Arc::clone(&item));
        Some(item)
    }

    fn answered(&mut self, ask: &Ask, answer: &RestAnswer) -> Result<Learned, String> {
        let mut learned = Learned::default();
        match ask {
            Ask::Types => {
                self.take_types(&list(answer)?);
                learned.meanings = self.all_meanings();
            }
            Ask::Groups => {
                for resource in list(answer)? {
                    if let (Some(id), Some(title)) = (resource.guid(), resource.title()) {
                        self.groups.insert(id, title);
                    }
                }
                learned.meanings = self.all_meanings();
            }
            Ask::Type(id) => {
                let mut resource = single(answer)?;
                resource.relations.this.id = Some(id.to_string());
                self.take_type(&resource);
                let group = self.types.get(id).map(|info| info.group.clone()).unwrap_or_default();
                learned.meanings.extend(self.learned_type(id, &group));
            }
            Ask::Group(id) => {
                let title = single(answer)?.title().ok_or("the state group has no name")?;
                self.groups.insert(id.clone(), title);
                learned.meanings = self.all_meanings();
            }
            Ask::List(kind) => {
                self.listed.insert(kind.clone());
                for resource in list(answer)? {
                    let Some(id) = resource.guid() else { continue };
                    learned.items.extend(self.take_item(format!("{kind}/{id}").into(), &resource));
                }
            }
            Ask::Item(id) => {
                let resource = single(answer)?;
                learned.items.extend(self.take_item(id.clone(), &resource));
            }
        }
        Ok(learned)
    }

    /// The roots differ only in case on Windows, but not on every proxy in front of it.
    fn try_other_root(&mut self, ask: &Ask, status: u16) -> bool {
        let retry =
            status == 404 && matches!(ask, Ask::Types | Ask::Groups) && !self.lower_case_root && self.types.is_empty();
        self.lower_case_root |= retry;
        retry
    }
}

impl Directory for MilestoneDirectory {
    type Grant = Grant;
    type Catalog = Catalog;
    type Ask = Ask;

    fn prepare(&self) -> Vec<Ask> {
        vec![Ask::Types, Ask::Groups]
    }

    fn catalog(&self) -> Option<Arc<Catalog>> {
        self.catalog.clone()
    }

    fn known(&self, _: Now, keys: &[NameKey]) -> Learned {
        let mut learned = Learned::default();
        for key in keys {
            match key {
                NameKey::Item(id) => learned.items.extend(self.items.get(id).cloned()),
                NameKey::Kind { kind, group } => learned.meanings.extend(self.learned_type(kind, group)),
            }
        }
        learned
    }

    fn asks(&self, now: Now, keys: &[NameKey]) -> Vec<Ask> {
        let mut asks = HashSet::new();
        let mut items: HashMap<&str, Vec<&ByteString>> = HashMap::new();
        for key in keys {
            match key {
                NameKey::Kind { kind, group } => {
                    if !self.types.contains_key(kind) {
                        // One unknown type often means that several are new.
                        let all = self.may_ask(now, &Ask::Types) && self.catalog.is_none();
                        asks.insert(if all { Ask::Types } else { Ask::Type(kind.clone()) });
                    }
                    if !group.is_empty() && !self.groups.contains_key(group) {
                        let all = self.may_ask(now, &Ask::Groups) && self.groups.is_empty();
                        asks.insert(if all { Ask::Groups } else { Ask::Group(group.clone()) });
                    }
                }
                NameKey::Item(id) if !self.items.contains_key(id) => {
                    if let Some((kind, _)) = id.split_once('/').filter(|(kind, _)| !NOT_IN_REST.contains(kind)) {
                        items.entry(kind).or_default().push(id);
                    }
                }
                NameKey::Item(_) => {}
            }
        }
        for (kind, missing) in items {
            let list = Ask::List(kind.into());
            if missing.len() >= MANY && !self.listed.contains(kind) && self.may_ask(now, &list) {
                asks.insert(list);
            } else {
                asks.extend(missing.into_iter().map(|id| Ask::Item(id.clone())));
            }
        }
        asks.into_iter().filter(|ask| self.may_ask(now, ask)).collect()
    }

    fn call(&self, grant: &Grant, ask: &Ask) -> RestCall {
        let (path, many) = match ask {
            Ask::Types => ("eventTypes".to_owned(), true),
            Ask::Groups => ("stateGroups".to_owned(), true),
            Ask::Type(id) => (format!("eventTypes/{id}"), false),
            Ask::Group(id) => (format!("stateGroups/{id}"), false),
            Ask::List(kind) => (kind.to_string(), true),
            Ask::Item(id) => (id.to_string(), false),
        };
        let mut url = grant.gateway.clone();
        let root = if self.lower_case_root { url.path().to_ascii_lowercase() } else { url.path().to_owned() };
        // Ids came from the server: `set_path` encodes what is no part of a path, and nothing of it can leave the root.
        url.set_path(&format!("{root}rest/v1/{}", path.replace('%', "%25").replace("..", "")));
        let mut call = RestCall::new(Method::Get, url).header("authorization", bearer(grant));
        (call.timeout, call.max_body) = if many { (LIST_TIMEOUT, MAX_LIST) } else { (self.timeout, 1 << 20) };
        call
    }

    fn learn(&mut self, now: Now, ask: &Ask, answer: Result<RestAnswer, RestError>) -> Taken<Ask> {
        let mut taken = Taken::default();
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                taken.trouble = Some(error.to_string());
                return taken;
            }
        };
        match answer.status {
            200..=299 => match self.answered(ask, &answer) {
                Ok(learned) => taken.learned = learned,
                Err(trouble) => taken.trouble = Some(trouble),
            },
            401 => taken.unauthorized = true,
            status if self.try_other_root(ask, status) => taken.next.push(ask.clone()),
            status => {
                if (400..500).contains(&status) && status != 408 && status != 429 {
                    self.refused.insert(ask.clone(), now.instant + REFUSED_FOR);
                }
                taken.trouble = Some(format!("{ask:?}: {}", trouble(&answer)));
            }
        }
        taken
    }

    fn forget(&mut self, what: &Forget) -> Vec<Ask> {
        match what {
            Forget::Item(id) => {
                // Types and groups are configuration items like others, but are known by their bare ids.
                let ask = match id.split_once('/') {
                    Some(("eventTypes", kind)) => Ask::Type(kind.into()),
                    Some(("stateGroups", group)) => Ask::Group(group.into()),
                    _ => Ask::Item(id.clone()),
                };
                self.refused.remove(&ask);
                vec![ask]
            }
            Forget::Everything => {
                self.refused.clear();
                let mut kinds = std::mem::take(&mut self.listed);
                kinds.extend(self.items.keys().filter_map(|id| id.split_once('/')).map(|(kind, _)| kind.into()));
                [Ask::Types, Ask::Groups].into_iter().chain(kinds.into_iter().map(Ask::List)).collect()
            }
        }
    }
}

/// The header that every call and the upgrade carry.
pub fn bearer(grant: &Grant) -> HeaderText {
    HeaderText::secret(format!("Bearer {}", grant.token.expose_secret()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

    use super::*;
    use crate::transport::Fault;

    const MOTION: &str = "6eb95dd6-7ccc-4bce-99f8-af0d0b582d77";

    fn directory() -> MilestoneDirectory {
        MilestoneDirectory::new(Duration::from_secs(20))
    }

    fn answer(status: u16, body: &Value) -> Result<RestAnswer, RestError> {
        let body = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
        Ok(RestAnswer { status, headers: vec![], body: body.into(), retry_after: None })
    }

    fn types() -> Value {
        json!({"array":[
            {"displayName":"Motion Started","name":"MotionStarted","id":MOTION.to_uppercase(),"stateGroupId":"G1","state":"Motion","relations":{"self":{"type":"eventTypes","id":MOTION}}},
            {"displayName":"CPU Usage Critical","name":"CPU Usage Critical","id":"t2","stateGroupId":"g2","state":"Critical"},
            {"displayName":"My event","id":"t3","stateGroupId":"","state":""},
            {"displayName":"MyEvent","id":"t4"},
            7, {"name":null}
        ]})
    }

    fn groups() -> Value {
        // State groups have no id of their own (observed).
        json!({"array":[{"displayName":"CPU usage","states":["Normal"],"relations":{"self":{"type":"stateGroups","id":"G2"}}}]})
    }

    fn kind(kind: &str, group: &str) -> NameKey {
        NameKey::Kind { kind: kind.to_owned().into(), group: group.to_owned().into() }
    }

    fn item(id: &str) -> NameKey {
        NameKey::Item(id.to_owned().into())
    }

    fn loaded() -> MilestoneDirectory {
        let mut directory = directory();
        directory.learn(Now::read(), &Ask::Types, answer(200, &types()));
        directory.learn(Now::read(), &Ask::Groups, answer(200, &groups()));
        directory
    }

    #[test]
    fn types_and_groups_are_loaded_whole_and_explain_events() {
        let directory = loaded();
        let known =
            directory.known(Now::read(), &[kind(MOTION, "g1"), kind("t2", "g2"), kind("t3", ""), kind("t9", "")]);
        let words = known.meanings.iter().map(|learned| {
            let state = learned.meaning.state.as_ref().map(|state| format!("{}={}", state.group, state.value));
            (learned.meaning.kind.to_string(), state)
        });
        let words: Vec<_> = words.collect();
        assert_eq!(
            words,
            [
                ("motion.started".to_owned(), Some("motion=detected".to_owned())),
                ("milestone.cpu_usage_critical".to_owned(), Some("cpu_usage=critical".to_owned())),
                ("milestone.my_event".to_owned(), None),
            ]
        );
        let catalog = directory.catalog().unwrap();
        for name in ["MotionStarted", "motion started", "Motion Started"] {
            assert_eq!(catalog.event_types(name), [MOTION], "{name}");
        }
        assert_eq!(catalog.event_types("Motion"), [""; 0]);
        assert_eq!(catalog.event_types("my event").len(), 2, "who names two types wants both");
    }

    #[test]
    fn a_few_items_are_asked_one_by_one_and_many_as_a_list() {
        let directory = directory();
        let few = directory.asks(Now::read(), &[item("cameras/1"), item("services/1"), item("oddity")]);
        assert_eq!(few, [Ask::Item("cameras/1".into())], "REST knows no services");
        let many: Vec<_> = (0..MANY).map(|n| item(&format!("cameras/{n}"))).collect();
        assert_eq!(directory.asks(Now::read(), &many), [Ask::List("cameras".into())]);
    }

    #[test]
    fn a_list_names_what_it_holds_and_the_rest_is_asked_one_by_one() {
        let mut directory = directory();
        let list = json!({"array":[{"displayName":"Lobby","id":"A","relations":{"self":{"id":"A"}}}]});
        let taken = directory.learn(Now::read(), &Ask::List("cameras".into()), answer(200, &list));
        assert_eq!((&*taken.learned.items[0].id, taken.learned.items[0].name.as_deref()), ("cameras/a", Some("Lobby")));
        let many: Vec<_> = (0..MANY).map(|n| item(&format!("cameras/{n}"))).collect();
        assert_eq!(directory.asks(Now::read(), &many).len(), MANY);
        assert_eq!(directory.asks(Now::read(), &[item("cameras/a")]), []);
    }

    #[test]
    fn a_refusal_is_believed_for_minutes_and_trouble_not_at_all() {
        let ask = Ask::Item("cameras/1".into());
        let now = Now::read();
        let later = Now { instant: now.instant + REFUSED_FOR, ..now };
        let error = json!({"error":{"httpCode":404,"details":[{"errorText":"Device not found."}]}});
        for (status, believed) in
            [(404, true), (403, true), (400, true), (401, false), (500, false), (503, false), (429, false)]
        {
            let mut directory = directory();
            let taken = directory.learn(now, &ask, answer(status, &error));
            assert_eq!(directory.asks(now, &[item("cameras/1")]).is_empty(), believed, "{status}");
            assert_eq!(directory.asks(later, &[item("cameras/1")]).len(), 1);
            assert_eq!(taken.unauthorized, status == 401);
        }
        let mut directory = directory();
        let fault = RestError::Failed { at: "GET x".into(), fault: Fault::Timeout(Duration::from_secs(1)) };
        assert!(directory.learn(now, &ask, Err(fault)).trouble.is_some());
        assert_eq!(directory.asks(now, &[item("cameras/1")]).len(), 1);
    }

    #[test]
    fn a_changed_item_is_asked_again_and_a_changed_configuration_whole() {
        let mut directory = loaded();
        let single = json!({"data":{"displayName":"Lobby","name":"x"}});
        directory.learn(Now::read(), &Ask::Item("cameras/1".into()), answer(200, &single));
        assert_eq!(directory.forget(&Forget::Item("cameras/1".into())), [Ask::Item("cameras/1".into())]);
        let renamed = json!({"data":{"displayName":"Hall"}});
        let taken = directory.learn(Now::read(), &Ask::Item("cameras/1".into()), answer(200, &renamed));
        assert_eq!(taken.learned.items[0].name.as_deref(), Some("Hall"));
        let all = directory.forget(&Forget::Everything);
        assert_eq!(all, [Ask::Types, Ask::Groups, Ask::List("cameras".into())]);
    }

    #[test]
    fn a_changed_configuration_refreshes_each_kind_of_which_something_is_known() {
        let mut directory = directory();
        let list = json!({"array":[{"displayName":"Lobby","relations":{"self":{"id":"a"}}}]});
        directory.learn(Now::read(), &Ask::List("cameras".into()), answer(200, &list));
        let single = json!({"data":{"displayName":"Door"}});
        for n in 0..=MANY {
            let id = format!("inputEvents/{n}");
            directory.learn(Now::read(), &Ask::Item(id.into()), answer(200, &single));
        }
        let mut lists = directory.forget(&Forget::Everything).split_off(2);
        lists.sort_by_key(|ask| format!("{ask:?}"));
        assert_eq!(lists, [Ask::List("cameras".into()), Ask::List("inputEvents".into())]);
    }

    #[test]
    fn a_changed_event_type_or_state_group_is_asked_as_what_it_is() {
        let mut directory = loaded();
        assert_eq!(directory.forget(&Forget::Item("eventTypes/t2".into())), [Ask::Type("t2".into())]);
        assert_eq!(directory.forget(&Forget::Item("stateGroups/g2".into())), [Ask::Group("g2".into())]);
    }

    #[test]
    fn a_root_in_lower_case_is_found() {
        let mut directory = directory();
        let grant = Grant { gateway: "https://vms/API/".parse().unwrap(), token: "t".to_owned().into(), version: None };
        assert_eq!(directory.call(&grant, &Ask::Types).url.as_str(), "https://vms/API/rest/v1/eventTypes");
        assert_eq!(directory.learn(Now::read(), &Ask::Types, answer(404, &json!(""))).next, [Ask::Types]);
        assert_eq!(directory.call(&grant, &Ask::Types).url.as_str(), "https://vms/api/rest/v1/eventTypes");
        assert_eq!(directory.learn(Now::read(), &Ask::Types, answer(404, &json!(""))).next, []);
    }

    #[test]
    fn no_id_leads_out_of_the_root() {
        let grant = Grant { gateway: "https://vms/API/".parse().unwrap(), token: "t".to_owned().into(), version: None };
        for id in ["../../secret", "cameras/../../x", "%2e%2e/%2e%2e/%2e%2e/x", "a?b#c", "\\\\host\\x"] {
            let url = directory().call(&grant, &Ask::Item(id.into())).url;
            assert!(url.path().starts_with("/API/rest/v1/") && url.query().is_none(), "{id}: {url}");
            assert_eq!(url.host_str(), Some("vms"));
        }
    }

    #[test]
    fn errors_are_told_in_all_their_shapes() {
        for (body, expected) in [
            (
                json!({"error":{"httpCode":403,"details":[{"errorText":"You do not have sufficient permissions"}]}}),
                "sufficient permissions",
            ),
            (json!({"httpCode":"400","details":[{"errorText":"Bad page"}]}), "Bad page"),
            (json!("The service is unavailable."), "The service is unavailable."),
        ] {
            let text = trouble(&answer(500, &body).unwrap());
            assert!(text.contains(expected), "{text}");
        }
    }
}
