//! The end of a demo: what happened, what was told, and whether that is the same.

use std::{fmt::Write as _, io};

use watchpost::simulator::milestone::{Simulator, audit::Report};

use super::{Exit, tally::Tally};
use crate::cli::terminal;

/// Prints it, and judges.
pub(super) fn print(report: &Report, tally: &Tally, simulator: &Simulator) -> io::Result<Exit> {
    let cloud = tally.compare();
    let (house, wrong) = (tally.compare_house(), tally.wrong_of_house());
    let (yard, wrong_of_yard) = (tally.compare_yard(), tally.wrong_of_yard());
    let good = report.is_clean() && tally.is_right_beside() && tally.was_online();
    let states = simulator.states().len();
    let equal = states.saturating_sub(report.state_differences.len());
    let mut text = String::from("\nSUMMARY\n");
    for (what, count) in [
        ("events sent", report.sent),
        ("received", report.received),
        ("in gaps that were told", report.in_gaps),
        ("lost silently", report.lost.len()),
        ("repeats left out", usize::try_from(tally.status().repeats).unwrap_or(usize::MAX)),
        ("told as snapshot differences", tally.differences),
        ("sessions resumed", simulator.ledger().sessions.iter().map(|session| session.resumed.len()).sum()),
        ("gaps", report.gaps),
        ("states equal", equal),
        ("states different", report.state_differences.len()),
        ("cloud: events told", tally.of_cloud),
        ("cloud: states equal", cloud.equal),
        ("cloud: states different", cloud.differences.len()),
        ("house: events told", tally.heard.told()),
        ("house: recovered from history", tally.heard.recovered()),
        ("house: events missing or twice", wrong.len()),
        ("house: changes found by polls", tally.heard.polled),
        ("house: gaps", tally.heard.gaps),
        ("house: states equal", house.equal),
        ("house: states different", house.differences.len()),
        ("yard: events told", tally.of_yard.told()),
        ("yard: late ones found", tally.of_yard.late()),
        ("yard: events missing or twice", wrong_of_yard.len()),
        ("yard: updates of events", tally.of_yard.updates),
        ("yard: cameras gone or back", tally.of_yard.changes),
        ("yard: gaps", tally.of_yard.gaps),
        ("yard: states equal", yard.equal),
        ("yard: states different", yard.differences.len()),
    ] {
        // Writing into a String does not fail.
        let _ = writeln!(text, "  {what:<31}{count:>7}");
    }
    text.push_str(if good {
        "\nNo event was lost in silence, and every state is as it is.\n"
    } else if tally.was_online() {
        "\nWhat was told is not what happened:\n"
    } else {
        "\nThe connection never came online.\n"
    });
    if !report.is_clean() {
        let _ = write!(text, "{report}");
    }
    for difference in &cloud.differences {
        let _ = writeln!(text, "  cloud: {difference}");
    }
    for difference in house.differences.iter().chain(&wrong) {
        let _ = writeln!(text, "  house: {difference}");
    }
    for difference in yard.differences.iter().chain(&wrong_of_yard) {
        let _ = writeln!(text, "  yard: {difference}");
    }
    terminal::print(text.as_bytes())?;
    Ok(if good { Exit::Done } else { Exit::Failed })
}
