//! The pages agree with the code: vocabulary, attributes, keys with their defaults and ranges, messages, links, examples.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use watchpost::actors::model::event::Committed;
use watchpost::actors::model::vocabulary::WORDS;
use watchpost::actors::model::{ConnectionName, Event, EventId, Item, Meaning, Origin, Sequence, StateMeaning};
use watchpost::actors::settings::ByteSize;
use watchpost::actors::vendors::een::codes::{self, CODES, States};
use watchpost::actors::vendors::een::status::{Form, Reading, Rule, StatusWord, Told, VALUES};
use watchpost::actors::vendors::milestone::vocabulary::TYPES;
use watchpost::actors::vendors::simplisafe::{codes as simplisafe, snapshot};
use watchpost::config::{Config, ConfigErrors, Secrets, Surroundings, parse};

const PAGES: [&str; 17] = [
    "README.md",
    "docs/api.md",
    "docs/architecture.md",
    "docs/commands.md",
    "docs/configuration.md",
    "docs/delivery.md",
    "docs/events.md",
    "docs/performance.md",
    "docs/record.md",
    "docs/reliability.md",
    "docs/sinks/home-assistant.md",
    "docs/sinks/mqtt.md",
    "docs/sinks/nats.md",
    "docs/vendors/een.md",
    "docs/vendors/milestone.md",
    "docs/vendors/simplisafe.md",
    "docs/vendors/vxg.md",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The table between `<!-- name -->` and `<!-- end -->`, without head and rule, each row as its cells.
fn table(text: &str, name: &str) -> Vec<Vec<String>> {
    let start = format!("<!-- {name} -->\n");
    let (_, rest) = text.split_once(&start).unwrap_or_else(|| panic!("there is no {start:?}"));
    let (block, _) = rest.split_once("<!-- end -->").unwrap_or_else(|| panic!("{name} has no end"));
    let cells = |line: &str| line.trim().trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    block.lines().skip(2).map(cells).collect()
}

fn unquoted(cell: &str) -> &str {
    cell.trim_matches('`')
}

/// The fenced blocks of a language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let start = format!("```{language}\n");
    text.split(&start).skip(1).map(|rest| rest.split_once("```").unwrap().0).collect()
}

fn assert_table(name: &str, head: &str, expected: &[String]) {
    let found: Vec<String> =
        table(&page("docs/events.md"), name).iter().map(|row| format!("| {} |", row.join(" | "))).collect();
    let rule = "|---".repeat(head.matches('|').count() - 1);
    assert!(
        found == expected,
        "docs/events.md differs from the code; write there:\n\n<!-- {name} -->\n{head}\n{rule}|\n{}\n<!-- end -->\n",
        expected.join("\n")
    );
}

#[test]
fn the_vocabulary_is_that_of_the_engine() {
    let cell = |text: Option<&str>| text.map_or_else(String::new, |text| format!("`{text}`"));
    let words = WORDS.iter().map(|word| {
        let (group, value) = word.state.unzip();
        format!("| `{}` | {} | {} | {} |", word.kind, cell(group), cell(value), word.help)
    });
    assert_table("words", "| type | state group | state | meaning |", &words.collect::<Vec<_>>());

    let mut groups: Vec<(&str, Vec<String>)> = Vec::new();
    for (group, value) in WORDS.iter().filter_map(|word| word.state) {
        match groups.iter_mut().find(|(known, _)| *known == group) {
            // Two types may set the same value.
            Some((_, values)) if values.iter().any(|known| unquoted(known) == value) => {}
            Some((_, values)) => values.push(format!("`{value}`")),
            None => groups.push((group, vec![format!("`{value}`")])),
        }
    }
    let groups = groups.into_iter().map(|(group, values)| format!("| `{group}` | {} |", values.join(" ")));
    assert_table("groups", "| group | values |", &groups.collect::<Vec<_>>());

    let types = TYPES.iter().map(|(guid, kind)| format!("| `{guid}` | `{kind}` |"));
    assert_table("types", "| GUID | type |", &types.collect::<Vec<_>>());
}

