//! `[[connection]]`: a system to watch.

use std::collections::HashSet;

use watchpost_actors::ConnectionConfig;
use watchpost_actors::model::ConnectionName;
use watchpost_actors::settings::{CommonSettings, Fields, Heartbeat, Mistake, name};
use watchpost_actors::vendors::{Listed, VENDORS};

/// Reads every `[[connection]]`.
pub(super) fn read_all(root: &mut dyn Fields) -> Option<Vec<ConnectionConfig>> {
    let mut taken = HashSet::new();
    root.tables("connection", |fields| read(fields, &mut taken))
}

fn read(fields: &mut dyn Fields, taken: &mut HashSet<String>) -> Option<ConnectionConfig> {
    fields.require("name", "name = \"hq\"");
    fields.require("vendor", "vendor = \"milestone\"");
    let name = own_name(fields, taken);
    let vendor = vendor(fields);
    let common = CommonSettings::read(fields, vendor.map_or(Heartbeat::UNHURRIED, |vendor| vendor.heartbeat));
    let Some(vendor) = vendor else {
        // Which other keys there are, the vendor would say.
        fields.accept_rest();
        return None;
    };
    let settings = (vendor.read)(fields);
    Some(ConnectionConfig { name: ConnectionName::new(&name?).ok()?, common, vendor: settings? })
}

fn vendor(fields: &mut dyn Fields) -> Option<&'static Listed> {
    let word = fields.string("vendor")?;
    let vendor = VENDORS.iter().find(|vendor| vendor.name.eq_ignore_ascii_case(&word));
    if vendor.is_none() {
        fields.error("vendor", Mistake::unknown("vendor", &word, VENDORS.iter().map(|vendor| vendor.name)));
    }
    vendor
}

/// The name of a connection or sink, which must not be taken by another.
pub(super) fn own_name(fields: &mut dyn Fields, taken: &mut HashSet<String>) -> Option<String> {
    let word = fields.string("name")?;
    let mistake = match name::check(&word) {
        Err(mistake) => mistake,
        Ok(()) if taken.insert(word.clone()) => return Some(word),
        Ok(()) => {
            Mistake::new(format!("the name \"{word}\" is taken by an earlier one")).hint("give each its own name")
        }
    };
    fields.error("name", mistake);
    None
}
