//! Names for people to read.

const PLACES: [&str; 24] = [
    "Kitchen",
    "Lobby",
    "Loading Dock",
    "Cash Desk",
    "Back Door",
    "Parking Lot",
    "Stock Room",
    "Entrance",
    "Office",
    "Stairwell",
    "Server Room",
    "Corridor",
    "Drive-Through",
    "Dining Room",
    "Garage",
    "Rooftop",
    "Elevator",
    "Safe",
    "Reception",
    "Aisle",
    "Pharmacy",
    "Break Room",
    "Side Gate",
    "Cold Store",
];

const TOWNS: [&str; 20] = [
    "Springfield",
    "Riverside",
    "Franklin",
    "Greenville",
    "Bristol",
    "Clinton",
    "Fairview",
    "Salem",
    "Madison",
    "Georgetown",
    "Arlington",
    "Ashland",
    "Dover",
    "Oxford",
    "Jackson",
    "Burlington",
    "Manchester",
    "Milton",
    "Newport",
    "Auburn",
];

/// The nth camera of an account.
pub(super) fn camera(nth: usize) -> String {
    numbered(PLACES[nth % PLACES.len()], "Camera", nth / PLACES.len())
}

/// The nth bridge of an account.
pub(super) fn bridge(nth: usize) -> String {
    numbered(PLACES[nth % PLACES.len()], "Bridge", nth / PLACES.len())
}

/// The nth sub-account.
pub(super) fn account(nth: usize) -> String {
    numbered(TOWNS[nth % TOWNS.len()], "Store", nth / TOWNS.len())
}

fn numbered(place: &str, what: &str, round: usize) -> String {
    if round == 0 { format!("{place} {what}") } else { format!("{place} {what} {}", round + 1) }
}