/// `group`, `value` and `type`, each as a cell.
fn state_cells(meaning: &Meaning) -> [String; 3] {
    let state = meaning.state.as_ref();
    let cell = |text: Option<&str>| text.map_or_else(String::new, |text| format!("`{text}`"));
    [cell(state.map(|state| &*state.group)), cell(state.map(|state| &*state.value)), cell(Some(&meaning.kind))]
}

#[test]
fn the_states_of_eagle_eye_are_those_of_the_decoder() {
    let values = VALUES.iter().map(|(told, _, text)| {
        let [group, value, kind] = state_cells(told.meaning());
        format!("| {group} | {value} | {kind} | {text} |")
    });
    assert_table("een values", "| state group | state | type | in Eagle Eye's words |", &values.collect::<Vec<_>>());

    // The words are the page's own choice; what they read is not.
    let words = table(&page("docs/events.md"), "een words");
    let rows = words.iter().map(|row| {
        let word = StatusWord::read(Form::Hex64, &format!("\"{}\"", unquoted(&row[0]))).unwrap();
        let rule = match &*row[1] {
            "camera" => Rule::Camera,
            "bridge" => Rule::Bridge,
            other => panic!("there is no rule {other:?}"),
        };
        let told: Vec<_> = Reading::of(word, rule).values().collect();
        let value = |of: fn(&Told) -> bool| {
            told.iter().find(|told| of(told)).map_or_else(String::new, |told| state_cells(told.meaning())[1].clone())
        };
        let values = [
            value(|told| matches!(told, Told::Enabled(_))),
            value(|told| matches!(told, Told::Connection(_))),
            value(|told| matches!(told, Told::Streaming(_))),
            value(|told| matches!(told, Told::Recording(_))),
            value(|told| matches!(told, Told::Status(_))),
        ];
        format!("| {} | {} | {} |", row[0], row[1], values.join(" | "))
    });
    let head = "| word | rule | `enabled` | `connection` | `streaming` | `recording` | `status` |";
    assert_table("een words", head, &rows.collect::<Vec<_>>());
}

#[test]
fn the_codes_of_eagle_eye_are_those_of_the_engine() {
    let rows = CODES.iter().map(|code| {
        let known = codes::find(code.code).unwrap();
        let [group, value, kind] = state_cells(known.meaning(States::Words));
        let [other_group, other_value, other_kind] = state_cells(known.meaning(States::Codes));
        let state = |group: &str, value: &str| format!("{group} {value}").trim().to_owned();
        let without = match kind == other_kind {
            true => String::new(),
            false => format!("{other_kind}: {}", state(&other_group, &other_value)),
        };
        let id = if code.id.is_empty() { String::new() } else { format!("`{}`", code.id) };
        let (state, role, standing) = (state(&group, &value), code.role.as_str(), code.standing.as_str());
        format!("| `{}` | {} | {kind} | {state} | {without} | {role} | {id} | {standing} |", code.code, code.name)
    });
    let head = "| code | name | type | state | without a status word | part | told apart by | standing |";
    assert_table("een codes", head, &rows.collect::<Vec<_>>());
}

#[test]
fn the_codes_and_states_of_simplisafe_are_those_of_the_engine() {
    let rows = simplisafe::CODES.iter().map(|code| {
        let [group, value, kind] = state_cells(simplisafe::find(code.cid).unwrap().meaning());
        let state = format!("{group} {value}");
        let (of, standing) = (code.on.as_str(), code.standing.as_str());
        format!("| `{}` | {} | {of} | {kind} | {} | {standing} |", code.cid, code.name, state.trim())
    });
    assert_table("simplisafe codes", "| code | name | of | type | state | known from |", &rows.collect::<Vec<_>>());

    let rows = simplisafe::OWN.iter().map(|word| {
        let (group, value) = word.state.unwrap();
        format!("| `{}` | `{group}` | `{value}` | {} |", word.kind, word.help)
    });
    assert_table("simplisafe words", "| type | state group | state | meaning |", &rows.collect::<Vec<_>>());

    let rows = snapshot::VALUES.iter().map(|one| {
        let [group, value, kind] = state_cells(&one.meaning());
        format!("| {group} | {value} | {kind} | {} |", one.told_by)
    });
    assert_table("simplisafe values", "| state group | state | type | told by |", &rows.collect::<Vec<_>>());
}

/// The attributes of the line of an event about which everything or nothing is known, in their order.
fn attributes(known: bool) -> Vec<String> {
    let state = StateMeaning {
        group: "motion".into(),
        value: "detected".into(),
        vendor_group: "g".into(),
        vendor_value: "v".into(),
        text: None,
    };
    let event = Event {
        id: EventId::new("1"),
        origin: Origin::Live,
        meaning: Arc::new(Meaning {
            kind: "motion.started".into(),
            name: known.then(|| "Motion Started".into()),
            state: known.then_some(state),
        }),
        item: known.then(|| Arc::new(Item { id: "cameras/1".into(), name: Some("Lobby".into()) })),
        time: if known { "2026-06-11T09:17:59Z".into() } else { "".into() },
        data: "{}".into(),
    };
    let commit = Committed {
        connection: ConnectionName::new("hq").unwrap(),
        vendor: "milestone",
        first: Sequence(1),
        recorded: "2026-06-11T09:18:00Z".parse().unwrap(),
        events: vec![event].into(),
    };
    let line = commit.get(0).unwrap().to_line();
    let members: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&line).unwrap();
    let mut names: Vec<_> = members.keys().cloned().collect();
    names.sort_by_key(|name| line.find(&format!("\"{name}\":")));
    names
}

#[test]
fn every_attribute_of_a_line_is_documented_in_its_order_and_no_other() {
    let events = page("docs/events.md");
    let rows = table(&events, "attributes");
    let documented: Vec<_> = rows.iter().map(|row| unquoted(&row[0]).to_owned()).collect();
    assert_eq!(documented, attributes(true));
    let always = rows.iter().filter(|row| row[1] == "always").map(|row| unquoted(&row[0]).to_owned());
    assert_eq!(always.collect::<Vec<_>>(), attributes(false));

    let origins = [Origin::Live, Origin::Resumed, Origin::Backfill, Origin::Snapshot, Origin::Engine];
    let documented = table(&events, "origins");
    let documented: Vec<_> = documented.iter().map(|row| unquoted(&row[0])).collect();
    assert_eq!(documented, origins.map(|origin| origin.as_str()));

    let examples = blocks(&events, "json");
    let example: BTreeMap<String, serde_json::Value> = serde_json::from_str(examples[0]).unwrap();
    assert_eq!(example.keys().collect::<BTreeSet<_>>(), attributes(true).iter().collect());
    for other in &examples[1..] {
        serde_json::from_str::<serde_json::Value>(other).unwrap_or_else(|error| panic!("{other}: {error}"));
    }
}

/// One table of keys: how to write a configuration around one of them.
struct Section {
    name: &'static str,
    before: &'static str,
    /// The keys that have to be there, each with its line.
    required: &'static [(&'static str, &'static str)],
    /// Between lines, and behind them.
    separator: &'static str,
    after: &'static str,
    /// The table that has the rest of its keys.
    beside: Option<&'static str>,
}

const CONNECTION: &str = r#"
[[connection]]
name = "hq"
vendor = "milestone"
url = "https://xprotect.example.com"
username = "svc"
password = { env = "HQ_PASSWORD" }
"#;
const ALL: &str =
    r#"subscribe = [ { modifier = "include", resource_types = ["*"], sources = ["*"], events = ["*"] } ]"#;

const MILESTONE: [(&str, &str); 6] = [
    ("name", r#"name = "hq""#),
    ("vendor", r#"vendor = "milestone""#),
    ("url", r#"url = "https://xprotect.example.com""#),
    ("username", r#"username = "svc""#),
    ("password", r#"password = { env = "HQ_PASSWORD" }"#),
    ("subscribe", ALL),
];

const SECTIONS: [Section; 15] = [
    Section { name: "engine", before: "[engine]\n", required: &[], separator: "\n", after: "", beside: None },
    Section {
        name: "connection",
        before: "[[connection]]\n",
        required: &MILESTONE,
        separator: "\n",
        after: "",
        beside: Some("milestone"),
    },
    Section {
        name: "milestone",
        before: "[[connection]]\n",
        required: &MILESTONE,
        separator: "\n",
        after: "",
        beside: Some("connection"),
    },
    Section {
        name: "een",
        before: "[[connection]]\n",
        required: &[
            ("name", r#"name = "stores""#),
            ("vendor", r#"vendor = "een""#),
            ("username", r#"username = "ops@example.com""#),
            ("password", r#"password = { env = "EEN_PASSWORD" }"#),
        ],
        separator: "\n",
        after: "",
        beside: Some("connection"),
    },
    Section {
        name: "simplisafe",
        before: "[[connection]]\n",
        required: &[
            ("name", r#"name = "home""#),
            ("vendor", r#"vendor = "simplisafe""#),
            ("refresh_token", r#"refresh_token = { env = "SIMPLISAFE_TOKEN" }"#),
        ],
        separator: "\n",
        after: "",
        beside: Some("connection"),
    },
    Section {
        name: "vxg",
        before: "[[connection]]\n",
        required: &[
            ("name", r#"name = "yard""#),
            ("vendor", r#"vendor = "vxg""#),
            ("token", r#"token = { env = "VXG_TOKEN" }"#),
        ],
        separator: "\n",
        after: "",
        beside: Some("connection"),
    },
    Section {
        name: "tls",
        before: "CONNECTION ALL\ntls = { ",
        required: &[],
        separator: ", ",
        after: "}",
        beside: None,
    },
    Section {
        name: "client",
        before: "[[sink]]\nname = \"out\"\nkind = \"mqtt\"\nurl = \"mqtts://broker.example.com\"\ntls = { ",
        required: &[],
        separator: ", ",
        after: "}",
        beside: Some("tls"),
    },
    Section {
        name: "subscribe",
        before: "CONNECTION subscribe = [ { ",
        required: &[
            ("modifier", r#"modifier = "include""#),
            ("resource_types", r#"resource_types = ["*"]"#),
            ("sources", r#"sources = ["*"]"#),
            ("events", r#"events = ["*"]"#),
        ],
        separator: ", ",
        after: "} ]",
        beside: None,
    },
    Section {
        name: "sink",
        before: "[[sink]]\n",
        required: &[("name", r#"name = "out""#), ("kind", r#"kind = "stdout""#)],
        separator: "\n",
        after: "",
        beside: None,
    },
    Section {
        name: "file",
        before: "[[sink]]\nname = \"out\"\nkind = \"file\"\n",
        required: &[("path", r#"path = "e.jsonl""#)],
        separator: "\n",
        after: "",
        beside: Some("sink"),
    },
    Section {
        name: "nats",
        before: "[[sink]]\nname = \"out\"\nkind = \"nats\"\n",
        required: &[("url", r#"url = "tls://nats.example.com""#)],
        separator: "\n",
        after: "",
        beside: Some("sink"),
    },
    Section {
        name: "webhook",
        before: "[[sink]]\nname = \"out\"\nkind = \"webhook\"\n",
        required: &[("url", r#"url = "https://hooks.example.com""#)],
        separator: "\n",
        after: "",
        beside: Some("sink"),
    },
    Section {
        name: "mqtt",
        before: "[[sink]]\nname = \"out\"\nkind = \"mqtt\"\n",
        required: &[("url", r#"url = "mqtts://broker.example.com""#)],
        separator: "\n",
        after: "",
        beside: Some("sink"),
    },
    Section {
        name: "filter",
        before: "[[sink]]\nname = \"out\"\nkind = \"stdout\"\nfilter = { ",
        required: &[],
        separator: ", ",
        after: "}",
        beside: None,
    },
];

impl Section {
    /// A configuration with one more line in this section, and without one of the required ones.
    fn read(&self, line: Option<&str>, without: Option<&str>) -> Result<Config, ConfigErrors> {
        let required = self.required.iter().filter(|(key, _)| Some(*key) != without).map(|(_, line)| *line);
        let lines: String = required.chain(line).map(|line| format!("{line}{}", self.separator)).collect();
        let text = format!("{}{lines}{}", self.before, self.after);
        let text = text.replace("CONNECTION", CONNECTION.trim_start()).replace("ALL", ALL);
        read(&text)
    }

    /// The message and hint about a key.
    fn mistake(&self, key: &str, line: Option<&str>, without: Option<&str>) -> (String, String) {
        let errors = self.read(line, without).expect_err("a mistake");
        let of_key = |subject: &str| subject.rsplit([' ', '.']).next() == Some(key);
        let mut mistakes = errors.diagnostics().iter().filter(|one| of_key(&one.subject));
        let mistake = mistakes.next().unwrap_or_else(|| panic!("nothing about {key} in\n{errors}"));
        (mistake.message.clone(), mistake.hint.clone().unwrap_or_default())
    }
}

/// Reads a configuration whose secrets stand in variables; `secrets` says whether they are fetched.
fn read_with(text: &str, secrets: Secrets) -> Result<Config, ConfigErrors> {
    let variable = |name: &str| match name {
        "HOOK_SECRET" => Some("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()),
        // {"camid":237863,"token":"share.x","access":"all"}
        "VXG_TOKEN" => Some("eyJjYW1pZCI6MjM3ODYzLCJ0b2tlbiI6InNoYXJlLngiLCJhY2Nlc3MiOiJhbGwifQ==".into()),
        _ => Some("secret".into()),
    };
    parse(text, "watchpost.toml", &Surroundings::new("/etc/watchpost", variable).with_secrets(secrets))
}

fn read(text: &str) -> Result<Config, ConfigErrors> {
    read_with(text, Secrets::All)
}

#[test]
fn every_key_is_documented_and_no_other() {
    let page = page("docs/configuration.md");
    for section in &SECTIONS {
        let rows = [Some(section.name), section.beside].into_iter().flatten();
        let rows = rows.flat_map(|name| table(&page, &format!("keys {name}")));
        let documented: BTreeSet<_> = rows.map(|row| unquoted(&row[0]).to_owned()).collect();
        let (_, hint) = section.mistake("zzzzzzzz", Some("zzzzzzzz = 1"), None);
        let known = hint.strip_prefix("known here: ").unwrap_or_else(|| panic!("{hint}"));
        let known: BTreeSet<_> = known.split(", ").map(str::to_owned).collect();
        assert_eq!(documented, known, "keys of {}", section.name);
    }
}

#[test]
fn every_documented_default_is_the_one_in_force() {
    let page = page("docs/configuration.md");
    for section in &SECTIONS {
        let absent = section.read(None, None).unwrap_or_else(|errors| panic!("{}: {errors}", section.name));
        for row in table(&page, &format!("keys {}", section.name)) {
            let (key, default) = (unquoted(&row[0]), &row[1]);
            match default.as_str() {
                "none" => {}
                "required" => {
                    let (message, _) = section.mistake(key, None, Some(key));
                    assert_eq!(message, "required, but missing", "{key}");
                }
                value => {
                    let line = format!("{key} = {}", unquoted(value));
                    let present = section.read(Some(&line), None).unwrap_or_else(|errors| panic!("{line}: {errors}"));
                    let [absent, present] = [&absent, &present]
                        .map(|config| format!("{:?} {:?} {:?}", config.engine, config.connections, config.sinks));
                    assert_eq!(absent, present, "{line} is not the default");
                }
            }
        }
    }
}

/// A bound as a number, whatever its kind.
fn bound(text: &str) -> u128 {
    let text = text.trim();
    let duration = humantime::parse_duration(text).ok().map(|duration| duration.as_nanos());
    let size = text.parse::<ByteSize>().ok().map(|size| u128::from(size.as_u64()));
    duration.or(size).or(text.parse().ok()).unwrap_or_else(|| panic!("{text:?} is no bound"))
}

#[test]
fn every_documented_range_is_the_one_in_force() {
    let page = page("docs/configuration.md");
    let mut checked = 0;
    for section in &SECTIONS {
        for row in table(&page, &format!("keys {}", section.name)) {
            let (key, default, range) = (unquoted(&row[0]), unquoted(&row[1]), &row[2]);
            // Far too much of what the default is of.
            let value = default.trim_matches('"');
            let far = if value.parse::<u64>().is_ok() {
                "999999999"
            } else if humantime::parse_duration(value).is_ok() {
                "\"99999999d\""
            } else if value.parse::<ByteSize>().is_ok() {
                "\"900000TiB\""
            } else {
                assert_eq!(range, "", "{key} has no range that could be checked");
                continue;
            };
            let (_, hint) = section.mistake(key, Some(&format!("{key} = {far}")), None);
            let (least, most) = hint.strip_prefix("from ").and_then(|rest| rest.split_once(" to ")).unwrap();
            let documented = range.split_once(" to ").unwrap_or_else(|| panic!("{key}: the range is {hint}"));
            assert_eq!([documented.0, documented.1].map(bound), [least, most].map(bound), "{key}: the range is {hint}");
            checked += 1;
        }
    }
    assert!(checked > 10, "{checked}");
}

#[test]
fn every_configuration_in_the_pages_is_read() {
    let mut count = 0;
    for path in PAGES {
        for block in blocks(&page(path), "toml") {
            // Some name files for their secrets, which are not there.
            read_with(block, Secrets::OfSinks).unwrap_or_else(|errors| panic!("{path}: {errors}"));
            count += 1;
        }
    }
    assert!(count >= 2, "{count}");
}

#[test]
fn every_configuration_among_the_examples_is_read_without_a_word() {
    let mut count = 0;
    for entry in fs::read_dir(root().join("examples")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            // One names a file for its token, which a login has yet to write.
            let config = read_with(&fs::read_to_string(&path).unwrap(), Secrets::OfSinks)
                .unwrap_or_else(|errors| panic!("{}: {errors}", path.display()));
            assert!(config.warnings.is_empty(), "{}: {:?}", path.display(), config.warnings);
            count += 1;
        }
    }
    assert!(count >= 2, "{count}");
}

/// All Rust sources under a folder.
fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// The sources as one text, with what Rust escapes in literals as it is printed.
fn printed(paths: &[PathBuf]) -> String {
    let mut all = String::new();
    for path in paths {
        let text = fs::read_to_string(path).unwrap();
        // A literal that goes on in the next line.
        let mut pieces = text.split("\\\n");
        all.push_str(pieces.next().unwrap_or_default());
        pieces.for_each(|piece| all.push_str(piece.trim_start()));
    }
    all.replace("\\\\", "\\").replace("\\\"", "\"")
}

#[test]
fn every_message_that_is_explained_can_be_met() {
    let mut paths = Vec::new();
    sources(&root().join("actors/src"), &mut paths);
    sources(&root().join("src"), &mut paths);
    let printed = printed(&paths);
    for path in ["docs/vendors/een.md", "docs/vendors/milestone.md"] {
        for row in table(&page(path), "messages") {
            for part in unquoted(&row[0]).split('…').filter(|part| !part.is_empty()) {
                // What stands between two parts that change is too short to be found by itself.
                assert!(part.len() < 6 || printed.contains(part), "{path}: no source says {part:?}");
            }
        }
    }
}

#[test]
fn every_reason_of_a_gap_is_explained_and_no_other() {
    // Literals in sessions that are single words with `_` in them are reasons, and what was recovered, and these.
    let others = ["alarm_memory", "entry_delay", "exit_delay", "total_count"];
    for (vendor, recovered) in [
        ("milestone", &[][..]),
        ("een", &["latest_states"]),
        ("simplisafe", &["later_events", "latest_states"]),
        ("vxg", &["later_events"]),
    ] {
        let mut paths = Vec::new();
        sources(&root().join("actors/src/vendors").join(vendor).join("session"), &mut paths);
        paths
            .retain(|path| path.components().all(|part| part.as_os_str() != "tests" && part.as_os_str() != "tests.rs"));
        let printed = printed(&paths);
        let is_word = |text: &&str| {
            *text == "retention" || text.contains('_') && text.chars().all(|c| c == '_' || c.is_ascii_lowercase())
        };
        let mut told: BTreeSet<_> = printed.split('"').filter(is_word).map(str::to_owned).collect();
        told.retain(|word| !others.contains(&&**word));
        for recovered in recovered {
            assert!(told.remove(*recovered), "{vendor}: no source says that {recovered} were recovered");
        }
        let page = page(&format!("docs/vendors/{vendor}.md"));
        let rows = table(&page, "gaps");
        let explained: BTreeSet<_> = rows.iter().map(|row| unquoted(&row[0]).to_owned()).collect();
        assert_eq!(explained, told, "{vendor}");
        for recovered in recovered {
            assert!(page.contains(&format!("`{recovered}`")), "{vendor}: {recovered} is not explained");
        }
    }
}

/// The names of all tests.
fn tests() -> BTreeSet<String> {
    let mut paths = Vec::new();
    ["actors/src", "src", "tests"].iter().for_each(|folder| sources(&root().join(folder), &mut paths));
    let mut names = BTreeSet::new();
    for path in paths {
        let mut is_test = false;
        for line in fs::read_to_string(path).unwrap().lines().map(str::trim) {
            is_test |= line.starts_with("#[") && (line.ends_with("test]") || line.contains("::test("));
            let name = line.trim_start_matches("async ").strip_prefix("fn ").and_then(|rest| rest.split_once('('));
            if let Some((name, _)) = name {
                if is_test {
                    names.insert(name.to_owned());
                }
                is_test = false;
            }
        }
    }
    names
}

/// The words of a cell that stand between backquotes.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// What a page has in backquotes in the last column of a table, row by row: tests.
fn assert_tested(path: &str, name: &str, tests: &BTreeSet<String>) {
    for row in table(&page(path), name) {
        let named = quoted(row.last().unwrap());
        assert!(!named.is_empty(), "{path}: no test proves {:?}", row[0]);
        for test in named {
            assert!(tests.contains(test), "{path}: there is no test {test:?}");
        }
    }
}

#[test]
fn every_test_that_a_page_names_is_there() {
    let tests = tests();
    assert!(tests.contains("every_test_that_a_page_names_is_there") && !tests.contains("assert_tested"));
    for name in ["sample", "files", "pitfalls", "graded"] {
        assert_tested("docs/vendors/milestone.md", name, &tests);
    }
    assert_tested("docs/vendors/vxg.md", "defects", &tests);
}

#[cfg(feature = "simulator")]
#[test]
fn every_fact_of_milestone_that_is_not_official_has_its_switch_and_its_test() {
    use watchpost::simulator::milestone::Fault;

    let page = page("docs/vendors/milestone.md");
    let graded = table(&page, "graded");
    let mut facts = 0;
    let mut grades = false;
    for line in page.lines() {
        grades = line.starts_with('|') && (grades || line == "| fact | grade | what watchpost does |");
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        if grades && ["observed", "inferred", "not documented", "unknown"].iter().any(|word| cells[1].contains(word)) {
            let rows = graded.iter().filter(|row| cells[0].starts_with(&row[0])).count();
            assert_eq!(rows, 1, "in one row of the table of what is not official: {:?}", cells[0]);
            facts += 1;
        }
    }
    assert!(facts > 15, "{facts}");
    let trials = fs::read_to_string(root().join("tests/milestone_faults.rs")).unwrap();
    for row in &graded {
        assert!(page.matches(&row[0]).count() > 1, "nothing else tells {:?}", row[0]);
        let switches = quoted(&row[1]);
        assert!(!switches.is_empty() || row[1].starts_with("none: "), "{:?} has no switch, and no word why", row[0]);
        let mut is_tried = !row[2].contains("`no_fault_loses_anything_in_silence`");
        for switch in switches {
            assert!(Fault::all().iter().any(|fault| fault.name == switch), "the simulator has no fault {switch:?}");
            is_tried |= [format!("(\"{switch}\", "), format!("(\"{switch}=")].iter().any(|row| trials.contains(row));
        }
        assert!(is_tried, "no trial of `tests/milestone_faults.rs` is about {:?}", row[0]);
    }
}

/// How GitHub names a heading in an address.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[test]
fn every_link_and_path_leads_somewhere() {
    for path in PAGES {
        let text = page(path);
        let folder = root().join(path).parent().unwrap().to_owned();
        for link in text.split("](").skip(1).map(|rest| rest.split_once(')').unwrap().0) {
            if link.contains("://") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { root().join(path) } else { folder.join(file) };
            assert!(target.exists(), "{path}: {link}");
            if !heading.is_empty() {
                let text = fs::read_to_string(&target).unwrap();
                let found = text.lines().any(|line| line.starts_with('#') && anchor(line) == heading);
                assert!(found, "{path}: {link}");
            }
        }
        let code = text.split('`').skip(1).step_by(2);
        let of_ours = ["actors/", "src/", "docs/", "examples/", "scripts/", "tests/", "benches/"];
        for code in code.filter(|code| of_ours.iter().any(|start| code.starts_with(start)) && !code.contains(' ')) {
            assert!(root().join(code).exists(), "{path}: {code}");
        }
    }
}
